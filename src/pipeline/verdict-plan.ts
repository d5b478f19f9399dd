/**
 * Z2: what the sequential test is fixed to before the candidate gets its first request: its metrics and their weights, the latency
 * cut points and the dispersion from the stable version's last minutes, and which metric a comparison of stable with stable
 * demotes. Whatever could not be measured is named.
 */
import type { MetricBucket, RateCounts } from "../domain/canary/bucket.ts";
import { type Dispersion, endHistory, noDispersion, stepDispersion } from "../domain/canary/dispersion.ts";
import {
  bucketIndexAt,
  type CanaryPlan,
  canaryDefaults,
  type MetricPlan,
  metricDefaults,
} from "../domain/canary/plan.ts";
import { holdsNothing } from "../domain/rollout.ts";
import type { Serving, ServingComponent } from "../domain/serving.ts";
import { emptyWindow, quantileMsOf } from "../domain/traffic-window.ts";
import type { VerdictSettings } from "../domain/verdict-settings.ts";
import type { MetricArm, MetricSource } from "../ports/metric-source.ts";
import type { Parts } from "./parts.ts";
import { rehearse } from "./rehearsal.ts";
import { routerMetricNames, routerMetrics } from "./router-metrics.ts";

const historyMs = 10 * 60_000;
const historyPartMs = 60_000;
/** Fewer do not tell where the slowest hundredth begins. */
const latencySamplesMin = 300;

export interface VerdictPlan {
  readonly canary: CanaryPlan;
  /** False: there is no stable version, and only gross faults can be seen. */
  readonly compares: boolean;
  readonly candidate: MetricArm;
  readonly stable: MetricArm;
  /** Of both versions together, from the stable version's history; 0: no traffic was seen. */
  readonly requestsPerSecond: number;
  /** Of the same history, 0 to 1. */
  readonly stableErrorRate: number;
  /** What people should know about how it was fixed, one sentence each. */
  readonly remarks: readonly string[];
}

/** The sources of one environment: its routers and whatever is configured besides. */
export function metricSourcesOf({ routers, metricSources }: Parts): readonly MetricSource[] {
  const router = routerMetrics(routers);
  return [...(router ? [router] : []), ...metricSources];
}

export function armOf(version: string, components: readonly ServingComponent[]): MetricArm {
  return { version, revisions: Object.fromEntries(components.map(({ component, revision }) => [component, revision])) };
}

/** Null: nothing is compared here, and `why` says so in a sentence. */
export type PlannedVerdict = VerdictPlan | { readonly canary: null; readonly why: string };

export async function planVerdict(
  parts: Parts,
  version: string,
  candidate: readonly ServingComponent[],
  stable: Serving | null,
  signal: AbortSignal,
): Promise<PlannedVerdict> {
  const { verdict } = parts.settings.rollout;
  if (verdict.mode === "off")
    return { canary: null, why: "the sequential test is switched off (rollout.verdict.mode)" };
  if (holdsNothing(parts.settings.rollout))
    return {
      canary: null,
      why: "no weight is held, so no traffic is compared; health checks alone judge (rollout.steps)",
    };
  const sources = metricSourcesOf(parts);
  if (sources.length === 0)
    return { canary: null, why: "no router here tells what happened when, and no metric is configured" };
  if (stable === null) return guardPlan(parts, version, candidate);
  const arms = { candidate: armOf(version, candidate), stable: armOf(stable.version, stable.components) };
  const firstIndex = bucketIndexAt(parts.clock.now(), verdict.bucketMs);
  const history = await readHistory(sources, arms.stable, firstIndex, verdict, signal);
  const remarks: string[] = [];
  const metrics = weighed(metricsFrom(sources, history, verdict, remarks), sources, verdict, remarks);
  if (metrics.every((metric) => metric.advisory)) {
    return { canary: null, why: `no metric can decide: ${remarks.join("; ") || "each of them only advises"}` };
  }
  const canary = { ...fixedBy(verdict, firstIndex), metrics };
  const rehearsed = verdict.rehearsal ? rehearse(canary, history, remarks) : canary;
  return { canary: rehearsed, compares: true, ...arms, ...trafficOf(history, verdict), remarks };
}

