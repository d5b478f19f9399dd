/**
 * The whole test of one candidate against the stable version: begin, apply each metric's buckets as they close, judge at any moment
 * (judge.ts). The state is plain JSON that may be journalled between any two buckets; the same buckets give the same state whatever
 * died in between. A verdict that was reached is latched: later good buckets do not take it back.
 */
import type { MetricBucket } from "./bucket.ts";
import { type FamilyMember, familyThreshold, logFamily, loudest } from "./family.ts";
import { checkBucket, checkPlan, invalidMetric } from "./invalid-metric.ts";
import { addCounts, type MetricCounts, noCounts } from "./metric-counts.ts";
import { beginTest, hasFallenSilent, logHold, logRollback, type MetricTest, stepTest } from "./metric-state.ts";
import type { CanaryPlan, MetricPlan } from "./plan.ts";
import { reasonOfEvidence, reasonOfSilence } from "./reason.ts";

export interface MetricState {
  /** The grid index of the last bucket that was applied or missing; buckets at or below it are ignored. */
  readonly lastIndex: number;
  readonly applied: number;
  /** Buckets that were missing, or that nobody delivered. */
  readonly missing: number;
  readonly missingInARow: number;
  /** Why the last missing bucket was missing. */
  readonly missingReason: string | null;
  /** Buckets in which a counter went back to zero. */
  readonly resets: number;
  readonly counts: MetricCounts;
  readonly test: MetricTest;
}

/** A verdict that was reached, and by which bucket. */
export interface Latch {
  readonly index: number;
  readonly metric: string;
  readonly reason: string;
}

export interface CanaryState {
  /** The grid index whose buckets are coming in; evidence is judged when every metric has one, or the next index begins. */
  readonly row: number;
  readonly metrics: Readonly<Record<string, MetricState>>;
  readonly rollback: Latch | null;
  readonly hold: Latch | null;
}

/** Throws METRIC_INVALID for a plan that cannot be judged by. */
export function beginCanary(plan: CanaryPlan): CanaryState {
  checkPlan(plan);
  const before = plan.firstIndex - 1;
  const fresh = (metric: MetricPlan): MetricState => ({
    lastIndex: before,
    applied: 0,
    missing: 0,
    missingInARow: 0,
    missingReason: null,
    resets: 0,
    counts: noCounts,
    test: beginTest(metric),
  });
  const metrics = Object.fromEntries(plan.metrics.map((metric) => [metric.name, fresh(metric)]));
  return { row: before, metrics, rollback: null, hold: null };
}

/**
 * One bucket of one metric. Exactly once: at or below the metric's last index nothing changes. Throws METRIC_INVALID for a metric
 * that was not planned and for impossible counts.
 *
 * The family is judged on whole rows of the grid only: to stop between two metrics of one interval would let the first decide
 * whether the second counts.
 */
export function applyBucket(plan: CanaryPlan, state: CanaryState, bucket: MetricBucket): CanaryState {
  const metric = plan.metrics.find(({ name }) => name === bucket.metric);
  const before = state.metrics[bucket.metric];
  if (metric === undefined || before === undefined) throw invalidMetric(bucket.metric, "it is not part of the plan");
  checkBucket(metric, bucket);
  if (bucket.index <= before.lastIndex) return state;
  const settled = bucket.index > state.row ? settle(plan, state) : state;
  const metrics = { ...settled.metrics, [bucket.metric]: stepMetric(plan, metric, before, bucket) };
  const next = { ...settled, row: Math.max(settled.row, bucket.index), metrics };
  return isWholeRow(plan, next) ? settle(plan, next) : next;
}

const isWholeRow = (plan: CanaryPlan, { row, metrics }: CanaryState): boolean =>
  plan.metrics.every(({ name, lagBuckets = 0 }) => (metrics[name]?.lastIndex ?? row) >= row - lagBuckets);

function stepMetric(plan: CanaryPlan, metric: MetricPlan, before: MetricState, bucket: MetricBucket): MetricState {
  const { index, reading } = bucket;
  const skipped = index - before.lastIndex - 1;
  if (reading.kind === "missing") {
    return {
      ...before,
      lastIndex: index,
      missing: before.missing + skipped + 1,
      missingInARow: before.missingInARow + skipped + 1,
      missingReason: reading.reason.slice(0, 200),
    };
  }
  return {
    lastIndex: index,
    applied: before.applied + 1,
    missing: before.missing + skipped,
    missingInARow: 0,
    missingReason: before.missingReason,
    resets: before.resets + (bucket.resetSeen === true ? 1 : 0),
    counts: addCounts(before.counts, metric, reading),
    test: stepTest(plan, metric, before.test, index, reading),
  };
}

/** The metrics that can roll back, with what each of them says. */
export const rollbackMembers = (plan: CanaryPlan, state: CanaryState): readonly FamilyMember[] =>
  membersOf(plan, state, () => true, logRollback);

/** The metrics that can hold the weight: the others' weight is shared out among them, so that the bound stays what it is. */
export const holdMembers = (plan: CanaryPlan, state: CanaryState): readonly FamilyMember[] =>
  membersOf(plan, state, ({ holds }) => holds !== false, logHold);

function membersOf(
  plan: CanaryPlan,
  state: CanaryState,
  counts: (metric: MetricPlan) => boolean,
  logEvidenceOf: (test: MetricTest, horizonBuckets: number) => number,
): readonly FamilyMember[] {
  const judged = plan.metrics.filter((metric) => !metric.advisory && counts(metric));
  const sum = judged.reduce((total, { weight }) => total + weight, 0);
  return judged.flatMap(({ name, weight }) => {
    const metric = state.metrics[name];
    if (metric === undefined) return [];
    return [{ name, weight: weight / sum, logE: logEvidenceOf(metric.test, plan.horizonBuckets) }];
  });
}

/** Latches what the row that ended has proven. */
function settle(plan: CanaryPlan, state: CanaryState): CanaryState {
  const rollback =
    state.rollback ?? silenceIn(plan, state) ?? evidenceIn(plan, state, rollbackMembers(plan, state), plan.alpha);
  const hold = state.hold ?? evidenceIn(plan, state, holdMembers(plan, state), plan.holdAlpha);
  return { ...state, rollback, hold };
}

function evidenceIn(
  plan: CanaryPlan,
  state: CanaryState,
  members: readonly FamilyMember[],
  alpha: number,
): Latch | null {
  const logE = logFamily(members);
  const threshold = familyThreshold(alpha);
  if (logE < threshold) return null;
  const name = loudest(members)?.name;
  const metric = plan.metrics.find((candidate) => candidate.name === name);
  const counts = state.metrics[name ?? ""]?.counts;
  if (metric === undefined || counts === undefined) return null;
  return { index: state.row, metric: metric.name, reason: reasonOfEvidence(metric, counts, { logE, threshold }) };
}

function silenceIn(plan: CanaryPlan, state: CanaryState): Latch | null {
  for (const metric of plan.metrics) {
    const test = state.metrics[metric.name]?.test;
    if (metric.advisory || test?.kind !== "share" || !hasFallenSilent(plan, test)) continue;
    const { buckets, expected } = test.silence;
    return { index: state.row, metric: metric.name, reason: reasonOfSilence(metric, buckets, expected) };
  }
  return null;
}
