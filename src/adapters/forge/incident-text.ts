/**
 * What an issue says of a failure. What others wrote (log lines, commit subjects) stands in blocks of code: there it mentions
 * nobody, closes nothing and looks like no mark of ours.
 */
import type { Notification } from "../../domain/notification.ts";
import { stripControl } from "../../domain/untrusted-text.ts";

export function failureText(notification: Notification): string {
  const { environment, environmentUrl, version, deploymentId, commit, backup, rollbackMinutesLeft } = notification;
  const { serves, report } = notification;
  const facts = [
    ["Environment", environmentUrl === null ? environment : `${environment} (${environmentUrl})`],
    ["Version", commit === undefined ? version : `${version} (${commit.slice(0, 12)})`],
    ["Deployment", deploymentId],
    ...(serves === undefined ? [] : [["Now serving", serves ?? "nothing"]]),
    ["Backup", backup ?? "none"],
    ["Rollback", rollbackMinutesLeft === null ? "not possible by hand" : `${rollbackMinutesLeft} min left`],
  ];
  const table = facts.map(([name, value]) => `| ${name} | ${code(value ?? "")} |`);
  return [
    fenced(notification.message),
    ["| | |", "| --- | --- |", ...table].join("\n"),
    `**Next**\n\n${fenced(notification.next)}`,
    ...(report === undefined ? [] : [`**Report**\n\n${fenced(report)}`]),
  ].join("\n\n");
}

export const successText = ({ version, environment, deploymentId, atMs }: Notification): string =>
  `${code(version)} serves in ${code(environment)} since ${new Date(atMs).toISOString()} (${code(deploymentId)}).`;

/** A fence is longer than any that the text holds. */
export function fenced(text: string): string {
  const clean = stripControl(text.replaceAll("\r\n", "\n")).trim();
  const longest = Math.max(2, ...(clean.match(/`+/g) ?? []).map(({ length }) => length));
  // Nobody needs a fence of more than sixty; such a run of backticks is no text.
  if (longest > 60) return fenced(clean.replace(/`{60,}/g, "…"));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${clean}\n${fence}`;
}

/** On one line, in a cell of a table too. */
export const code = (text: string): string =>
  `\`${stripControl(text).replaceAll(/\s+/g, " ").replaceAll(/[`|]/g, "'")}\``;
