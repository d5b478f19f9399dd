/** What the ledger knows of a rollout's comparison right now, for `status`. */
import type { DeploymentRow, Ledger } from "../app/model.ts";
import type { CanaryState } from "../domain/canary/canary.ts";
import { type CanaryVerdict, judgeCanary } from "../domain/canary/judge.ts";
import { bucketIndexAt, type CanaryPlan } from "../domain/canary/plan.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { FixedVerdict } from "../domain/verdict-record.ts";
import type { Progress, Reading } from "./render/progress.ts";
import type { ArmStatus, VerdictStatus } from "./render/verdict-text.ts";

/** A look may be late by so many buckets before what it would have brought counts as unknown. */
const lateBuckets = 2;

/** Null where nothing is compared. `nowMs` by the ledger's clock. */
export async function verdictStatus(
  ledger: Ledger,
  row: DeploymentRow,
  settings: Pick<EnvironmentSettings, "rollout">,
  progress: Progress,
  nowMs: number,
): Promise<VerdictStatus | null> {
  const evidence = await ledger.evidence(row.id);
  if (evidence === undefined) return null;
  const fixed = evidence.plan as unknown as FixedVerdict;
  const state = evidence.state as unknown as CanaryState;
  // Outside of a bake nobody looks: then what came last is what is known.
  const isWatched = row.state === "running" && progress.phase === "rollout";
  const dueIndex = bucketIndexAt(nowMs - fixed.canary.graceMs, fixed.canary.bucketMs) - 1 - lateBuckets;
  const through = isWatched ? Math.max(state.row, dueIndex) : state.row;
  return drawn(fixed, settings.rollout.verdict.mode, judgeCanary(fixed.canary, state, through), progress);
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

function drawn(fixed: FixedVerdict, mode: string, verdict: CanaryVerdict, progress: Progress): VerdictStatus {
  const { evidence, excessUpperBound, unknownMetrics } = verdict;
  const { canary, remarks } = fixed;
  const advisory = new Set(canary.metrics.filter((metric) => metric.advisory).map(({ name }) => name));
  const errors = nameOfErrors(canary);
  const counts = evidence.perMetric.find(({ name }) => name === errors)?.counts;
  return {
    mode,
    kind: verdict.kind,
    reason: verdict.reason,
    logE: finite(evidence.logE),
    threshold: evidence.threshold,
    holdLogE: finite(evidence.holdLogE),
    holdThreshold: evidence.holdThreshold,
    candidate: armOf(fixed.candidate.version, counts?.candidateTotal, counts?.candidateEvents, progress.candidate),
    stable: armOf(fixed.stable.version, counts?.stableTotal, counts?.stableEvents, progress.stable),
    excessUpperBound: excessUpperBound[errors ?? ""] ?? null,
    boundConfidence: 1 - canary.goodBeta,
    metrics: evidence.perMetric.map(({ name, logE }) => ({ name, advisory: advisory.has(name), logE: finite(logE) })),
    unknown: unknownMetrics.map(({ name, reason }) => ({ name, reason, advisory: advisory.has(name) })),
    remarks,
  };
}

const nameOfErrors = ({ metrics }: CanaryPlan): string | undefined =>
  metrics.find(({ kind }) => kind === "errors")?.name;

/** A quantile of no requests is no 0 ms. */
function armOf(version: string, requests = 0, failed = 0, seen: Reading | null): ArmStatus {
  const p95Ms = seen !== null && seen.requests > 0 ? (seen.p95Ms ?? null) : null;
  return { version, requests, failed, p95Ms };
}
