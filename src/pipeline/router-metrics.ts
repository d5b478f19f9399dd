/**
 * O4: the routers' own buckets as a source of the verdict: `errors`, `latency` and `share`, over all routed components together.
 * Both versions get the same mixture of components at any moment, so their sums can be compared.
 */
import type { BucketReading, LatencyCounts, MetricBucket, RateCounts } from "../domain/canary/bucket.ts";
import { failureOf } from "../domain/errors.ts";
import type { BucketCounts, RevisionId, RouterBucket, RouterBuckets } from "../domain/traffic.ts";
import type { MetricArm, MetricQuery, MetricSource } from "../ports/metric-source.ts";
import type { Router } from "../ports/router.ts";

export const routerMetricNames = ["errors", "latency", "share"] as const;
type RouterMetric = (typeof routerMetricNames)[number];

const finestBucketMs = 250;

/** Undefined where one of the routers cannot tell what happened when: nothing would be compared then. */
export function routerMetrics(routers: ReadonlyMap<string, Router>): MetricSource | undefined {
  const able = [...routers].filter(([, { buckets }]) => buckets !== undefined);
  if (able.length === 0 || able.length < routers.size) return undefined;
  return {
    kind: "router",
    name: "router",
    metrics: routerMetricNames,
    finestBucketMs,
    async read(query, signal) {
      const answers = await Promise.all(
        able.map(async ([component, router]) => ({ component, answer: await ask(router, query, signal) })),
      );
      return indexesOf(query).flatMap((index) => bucketsAt(index, query, answers));
    },
  };
}

interface Answer {
  readonly component: string;
  readonly answer: RouterBuckets | { readonly reason: string };
}

async function ask(router: Router, query: MetricQuery, signal: AbortSignal): Promise<Answer["answer"]> {
  const { bucketMs, fromIndex, toIndex } = query;
  try {
    const answer = await router.buckets?.({ bucketMs, fromIndex, toIndex }, signal);
    return answer ?? { reason: "it cannot tell" };
  } catch (thrown) {
    signal.throwIfAborted();
    return { reason: failureOf(thrown, "pipeline.router-metrics").message };
  }
}

const indexesOf = ({ fromIndex, toIndex }: MetricQuery): readonly number[] =>
  Array.from({ length: Math.max(0, toIndex - fromIndex) }, (_, n) => fromIndex + n);

function bucketsAt(index: number, query: MetricQuery, answers: readonly Answer[]): readonly MetricBucket[] {
  const arms: Arms = { candidate: [], stable: [] };
  let resetSeen = false;
  for (const { component, answer } of answers) {
    const bucket = "reason" in answer ? answer : bucketOf(answer, index, query.bucketMs);
    if ("reason" in bucket) return missing(index, `the router of ${component}: ${bucket.reason}`);
    resetSeen ||= bucket.resetSeen;
    const edgesMs = "reason" in answer ? [] : answer.latencyEdgesMs;
    collect(arms, component, bucket, edgesMs, query);
  }
  return routerMetricNames.map((metric) => ({
    metric,
    index,
    reading: readingOf(metric, arms),
    ...(resetSeen && { resetSeen }),
  }));
}

const missing = (index: number, reason: string): readonly MetricBucket[] =>
  routerMetricNames.map((metric) => ({ metric, index, reading: { kind: "missing", reason } }));

function bucketOf(answer: RouterBuckets, index: number, bucketMs: number): RouterBucket | { readonly reason: string } {
  if (index >= answer.openIndex) {
    const behindMs = (index + 1) * bucketMs - answer.nowMs;
    return { reason: `its clock is at least ${behindMs} ms behind ours` };
  }
  return answer.buckets.find((bucket) => bucket.index === index) ?? { reason: "it left an interval out" };
}

interface Counted {
  readonly counts: BucketCounts | undefined;
  readonly edgesMs: readonly number[];
}

interface Arms {
  readonly candidate: Counted[];
  readonly stable: Counted[];
}

/** A component whose revision is the same in both versions tells nothing about their difference. */
function collect(
  arms: Arms,
  component: string,
  { revisions }: RouterBucket,
  edgesMs: readonly number[],
  query: MetricQuery,
): void {
  const [candidate, stable] = [revisionOf(query.candidate, component), revisionOf(query.stable, component)];
  if (candidate === undefined || stable === undefined || (candidate === stable && !isRehearsal(query))) return;
  arms.candidate.push({ counts: revisions.get(candidate), edgesMs });
  arms.stable.push({ counts: revisions.get(stable), edgesMs });
}

/** History, and a first deployment, are read with the same version on both sides. */
const isRehearsal = ({ candidate, stable }: MetricQuery): boolean => candidate.version === stable.version;

const revisionOf = ({ revisions }: MetricArm, component: string): RevisionId | undefined => revisions[component];

function readingOf(metric: RouterMetric, { candidate, stable }: Arms): BucketReading {
  switch (metric) {
    case "errors":
      return {
        kind: "rate",
        candidate: rateOf(candidate),
        stable: rateOf(stable),
        stableShards: shardsOf(stable),
      };
    case "latency":
      return { kind: "latency", candidate: latencyOf(candidate), stable: latencyOf(stable) };
    case "share": {
      const due = [sum(candidate, "expectedRequests"), sum(stable, "expectedRequests")] as const;
      return {
        kind: "share",
        candidateRequests: sum(candidate, "requests"),
        stableRequests: sum(stable, "requests"),
        candidateShare: due[0] + due[1] === 0 ? 0 : due[0] / (due[0] + due[1]),
      };
    }
  }
}

const sum = (counted: readonly Counted[], what: "requests" | "errors" | "expectedRequests"): number =>
  counted.reduce((total, { counts }) => total + (counts?.[what] ?? 0), 0);

const rateOf = (counted: readonly Counted[]): RateCounts => ({
  events: sum(counted, "errors"),
  total: sum(counted, "requests"),
});

function shardsOf(counted: readonly Counted[]): readonly RateCounts[] {
  const most = Math.max(0, ...counted.map(({ counts }) => counts?.shards.length ?? 0));
  return Array.from({ length: most }, (_, n) => {
    const parts = counted.map(({ counts }) => counts?.shards[n]);
    return {
      events: parts.reduce((total, part) => total + (part?.errors ?? 0), 0),
      total: parts.reduce((total, part) => total + (part?.requests ?? 0), 0),
    };
  });
}

function latencyOf(counted: readonly Counted[]): LatencyCounts {
  const edgesMs = counted[0]?.edgesMs ?? [];
  const counts = new Array<number>(edgesMs.length + 1).fill(0);
  for (const { counts: given } of counted) {
    for (const [bin, count] of given?.latencyCounts ?? []) counts[bin] = (counts[bin] ?? 0) + count;
  }
  return { edgesMs, counts };
}
