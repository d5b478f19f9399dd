/**
 * D1: the record of a deployment. The first part has the keys and values of the sources' format verbatim; the rest is ours.
 * Everything in it was observed: readings come from the events, never from what was intended.
 */
import type { Approval } from "./approval.ts";
import type { BackupManifest } from "./backup.ts";
import type { Failure } from "./errors.ts";
import type { DeploymentEvent } from "./events.ts";
import { asJson, type Json } from "./json.ts";
import type { Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import { successCriteria } from "./success-criteria.ts";
import type { Verdict } from "./verdict.ts";
import { type RecordedVerdict, weightsIn } from "./verdict-record.ts";

/** A check's result as it is recorded; ports/check.ts has the whole of it. */
export interface RecordedCheck {
  readonly name: string;
  readonly verdict: Verdict;
  readonly tookMs: number;
  readonly detail: string;
}

export interface RecordFacts {
  readonly deploymentId: string;
  readonly kind: "deploy" | "rollback";
  readonly environment: string;
  readonly version: string;
  readonly commit: string;
  readonly startedBy: string;
  readonly createdAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: Outcome;
  readonly failure: Failure | null;
  readonly undoFailures: readonly Failure[];
  readonly undone: readonly string[];
  /** What changed and stays, e.g. applied migrations. */
  readonly remains: readonly string[];
  readonly plan: Plan | null;
  readonly planDigest: string | null;
  readonly approvals: readonly Approval[];
  readonly backups: readonly BackupManifest[];
  readonly smoke: readonly RecordedCheck[];
  readonly rollout: readonly Json[];
  readonly observation: Json | null;
  /** The comparison with the stable version, or why there was none. */
  readonly verdict: RecordedVerdict;
  readonly events: readonly DeploymentEvent[];
  readonly rollbackUntilMs: number | null;
  readonly folder: string;
  /** Requests, errors and read-back weights at the end. */
  readonly servesNow: string | null;
}

const sourceStatus: Readonly<Record<Outcome, string>> = {
  succeeded: "success",
  failed: "failed",
  refused: "failed",
  "rolled-back": "rolled_back",
  "rollback-failed": "rollback_failed",
  undecided: "rolled_back",
  quarantined: "failed",
  cancelled: "cancelled",
  expired: "cancelled",
  superseded: "cancelled",
};

export function buildRecord(facts: RecordFacts): Json {
  return asJson({ ...sourceFormat(facts), ...ours(facts), notes: [] });
}

/** The keys and values of the sources' format, verbatim. */
function sourceFormat(facts: RecordFacts) {
  const { plan } = facts;
  return {
    timestamp: new Date(facts.endedAtMs).toISOString(),
    deployment_id: facts.deploymentId,
    environment: facts.environment,
    status: sourceStatus[facts.outcome],
    git_sha: facts.commit,
    git_ref: plan ? `refs/${plan.release.ref.kind === "tag" ? "tags" : "heads"}/${plan.release.ref.name}` : null,
    services_deployed: facts.outcome === "succeeded" ? (plan?.settings.components.map(({ name }) => name) ?? []) : [],
    health_checks: healthWords(facts),
    rollback_available: facts.rollbackUntilMs !== null,
  };
}

function ours(facts: RecordFacts) {
  const { plan } = facts;
  return {
    kind: facts.kind,
    version: facts.version,
    outcome: facts.outcome,
    serves_now: facts.servesNow,
    started_by: facts.startedBy,
    started_at: new Date(facts.createdAtMs).toISOString(),
    ended_at: new Date(facts.endedAtMs).toISOString(),
    durations_ms: durations(facts),
    failure: facts.failure,
    undone: facts.undone,
    undo_failures: facts.undoFailures,
    remains: facts.remains,
    plan_digest: facts.planDigest,
    risk: plan?.risk ?? null,
    changes: plan?.changes ?? [],
    release: plan && {
      author: plan.release.author,
      subject: plan.release.subject,
      committed_at: new Date(plan.release.committedAtMs).toISOString(),
    },
    traffic: trafficTimes(facts.events),
    checks: plan?.findings ?? [],
    artifacts: plan?.artifacts.map(({ component, digest }) => ({ component, digest })) ?? [],
    approvals: facts.approvals.map(({ by, decision, comment, atMs, proof }) => ({
      by,
      decision,
      comment,
      at: new Date(atMs).toISOString(),
      proof: proof.kind === "ssh-signature" ? `ssh key ${proof.keyFingerprint}` : "declared, not proven",
    })),
    backups: facts.backups,
    rollout: facts.rollout,
    verdict: verdictJson(facts.verdict),
    smoke: facts.smoke,
    observation: facts.observation,
    success_criteria: successCriteria(facts),
    rollback_until: facts.rollbackUntilMs === null ? null : new Date(facts.rollbackUntilMs).toISOString(),
    folder: facts.folder,
    last_event_hash: facts.events.at(-1)?.hash ?? null,
  };
}

/** When the candidate got its first traffic, and when the stable version had all of it again: as it was read back. */
function trafficTimes(events: readonly DeploymentEvent[]) {
  const weights = weightsIn(events);
  const first = weights.find(({ percent }) => percent > 0);
  const back = first && weights.find(({ atMs, percent }) => percent === 0 && atMs >= first.atMs);
  const text = (at: typeof first) => (at ? new Date(at.atMs).toISOString() : null);
  const percents = weights.map(({ percent }) => percent);
  return { first_at: text(first), back_at: text(back), most_percent: percents.length > 0 ? Math.max(...percents) : 0 };
}

/** In the record's spelling. Evidence of minus infinity (no metric decides) is null, as JSON has no word for it. */
function verdictJson(verdict: RecordedVerdict) {
  const caught = verdict.caught && {
    requests: verdict.caught.requests,
    failed: verdict.caught.failed,
    after_ms: verdict.caught.afterMs,
  };
  if (!verdict.compared) return { ...verdict, caught };
  const { excessUpperBound, requestsPerSecond, ...same } = verdict;
  return { ...same, caught, excess_upper_bound: excessUpperBound, requests_per_second: requestsPerSecond };
}

/** The sources' words: `healthy` and `passed`, else what was seen. */
function healthWords(facts: RecordFacts): Readonly<Record<string, string>> {
  const words = facts.smoke.map(({ name, verdict }) => [
    name.replaceAll(/[^A-Za-z0-9]+/g, "_").toLowerCase(),
    verdict.kind === "pass" ? "healthy" : verdict.kind,
  ]);
  const smoke =
    facts.smoke.length === 0
      ? []
      : [["smoke_tests", facts.smoke.every(({ verdict }) => verdict.kind === "pass") ? "passed" : "failed"]];
  return Object.fromEntries([...words, ...smoke]);
}

/** D5: how long each stage took, summed over its parts, from the story. */
export function durations({
  events,
  createdAtMs,
  endedAtMs,
}: Pick<RecordFacts, "events" | "createdAtMs" | "endedAtMs">): Readonly<Record<string, number>> {
  const sums: Record<string, number> = { total: endedAtMs - createdAtMs };
  for (const { step, phase, detail } of events) {
    const tookMs = phase === "end" ? (detail as { readonly tookMs?: Json }).tookMs : undefined;
    if (typeof tookMs === "number") sums[step] = (sums[step] ?? 0) + Math.round(tookMs);
  }
  return sums;
}