const fixedBy = (verdict: VerdictSettings, firstIndex: number): Omit<CanaryPlan, "metrics"> => ({
  ...canaryDefaults,
  firstIndex,
  bucketMs: verdict.bucketMs,
  graceMs: verdict.graceMs,
  warmupMs: verdict.warmUpMs,
  horizonBuckets: Math.max(1, Math.round(verdict.horizonMs / verdict.bucketMs)),
  alpha: verdict.falseAlarm,
  holdAlpha: verdict.holdFalseAlarm,
});

/** Nothing to compare with: a declared rate of failures takes the control's place, and only gross faults are beyond doubt. */
function guardPlan(
  { clock, settings, routers }: Parts,
  version: string,
  candidate: readonly ServingComponent[],
): PlannedVerdict {
  const { verdict, limits } = settings.rollout;
  const why = "nothing serves yet, so there is nothing to compare with";
  if (routerMetrics(routers) === undefined || verdict.advisory.includes("errors")) return { canary: null, why };
  const declaredRate = limits.errorRate ?? metricDefaults.guard.declaredRate;
  const guard: MetricPlan = {
    ...metricDefaults.guard,
    declaredRate,
    kind: "guard",
    name: "errors",
    weight: 1,
    holds: false,
  };
  const arm = armOf(version, candidate);
  return {
    canary: { ...fixedBy(verdict, bucketIndexAt(clock.now(), verdict.bucketMs)), metrics: [guard] },
    compares: false,
    candidate: arm,
    stable: arm,
    requestsPerSecond: 0,
    stableErrorRate: 0,
    remarks: [`${why}; failures are held against a declared ${100 * declaredRate} %`],
  };
}

/** The stable version on both sides, since it is all there is. In parts: a router must not be kept from its requests. */
async function readHistory(
  sources: readonly MetricSource[],
  stable: MetricArm,
  firstIndex: number,
  { bucketMs, graceMs }: VerdictSettings,
  signal: AbortSignal,
): Promise<readonly MetricBucket[]> {
  const endIndex = firstIndex - Math.ceil(graceMs / bucketMs);
  const atOnce = Math.max(1, Math.floor(historyPartMs / bucketMs));
  const history: MetricBucket[] = [];
  for (let fromIndex = endIndex - Math.floor(historyMs / bucketMs); fromIndex < endIndex; fromIndex += atOnce) {
    const toIndex = Math.min(endIndex, fromIndex + atOnce);
    const query = { bucketMs, fromIndex, toIndex, candidate: stable, stable };
    const parts = await Promise.all(sources.map((source) => source.read(query, signal)));
    history.push(...parts.flat());
  }
  return history;
}

const stablePartsOf = ({ reading }: MetricBucket): readonly RateCounts[] =>
  reading.kind === "rate" ? (reading.stableShards ?? [reading.stable]) : [];

function dispersionOf(history: readonly MetricBucket[], metric: string, bucketMs: number): Dispersion {
  const mine = history.filter((bucket) => bucket.metric === metric && bucket.reading.kind === "rate");
  const measured = mine.reduce(
    (state, bucket) => stepDispersion(state, bucket.index * bucketMs, stablePartsOf(bucket)),
    noDispersion,
  );
  return endHistory(measured);
}

type Unweighed = MetricPlan & { readonly weight: 0 };

function metricsFrom(
  sources: readonly MetricSource[],
  history: readonly MetricBucket[],
  verdict: VerdictSettings,
  remarks: string[],
): readonly Unweighed[] {
  return sources.flatMap(({ metrics }) => metrics).flatMap((name) => metricFrom(name, history, verdict, remarks));
}

/** A metric of one's own is a rate, unless its history shows histograms. */
function metricFrom(
  name: string,
  history: readonly MetricBucket[],
  verdict: VerdictSettings,
  remarks: string[],
): readonly Unweighed[] {
  const phi = verdict.dispersion ?? ("measure" as const);
  const dispersion = { phi, phiUntilMeasured: verdict.dispersionWithoutHistory } as const;
  if (name === "share") return [{ ...metricDefaults.share, kind: "share", name, weight: 0 }];
  const isLatency =
    name === "latency" || history.some(({ metric, reading }) => metric === name && reading.kind === "latency");
  if (isLatency) {
    const cutsMs = cutsOf(history, name);
    if (cutsMs !== undefined) {
      // The router's shards count failures alone, and whole minutes of slowness come and go for both versions together.
      const phi = verdict.dispersion ?? verdict.dispersionWithoutHistory;
      return [{ ...metricDefaults.latency, ...dispersion, phi, kind: "latency", name, cutsMs, weight: 0 }];
    }
    remarks.push(
      `${name} is not compared: the stable version had fewer than ${latencySamplesMin} requests in the last ten minutes to take its cut points from`,
    );
    return [];
  }
  const measured = dispersionOf(history, name, verdict.bucketMs);
  if (phi === "measure" && measured.shardDegrees === 0 && measured.pairs === 0) {
    remarks.push(
      `${name}: no history to measure its dispersion from; the configured ${verdict.dispersionWithoutHistory} is used until there is`,
    );
  }
  const kind = name === "errors" ? "errors" : "rate";
  return [{ ...metricDefaults.rate, ...dispersion, history: measured, kind, name, weight: 0 }];
}

