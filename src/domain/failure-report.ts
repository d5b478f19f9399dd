/**
 * D2: what failed, why, whom it reached, what was undone, what stays, what to do next; after a rollback it is the incident report.
 * Everything in it was read from the record and the story of the deployment; what was not measured is said to be so.
 */
import type { BackupManifest } from "./backup.ts";
import { humanDuration } from "./duration.ts";
import type { Failure } from "./errors.ts";
import type { DeploymentEvent } from "./events.ts";
import { asJson, type Json } from "./json.ts";
import type { Outcome } from "./outcome.ts";
import { type Criterion, criteriaTable } from "./success-criteria.ts";
import { caughtWords, type RecordedVerdict, verdictWords, weightsIn } from "./verdict-record.ts";

export interface FailureFacts {
  readonly deploymentId: string;
  readonly environment: string;
  readonly version: string;
  readonly outcome: Outcome;
  readonly failure: Failure;
  readonly undone: readonly string[];
  readonly undoFailures: readonly Failure[];
  readonly remains: readonly string[];
  readonly servesNow: string | null;
  readonly backups: readonly Pick<BackupManifest, "id">[];
  readonly events: readonly DeploymentEvent[];
  readonly verdict: RecordedVerdict;
  /** Beside the report, where something was compared. */
  readonly verdictFile: string;
  readonly startedAtMs: number;
  readonly criteria: readonly Criterion[];
  readonly onCall: readonly string[];
}

export interface Impact {
  /** Null: no request went to the candidate, or it is not known how long. */
  readonly minutes: number | null;
  readonly mostPercent: number;
  /** The candidate's, up to the decision; null: not counted. */
  readonly requests: number | null;
  readonly failed: number | null;
  readonly words: string;
}

/** Whom it reached: from the first weight that was read back to the one with which the stable version had all of it again. */
export function impactOf({ events, verdict }: Pick<FailureFacts, "events" | "verdict">): Impact {
  const weights = weightsIn(events);
  const first = weights.find(({ percent }) => percent > 0);
  if (first === undefined)
    return { minutes: null, mostPercent: 0, requests: null, failed: null, words: "No request went to the candidate." };
  const back = weights.find(({ atMs, percent }) => percent === 0 && atMs >= first.atMs);
  const mostPercent = Math.max(...weights.map(({ percent }) => percent));
  const { caught } = verdict;
  const counted = caught
    ? `${caught.requests.toLocaleString("en-US")} requests went to the candidate up to the decision, ${caught.failed.toLocaleString("en-US")} of them failed`
    : "the candidate's requests were not counted";
  const lasted = back
    ? `It had traffic for ${humanDuration(back.atMs - first.atMs)}`
    : "It got traffic, and that the stable version had all of it again was not read back";
  return {
    minutes: back ? Math.round((back.atMs - first.atMs) / 600) / 100 : null,
    mostPercent,
    requests: caught?.requests ?? null,
    failed: caught?.failed ?? null,
    words: `${lasted}, up to ${mostPercent} %; ${counted}.`,
  };
}

const timelineOf = ({ events, startedAtMs }: FailureFacts) =>
  events
    .filter(({ phase, tone }) => phase !== "begin" || tone === "bad")
    .map(({ atMs, step, title, actor }) => ({ afterMs: Math.max(0, atMs - startedAtMs), atMs, step, title, actor }));

/** What is left for people, each with the command that begins it. */
function followUpsOf(facts: FailureFacts): readonly string[] {
  const { failure, undoFailures, backups, remains, deploymentId, servesNow } = facts;
  const migrations = remains.filter((each) => each.startsWith("migration "));
  return [
    failure.hint,
    ...undoFailures.map(({ at, hint }) => `${at} was not undone: ${hint}`),
    ...(migrations.length > 0
      ? [`See that ${servesNow ?? "what serves"} works with what stays in the database: ${migrations.join(", ")}`]
      : []),
    ...backups.map(({ id }) => `Backup ${id} was taken before anything changed: sluice backup show ${id}`),
    `What people found out belongs to the record: sluice note ${deploymentId} "…"`,
  ];
}

/** The same as JSON, for what files incidents by itself. */
export function incidentJson(facts: FailureFacts): Json {
  const { deploymentId, environment, version, outcome, failure, servesNow, startedAtMs } = facts;
  const { minutes, mostPercent, requests, failed } = impactOf(facts);
  return asJson({
    deployment_id: deploymentId,
    environment,
    version,
    outcome,
    serves_now: servesNow,
    started_at: new Date(startedAtMs).toISOString(),
    failure,
    impact: { minutes, most_percent: mostPercent, candidate_requests: requests, failed_requests: failed },
    verdict: verdictWords(facts.verdict),
    undone: facts.undone,
    not_undone: facts.undoFailures,
    remains: facts.remains,
    follow_ups: followUpsOf(facts),
    success_criteria: facts.criteria,
    timeline: timelineOf(facts).map(({ atMs, afterMs, ...line }) => ({
      at: new Date(atMs).toISOString(),
      after_ms: afterMs,
      ...line,
    })),
    on_call: facts.onCall,
  });
}

export function failureReport(facts: FailureFacts): string {
  const { failure, undone, undoFailures, remains } = facts;
  const list = (items: readonly string[], none: string) =>
    items.length > 0 ? items.map((item) => `- ${item}`) : [`- ${none}`];
  return [
    `# ${facts.version} in ${facts.environment}: ${facts.outcome}`,
    "",
    `Deployment ${facts.deploymentId}. Now serving: ${facts.servesNow ?? "nothing"}.`,
    "",
    "## What failed",
    `${failure.message} (${failure.code}, ${failure.at})`,
    ...(failure.evidence ? ["", "```", failure.evidence.trim(), "```"] : []),
    "",
    "## Whom it reached",
    impactOf(facts).words,
    "",
    "## Compared with the stable version",
    ...verdictLines(facts),
    "",
    "## What was undone",
    ...list(undone, "nothing had to be undone"),
    ...(undoFailures.length > 0
      ? [
          "",
          "## What could NOT be undone",
          ...undoFailures.map(({ at, message, hint }) => `- ${at}: ${message} ${hint}`),
        ]
      : []),
    "",
    "## What changed and stays",
    ...list(remains, "nothing"),
    "",
    "## What to do next",
    ...followUpsOf(facts).map((each) => `- ${each}`),
    "",
    "## Success criteria",
    ...criteriaTable(facts.criteria),
    "",
    "## Timeline",
    ...timelineOf(facts).map(({ afterMs, step, title }) => `- +${humanDuration(afterMs)}  ${step}: ${title}`),
    "",
    "## People on call",
    ...list(facts.onCall, "nobody is named in the configuration"),
    "",
  ].join("\n");
}

function verdictLines({ verdict, verdictFile }: FailureFacts): readonly string[] {
  const caught = verdict.caught ? ["", `It was taken back ${caughtWords(verdict.caught)}.`] : [];
  if (!verdict.compared) return [`${verdictWords(verdict)}.`, ...caught];
  return [
    `${verdictWords(verdict)}.`,
    ...caught,
    ...verdict.unknown.map(({ name, reason }) => `- not known: ${name}: ${reason}`),
    ...verdict.remarks.map((remark) => `- ${remark}`),
    "",
    `![Weight, error rates of both versions and evidence over time](${verdictFile})`,
  ];
}
