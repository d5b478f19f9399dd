/** What people read when they open the job: the outcome first, then why, then the deployment's own report. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { exitCodes } from "../../src/domain/outcome.ts";
import { stripControl } from "../../src/domain/untrusted-text.ts";
import type { Annotation } from "./runner.ts";
import { outcomeWord, type Story } from "./told.ts";

/** What each exit code means to somebody who looks at a red or green job. */
const words: Readonly<Record<number, string>> = {
  [exitCodes.succeeded]: "It serves.",
  [exitCodes.failed]: "It failed before traffic moved. What did change is listed in the report.",
  [exitCodes.usage]: "Nothing was begun: the configuration or the call is wrong.",
  [exitCodes.refused]: "A gate refused it. Nothing was touched.",
  [exitCodes.rolledBack]: "It was rolled back. The version before serves.",
  [exitCodes.rollbackFailed]: "The rollback failed. A person is needed now.",
  [exitCodes.undecided]: "It could not be decided, which is no pass.",
  [exitCodes.lockHeld]: "Another deployment holds the environment.",
  [exitCodes.waitingForApproval]:
    "It waits for approval and has not been deployed. This job has ended; the deployment has not.",
  [exitCodes.cancelled]: "It was cancelled, has expired or was superseded.",
  [exitCodes.followingStopped]: "This job follows it no more. How it ends is not known here.",
};

export const codeWords = (code: number): string => words[code] ?? "It ended in a way that is not known here.";

export function endingAnnotation(story: Story, code: number): Annotation | undefined {
  if (code === exitCodes.succeeded) return undefined;
  const { trouble, version, environment } = story;
  const kind = code === exitCodes.waitingForApproval || code === exitCodes.followingStopped ? "warning" : "error";
  const what = [version, environment].filter((word) => word !== undefined).join(" to ");
  const why = trouble ? `${trouble.message} (${trouble.code})\n${trouble.hint}` : (story.next ?? "");
  return {
    kind,
    title: `Sluice${what === "" ? "" : `, ${what}`}: ${outcomeWord(story, code)}`,
    message: `${codeWords(code)}\n${why}`,
  };
}

export function deploymentSummary(story: Story, code: number): string {
  const { deployment, version, environment, servesNow, trouble } = story;
  const rows = Object.entries({
    environment,
    version,
    deployment,
    "serves now": servesNow,
    outcome: outcomeWord(story, code),
    "exit code": code,
  })
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `| ${name} | ${cell(String(value))} |`);
  const why = trouble ? ["", ...fenced(`${trouble.message} (${trouble.code})\n${trouble.hint}`)] : [];
  const waits = code === exitCodes.waitingForApproval ? ["", ...howToGoOn(story)] : [];
  return [
    `## ${codeWords(code)}`,
    "",
    "| | |",
    "|---|---|",
    ...rows,
    ...why,
    ...waits,
    "",
    reportOf(story.folder),
    "",
  ].join("\n");
}

export const textSummary = (command: string, code: number, text: string): string =>
  [
    `## sluice ${command}`,
    "",
    ...(code === exitCodes.succeeded ? [] : [`Exit code ${code}.`, ""]),
    ...fenced(text),
    "",
  ].join("\n");

const howToGoOn = ({ deployment = "" }: Story): readonly string[] => [
  "1. Whoever may approve it does so where the project is, with the key that is known for them:",
  ...fenced(`sluice approve ${deployment} --key ~/.ssh/id_ed25519`),
  "2. On a runner that stays it then goes on by itself. Otherwise, or to follow it to its end, run this workflow again with its id as `deployment`:",
  ...fenced(deployment),
];

/** Longer than any run of backticks inside. */
function fenced(text: string): readonly string[] {
  const clean = stripControl(text).trimEnd();
  const longest = Math.max(2, ...[...clean.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return [fence, clean, fence];
}

const cell = (text: string): string =>
  `<code>${stripControl(text).replace(/[&<>|\n]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</code>`;

/** Whichever of them the deployment wrote. */
function reportOf(folder: string | null | undefined): string {
  for (const name of ["incident-report.md", "failure-report.md", "stakeholder-summary.md"]) {
    try {
      return readFileSync(join(folder ?? "", name), "utf8");
    } catch {
      // Another one, or none: a deployment that nothing touched has no report.
    }
  }
  return "";
}