/** The stable version's p50, p90 and p99 of the history. */
function cutsOf(history: readonly MetricBucket[], name: string): readonly [number, number, number] | undefined {
  let edgesMs: readonly number[] = [];
  const counts: number[] = [];
  for (const { metric, reading } of history) {
    if (metric !== name || reading.kind !== "latency") continue;
    edgesMs = reading.stable.edgesMs;
    for (const [bin, count] of reading.stable.counts.entries()) counts[bin] = (counts[bin] ?? 0) + count;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total < latencySamplesMin) return undefined;
  const window = { ...emptyWindow, latencyEdgesMs: edgesMs, latencyCounts: counts };
  const cuts = [0.5, 0.9, 0.99].map((quantile) => quantileMsOf(window, quantile));
  return cuts.every(Number.isFinite) ? (cuts as unknown as readonly [number, number, number]) : undefined;
}

/** How many buckets later than the grace a source's intervals are complete. */
export const lagBucketsOf = ({ settledAfterMs = 0 }: MetricSource, graceMs: number, bucketMs: number): number =>
  Math.max(0, Math.ceil((settledAfterMs - graceMs) / bucketMs));

const lagOf = (sources: readonly MetricSource[], metric: string, { graceMs, bucketMs }: VerdictSettings): number => {
  const source = sources.find(({ metrics }) => metrics.includes(metric));
  return source === undefined ? 0 : lagBucketsOf(source, graceMs, bucketMs);
};

/** As configured; else equal. A configured weight of what is not there would be lost: it is shared out, and named. */
function weighed(
  metrics: readonly Unweighed[],
  sources: readonly MetricSource[],
  verdict: VerdictSettings,
  remarks: string[],
): readonly MetricPlan[] {
  const advisory = new Set(verdict.advisory);
  const judged = metrics.filter(({ name }) => !advisory.has(name));
  const given = (name: string): number => (verdict.weights === null ? 1 : (verdict.weights[name] ?? 0));
  const sum = judged.reduce((total, { name }) => total + given(name), 0);
  if (verdict.weights !== null && sum < 1 - 1e-9) {
    remarks.push(
      `the weights of metrics that are not there (${Math.round((1 - sum) * 100)} %) are shared out among the others`,
    );
  }
  return metrics.map((metric): MetricPlan => {
    const part = advisory.has(metric.name) || sum === 0 ? 0 : given(metric.name) / sum;
    const holds = verdict.holdOn.includes(metric.name);
    const lagBuckets = lagOf(sources, metric.name, verdict);
    // The weight of one that only advises counts nowhere.
    return { ...metric, weight: part || 1, advisory: part === 0, holds, lagBuckets };
  });
}

function trafficOf(
  history: readonly MetricBucket[],
  { bucketMs }: VerdictSettings,
): Pick<VerdictPlan, "requestsPerSecond" | "stableErrorRate"> {
  const counts = history.flatMap(({ metric, reading }) =>
    metric === routerMetricNames[0] && reading.kind === "rate" ? [reading.stable] : [],
  );
  const total = counts.reduce((sum, count) => sum + count.total, 0);
  const events = counts.reduce((sum, count) => sum + count.events, 0);
  if (total === 0) return { requestsPerSecond: 0, stableErrorRate: 0 };
  // The last minute alone: before it the version may have been a candidate itself, with a part of the traffic.
  const recent = counts.slice(-Math.max(1, Math.round(60_000 / bucketMs)));
  const lasting = recent.slice(
    Math.max(
      0,
      recent.findIndex((count) => count.total > 0),
    ),
  );
  const lately = lasting.reduce((sum, count) => sum + count.total, 0);
  return { requestsPerSecond: lately / ((lasting.length * bucketMs) / 1000), stableErrorRate: events / total };
}
