/**
 * Z2: the sequential test of one deployment, fed with closed buckets, each applied exactly once: the ledger keeps the buckets and the
 * state after them in one transaction, so that a run that died, or runs twice, goes on where the buckets stand.
 */
import type { MetricBucket } from "../domain/canary/bucket.ts";
import { beginCanary, type CanaryState } from "../domain/canary/canary.ts";
import { type CanaryVerdict, judgeCanary } from "../domain/canary/judge.ts";
import { bucketIndexAt, type CanaryPlan } from "../domain/canary/plan.ts";
import { applyOrMiss } from "../domain/canary/replay.ts";
import { asJson } from "../domain/json.ts";
import type { EvidenceRow } from "../ports/ledger.ts";
import type { StageContext } from "./stage.ts";
import { lagBucketsOf, metricSourcesOf, type VerdictPlan } from "./verdict-plan.ts";

/** Buckets read at once after a long absence. */
const mostAtOnce = 400;
/** Over this long the current traffic is measured. */
const recentMs = 30_000;

export interface Look {
  readonly verdict: CanaryVerdict;
  /** Of both versions together, lately; what was fixed at the start while nothing is known. */
  readonly requestsPerSecond: number;
}

/** Returns what the test is fixed to: where a run died after it had begun it, that is what *it* had fixed. */
export async function beginEvidence(ctx: StageContext, plan: VerdictPlan): Promise<VerdictPlan> {
  const { firstIndex } = plan.canary;
  const row = { plan: asJson(plan), state: asJson(beginCanary(plan.canary)), nextIndex: firstIndex };
  const there = await ctx.parts.ledger.beginEvidence(ctx.deploymentId, row, ctx.attempt);
  return there.plan as unknown as VerdictPlan;
}

/** Reads what has closed since the last look, applies it, and judges. */
export async function lookAtEvidence(ctx: StageContext, plan: VerdictPlan): Promise<Look> {
  const { ledger, clock } = ctx.parts;
  let row = await ledger.evidence(ctx.deploymentId);
  if (row === undefined) throw new Error(`deployment ${ctx.deploymentId} has no evidence to go on with`);
  const closedIndex = bucketIndexAt(clock.now() - plan.canary.graceMs, plan.canary.bucketMs);
  while (row.nextIndex < closedIndex) {
    row = await applyNext(ctx, plan, row, Math.min(closedIndex, row.nextIndex + mostAtOnce));
  }
  const state = stateOf(row);
  const recent = await ledger.evidenceBuckets(ctx.deploymentId, closedIndex - recentMs / plan.canary.bucketMs);
  return {
    verdict: judgeCanary(plan.canary, state, closedIndex - 1),
    requestsPerSecond: rateOf(recent, plan.canary) ?? plan.requestsPerSecond,
  };
}

/** What the buckets said that were applied so far, also by a run that died; undefined where there are none. */
export async function ruledSoFar(
  { parts, deploymentId }: StageContext,
  { canary }: VerdictPlan,
): Promise<CanaryVerdict | undefined> {
  const row = await parts.ledger.evidence(deploymentId);
  return row && judgeCanary(canary, stateOf(row), row.nextIndex - 1);
}

/** When the next bucket can be read. */
export const nextLookAtMs = ({ canary: { bucketMs, graceMs } }: VerdictPlan, nowMs: number): number =>
  (bucketIndexAt(nowMs - graceMs, bucketMs) + 1) * bucketMs + graceMs;

async function applyNext(
  ctx: StageContext,
  plan: VerdictPlan,
  row: EvidenceRow,
  toIndex: number,
): Promise<EvidenceRow> {
  const buckets = await readRows(ctx, plan, row.nextIndex, toIndex);
  let now = row;
  for (let index = row.nextIndex; index < toIndex && now.nextIndex === index; index++) {
    const mine = buckets.get(index) ?? [];
    const state = mine.reduce((before, bucket) => applyOrMiss(plan.canary, before, bucket), stateOf(now));
    const after = { state: asJson(state), nextIndex: index + 1 };
    now = await ctx.parts.ledger.applyBuckets(ctx.deploymentId, index, mine, after, ctx.attempt);
  }
  return now;
}

/**
 * By the place of the grid at which they are applied: a source whose intervals settle late delivers each of its buckets so many
 * places later, and keeps nobody waiting.
 */
async function readRows(
  { parts, signal }: StageContext,
  { candidate, stable, canary }: VerdictPlan,
  fromIndex: number,
  toIndex: number,
): Promise<ReadonlyMap<number, readonly MetricBucket[]>> {
  const planned = new Set(canary.metrics.map(({ name }) => name));
  const rows = new Map<number, MetricBucket[]>();
  await Promise.all(
    metricSourcesOf(parts).map(async (source) => {
      const lag = lagBucketsOf(source, canary.graceMs, canary.bucketMs);
      const [from, to] = [Math.max(canary.firstIndex, fromIndex - lag), toIndex - lag];
      if (to <= from) return;
      const query = { bucketMs: canary.bucketMs, fromIndex: from, toIndex: to, candidate, stable };
      for (const bucket of await source.read(query, signal)) {
        if (planned.has(bucket.metric)) rows.set(bucket.index + lag, [...(rows.get(bucket.index + lag) ?? []), bucket]);
      }
    }),
  );
  return rows;
}

/** Sources without a history are watched beside the bake; what nobody watched is missing. Returns how to stop it. */
export function watchSources({ parts, signal }: StageContext, { candidate, stable, canary }: VerdictPlan): () => void {
  const stopped = new AbortController();
  const until = AbortSignal.any([signal, stopped.signal]);
  for (const source of metricSourcesOf(parts)) {
    void source.sample?.({ bucketMs: canary.bucketMs, candidate, stable }, until);
  }
  return () => stopped.abort();
}

const stateOf = ({ state }: EvidenceRow): CanaryState => state as unknown as CanaryState;

function rateOf(buckets: readonly MetricBucket[], { bucketMs }: CanaryPlan): number | undefined {
  const totals = buckets.flatMap(({ metric, reading }) =>
    metric === "errors" && reading.kind === "rate" ? [reading.candidate.total + reading.stable.total] : [],
  );
  if (totals.length === 0) return undefined;
  return totals.reduce((sum, total) => sum + total, 0) / ((totals.length * bucketMs) / 1000);
}
