/**
 * What one bucket of one metric costs: checked, applied and judged, for a metric of each kind, after hours of traffic. It is CPU
 * time, which other programs on the machine inflate less than the time by the clock, which stands beside it.
 * `node bench/verdict-bucket.ts [--json]`; about 3 seconds. Exit code 1 where the promised limit was not kept.
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import type { BucketReading, MetricBucket } from "../src/domain/canary/bucket.ts";
import { applyBucket, beginCanary } from "../src/domain/canary/canary.ts";
import { judgeCanary } from "../src/domain/canary/judge.ts";
import { type CanaryPlan, canaryDefaults, type MetricPlan, metricDefaults } from "../src/domain/canary/plan.ts";
import type { Figure } from "./router-throughput.ts";
import { report } from "./whole-process.ts";

const limitMicroseconds = 50;
const buckets = 20_000;
const warmUp = 2_000;

const edgesMs = Array.from({ length: 230 }, (_, at) => 1 * 1.05 ** at);

function histogram(requests: number): { readonly edgesMs: readonly number[]; readonly counts: readonly number[] } {
  const counts = Array.from({ length: edgesMs.length + 1 }, (_, bin) => (bin > 60 && bin < 120 ? requests / 50 : 0));
  return { edgesMs, counts: counts.map(Math.round) };
}

const shards = Array.from({ length: 16 }, (_, at) => ({ events: at % 3, total: 148 }));

const metrics: readonly (readonly [MetricPlan, BucketReading])[] = [
  [
    { name: "errors", kind: "errors", ...metricDefaults.rate, weight: 1 },
    {
      kind: "rate",
      candidate: { events: 1, total: 125 },
      stable: { events: 15, total: 2368 },
      stableShards: shards,
    },
  ],
  [
    { name: "latency", kind: "latency", ...metricDefaults.latency, weight: 1, cutsMs: [60, 150, 300] },
    { kind: "latency", candidate: histogram(125), stable: histogram(2375) },
  ],
  [
    { name: "requests", kind: "share", ...metricDefaults.share, weight: 1 },
    { kind: "share", candidateRequests: 125, stableRequests: 2375, candidateShare: 0.05 },
  ],
];

/** Microseconds for each bucket, applied and judged. */
function cost(metric: MetricPlan, reading: BucketReading): { readonly cpu: number; readonly wall: number } {
  const plan: CanaryPlan = { ...canaryDefaults, firstIndex: 0, metrics: [metric] };
  let state = beginCanary(plan);
  const apply = (from: number, to: number): void => {
    for (let index = from; index < to; index += 1) {
      const bucket: MetricBucket = { metric: metric.name, index, reading };
      state = applyBucket(plan, state, bucket);
      judgeCanary(plan, state);
    }
  };
  apply(0, warmUp);
  const [startedAtMs, cpuBefore] = [performance.now(), process.cpuUsage()];
  apply(warmUp, warmUp + buckets);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { cpu: (user + system) / buckets, wall: ((performance.now() - startedAtMs) * 1000) / buckets };
}

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const figures: readonly Figure[] = metrics.flatMap(([metric, reading]) => {
  const { cpu, wall } = cost(metric, reading);
  return [
    { what: `one bucket of ${metric.name}, mean of ${buckets}`, value: cpu, unit: "µs", limit: limitMicroseconds },
    { what: "  the same by the clock", value: wall, unit: "µs" },
  ];
});
report("verdict-bucket", figures, values.json);
