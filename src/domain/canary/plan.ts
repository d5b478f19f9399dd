/**
 * Everything about a verdict that is fixed before the first request is measured: a bound on false alarms holds only for a test that
 * nobody adjusts while looking. Times are milliseconds, rates and shares 0 to 1.
 */
import type { Dispersion } from "./dispersion.ts";

interface MetricPlanBase {
  readonly name: string;
  /** Its part of the family, above 0; those of the metrics that are not advisory add up to 1. */
  readonly weight: number;
  /** Reported, but neither rolls back nor holds nor keeps from going on. */
  readonly advisory: boolean;
  /**
   * False: a difference inside the margin does not hold the weight. No two versions answer equally fast, and with enough requests
   * any difference shows; so latency holds only where that is asked for. Absent: it holds.
   */
  readonly holds?: boolean;
  /** Its buckets come so many places of the grid later than the others', since its provider settles late. Absent: 0. */
  readonly lagBuckets?: number;
  /** Nats that one bucket can give at most, outside the hard half: at 6, with a weight of a quarter, none decides alone. */
  readonly cap: number;
  /** It is good once U is at most this. */
  readonly goodDelta: number;
}

/** How bursty the metric is: declared, or measured on the stable version. */
export interface DispersionPlan {
  readonly phi: number | "measure";
  /** What is used until the first measurement. */
  readonly phiUntilMeasured: number;
  /** Measured before the candidate came. */
  readonly history?: Dispersion;
}

/** Failed requests, or anything else that is counted. With `slowerThanMs` a histogram is taken, and slower requests are the events. */
export interface RatePlan extends MetricPlanBase, DispersionPlan {
  readonly kind: "errors" | "rate";
  readonly psi0: number;
  readonly delta0: number;
  readonly hardDelta0: number;
  readonly slowerThanMs?: number;
}

/** `cutsMs`: the stable version's p50, p90 and p99 of earlier data. Bins should be at most 5 % wide. */
export interface LatencyPlan extends MetricPlanBase, DispersionPlan {
  readonly kind: "latency";
  readonly cutsMs: readonly [number, number, number];
}

/** The split of the requests against the configured weights. */
export interface SharePlan extends MetricPlanBase {
  readonly kind: "share";
  readonly psi0: number;
  readonly phi: number;
}

/** Where no control exists, e.g. probes: only the candidate's counts are read. */
export interface GuardPlan extends MetricPlanBase {
  readonly kind: "guard";
  readonly declaredRate: number;
  readonly failingRate: number;
  readonly phi: number;
}

export type MetricPlan = RatePlan | LatencyPlan | SharePlan | GuardPlan;

export interface CanaryPlan {
  /** The grid index of the first bucket in which the candidate may have traffic; earlier ones are ignored. */
  readonly firstIndex: number;
  readonly bucketMs: number;
  /** How long after its end a bucket is read, for both versions alike. */
  readonly graceMs: number;
  readonly warmupMs: number;
  /** The restarts are spread over so many buckets; a longer rollout goes on without further ones. */
  readonly horizonBuckets: number;
  readonly alpha: number;
  readonly holdAlpha: number;
  readonly goodBeta: number;
  /** The factor of the good test's null. */
  readonly goodPsi: number;
  /** `expectedRequests` is never under 10; see docs/verdict.md for why the default is more. */
  readonly silence: { readonly buckets: number; readonly expectedRequests: number };
  readonly metrics: readonly MetricPlan[];
}

export const canaryDefaults = {
  bucketMs: 5000,
  graceMs: 2000,
  warmupMs: 60_000,
  horizonBuckets: 360,
  alpha: 0.01,
  holdAlpha: 0.05,
  goodBeta: 0.05,
  goodPsi: 1.1,
  silence: { buckets: 3, expectedRequests: 14 },
} as const satisfies Omit<CanaryPlan, "firstIndex" | "metrics">;

const common = { weight: 0.25, advisory: false, cap: 6 } as const;
const measured = { phi: "measure", phiUntilMeasured: 2 } as const;

/** What a metric of each kind is judged by unless the configuration says otherwise; a name and a weight are still to be given. */
export const metricDefaults = {
  rate: { ...common, ...measured, psi0: 1.1, delta0: 0.001, hardDelta0: 0.1, goodDelta: 0.005 },
  latency: { ...common, ...measured, goodDelta: 0.02 },
  share: { ...common, phi: 1, psi0: 1.1, goodDelta: 1 },
  guard: { ...common, phi: 1, declaredRate: 0.01, failingRate: 0.9, goodDelta: 0.2 },
} as const;

/** The grid index of the bucket in which `atMs` (since the epoch) lies. */
export const bucketIndexAt = (atMs: number, bucketMs: number): number => Math.floor(atMs / bucketMs);

/** So many failures in a row leave no doubt that a release is dead, with some to spare. */
const enoughRequests = 16;
/** From the decision to the first request. */
const shiftMs = 250;

/**
 * How long to wait, in milliseconds, until the first weight is best begun: when just so much of a bucket is left as holds the requests that
 * tell a dead release. With less of it left another whole bucket would fail, with more of it left the rest of it would.
 */
export function wellBegunInMs(nowMs: number, bucketMs: number, candidatePerSecond: number): number {
  const neededMs = Math.min(bucketMs, shiftMs + (1_000 * enoughRequests) / candidatePerSecond);
  const mostMs = Math.min(bucketMs, neededMs + bucketMs / 10);
  const leftMs = bucketMs - (nowMs % bucketMs);
  if (leftMs >= neededMs && leftMs <= mostMs) return 0;
  return leftMs > mostMs ? leftMs - mostMs : leftMs + bucketMs - mostMs;
}

/** Only the hard half is fed in these buckets. */
export const isWarmingUp = (plan: CanaryPlan, index: number): boolean =>
  (index - plan.firstIndex) * plan.bucketMs < plan.warmupMs;
