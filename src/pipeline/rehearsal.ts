/** A verdict rehearsed on the stable version alone, before there is a candidate to judge. */
import type { MetricBucket } from "../domain/canary/bucket.ts";
import { applyBucket, beginCanary } from "../domain/canary/canary.ts";
import { judgeCanary } from "../domain/canary/judge.ts";
import type { CanaryPlan, MetricPlan } from "../domain/canary/plan.ts";

/**
 * Stable against stable: the first shard of its sessions as if it were the candidate. A long-lived bad client, or whatever else
 * makes a metric fire without any difference between versions, would make it fire in the rollout as well.
 */
export function rehearse(canary: CanaryPlan, history: readonly MetricBucket[], remarks: string[]): CanaryPlan {
  const indexes = history.map(({ index }) => index);
  if (indexes.length === 0) return canary;
  const firstIndex = Math.min(...indexes);
  const fired = new Set(
    canary.metrics
      .filter(({ kind, advisory }) => (kind === "errors" || kind === "rate") && !advisory)
      .filter((metric) => firesAlone(canary, metric, firstIndex, history))
      .map(({ name }) => name),
  );
  const others = canary.metrics.filter(({ name, advisory }) => !advisory && !fired.has(name));
  if (fired.size > 0 && others.length === 0) {
    remarks.push("every metric fired when the stable version was compared with itself: their verdicts deserve doubt");
  }
  if (fired.size === 0 || others.length === 0) return canary;
  for (const name of fired) {
    remarks.push(`${name} only advises: it fired when the stable version was compared with itself`);
  }
  const sum = others.reduce((total, { weight }) => total + weight, 0);
  const metrics = canary.metrics.map((metric): MetricPlan => {
    const isKept = others.includes(metric);
    return { ...metric, advisory: !isKept, weight: isKept ? metric.weight / sum : 1 };
  });
  return { ...canary, metrics };
}

function firesAlone(
  canary: CanaryPlan,
  metric: MetricPlan,
  firstIndex: number,
  history: readonly MetricBucket[],
): boolean {
  const plan: CanaryPlan = { ...canary, firstIndex, metrics: [{ ...metric, weight: 1 }] };
  let state = beginCanary(plan);
  for (const bucket of history) {
    const halves = bucket.metric === metric.name ? splitShards(bucket) : undefined;
    if (halves !== undefined) state = applyBucket(plan, state, halves);
  }
  return judgeCanary(plan, state).kind === "rollback";
}

function splitShards(bucket: MetricBucket): MetricBucket | undefined {
  const { reading } = bucket;
  if (reading.kind !== "rate") return undefined;
  const [candidate, ...others] = reading.stableShards ?? [];
  if (candidate === undefined || others.length === 0) return undefined;
  const stable = others.reduce((sum, part) => ({ events: sum.events + part.events, total: sum.total + part.total }));
  return { ...bucket, reading: { kind: "rate", candidate, stable, stableShards: others } };
}
