/** D2 N2: what stakeholders read of a deployment: what is live now, what changed, who agreed, whether it met what it had to. */
import { humanDuration } from "./duration.ts";
import type { RecordedDeployment } from "./recorded.ts";
import { criteriaTable } from "./success-criteria.ts";
import { excerpt } from "./untrusted-text.ts";

const mostChanges = 50;

export function summaryText(project: string, record: RecordedDeployment): string {
  const { version, environment, outcome, serves_now: serves } = record;
  const isLive = outcome === "succeeded";
  const total = record.durations_ms.total;
  return [
    `# ${version} of ${project} ${isLive ? "is live" : "did not go live"} in ${environment}`,
    "",
    isLive
      ? `${version} serves everybody since ${minute(record.ended_at)}.`
      : `It ended as ${outcome}; ${serves ?? "nothing"} serves.`,
    "",
    "## What changed",
    ...changesOf(record),
    "",
    "## How",
    `- started by ${record.started_by} at ${minute(record.started_at)}${total === undefined ? "" : `, took ${humanDuration(total)}`}`,
    ...approvalsOf(record),
    ...(record.rollback_until ? [`- can be taken back until ${minute(record.rollback_until)}`] : []),
    `- deployment ${record.deployment_id}, commit ${record.git_sha.slice(0, 12)}`,
    "",
    "## Success criteria",
    ...criteriaTable(record.success_criteria ?? []),
    "",
  ].join("\n");
}

const minute = (iso: string): string => `${iso.slice(0, 16).replace("T", " ")} UTC`;

function changesOf({ changes = [] }: RecordedDeployment): readonly string[] {
  if (changes.length === 0) return ["- no commits besides the version that served before"];
  const shown = changes
    .slice(0, mostChanges)
    .map(({ subject, author }) => `- ${excerpt(subject, 200)} (${excerpt(author, 80)})`);
  const more = changes.length - shown.length;
  return more > 0 ? [...shown, `- … and ${more} more`] : shown;
}

function approvalsOf({ approvals = [] }: RecordedDeployment): readonly string[] {
  const given = approvals.filter(({ decision }) => decision === "approve").map(({ by }) => by);
  return given.length === 0 ? [] : [`- approved by ${given.join(", ")}`];
}
