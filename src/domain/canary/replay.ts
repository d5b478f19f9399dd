/**
 * The evidence as it grew: the kept buckets played through the same test once more. What the test saw is what is drawn and
 * recorded; nothing of it is remembered from elsewhere, and the end of the series is the state that decided.
 */
import type { BucketReading, MetricBucket, RateCounts } from "./bucket.ts";
import { applyBucket, beginCanary, type CanaryState, holdMembers, rollbackMembers } from "./canary.ts";
import { logFamily } from "./family.ts";
import type { CanaryPlan } from "./plan.ts";

/** One interval of the grid. Null: of this interval it is not known. */
export interface EvidencePoint {
  readonly index: number;
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  /** Natural logarithms of the family's evidence once the interval's buckets were applied; null where no metric decides. */
  readonly logE: number | null;
  readonly holdLogE: number | null;
  /** Failed of all requests within the interval alone. */
  readonly candidate: RateCounts | null;
  readonly stable: RateCounts | null;
  /** What the weights gave to the candidate, 0 to 1. */
  readonly candidateShare: number | null;
  /** Metrics of which nothing came, with the reason. */
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
}

export interface Replay {
  /** Every interval from the first on, none left out. */
  readonly points: readonly EvidencePoint[];
  readonly state: CanaryState;
}

export function replayEvidence(plan: CanaryPlan, buckets: readonly MetricBucket[]): Replay {
  const byIndex = Map.groupBy(buckets, ({ index }) => index);
  const lastIndex = buckets.reduce((last, { index }) => Math.max(last, index), plan.firstIndex - 1);
  const points: EvidencePoint[] = [];
  let state = beginCanary(plan);
  for (let index = plan.firstIndex; index <= lastIndex; index++) {
    const mine = byIndex.get(index) ?? [];
    state = mine.reduce((before, bucket) => applyOrMiss(plan, before, bucket), state);
    points.push(pointAt(plan, state, index, mine));
  }
  return { points, state };
}

/** Impossible counts are not guessed at: they count as missing, with what is impossible about them as the reason. */
export function applyOrMiss(plan: CanaryPlan, state: CanaryState, bucket: MetricBucket): CanaryState {
  try {
    return applyBucket(plan, state, bucket);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return applyBucket(plan, state, { ...bucket, reading: { kind: "missing", reason } });
  }
}

function pointAt(plan: CanaryPlan, state: CanaryState, index: number, buckets: readonly MetricBucket[]): EvidencePoint {
  const readingOf = (name: string | undefined): BucketReading | undefined =>
    buckets.find(({ metric }) => metric === name)?.reading;
  const errors = readingOf(plan.metrics.find(({ kind }) => kind === "errors")?.name);
  const share = readingOf(plan.metrics.find(({ kind }) => kind === "share")?.name);
  return {
    index,
    startMs: index * plan.bucketMs,
    endMs: (index + 1) * plan.bucketMs,
    logE: finite(logFamily(rollbackMembers(plan, state))),
    holdLogE: finite(logFamily(holdMembers(plan, state))),
    candidate: errors?.kind === "rate" ? errors.candidate : null,
    stable: errors?.kind === "rate" ? errors.stable : null,
    candidateShare: share?.kind === "share" ? share.candidateShare : null,
    missing: plan.metrics.flatMap(({ name }) => {
      const reading = readingOf(name);
      if (reading === undefined) return [{ name, reason: "nothing was delivered" }];
      return reading.kind === "missing" ? [{ name, reason: reading.reason }] : [];
    }),
  };
}

/** Minus infinity (nothing decides) has no place in JSON nor on a chart. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** What the candidate got in the intervals up to and including `throughIndex`: what it cost to know. */
export function exposureThrough(points: readonly EvidencePoint[], throughIndex: number): RateCounts {
  return points
    .filter(({ index }) => index <= throughIndex)
    .reduce(
      (sum, { candidate }) => ({
        events: sum.events + (candidate?.events ?? 0),
        total: sum.total + (candidate?.total ?? 0),
      }),
      { events: 0, total: 0 },
    );
}
