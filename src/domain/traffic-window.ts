/**
 * What happened at a revision between two readings of its cumulative counters. A counter that decreased means that the
 * router restarted: what it counts now is all that is known since then, and the window says so instead of going negative.
 */

import type { TrafficLimits } from "./settings.ts";
import type { Counters } from "./traffic.ts";
import { fail, pass, unknown, type Verdict, worst } from "./verdict.ts";

export interface TrafficWindow {
  readonly requests: number;
  readonly errors: number;
  readonly durationSumMs: number;
  readonly latencyEdgesMs: readonly number[];
  readonly latencyCounts: readonly number[];
  readonly resetSeen: boolean;
}

export const emptyWindow: TrafficWindow = {
  requests: 0,
  errors: 0,
  durationSumMs: 0,
  latencyEdgesMs: [],
  latencyCounts: [],
  resetSeen: false,
};

export function windowBetween(before: Counters | undefined, after: Counters | undefined): TrafficWindow {
  if (after === undefined) return emptyWindow;
  const resetSeen = before !== undefined && after.requests < before.requests;
  const base = before === undefined || resetSeen ? undefined : before;
  return {
    requests: after.requests - (base?.requests ?? 0),
    errors: after.errors - (base?.errors ?? 0),
    durationSumMs: after.durationSumMs - (base?.durationSumMs ?? 0),
    latencyEdgesMs: after.latencyEdgesMs,
    latencyCounts: after.latencyCounts.map((count, edge) => count - (base?.latencyCounts[edge] ?? 0)),
    resetSeen,
  };
}

/** Of several components' windows: what the version as a whole did. Histograms must share their edges. */
export function addWindows(a: TrafficWindow, b: TrafficWindow): TrafficWindow {
  const edges = a.latencyEdgesMs.length >= b.latencyEdgesMs.length ? a.latencyEdgesMs : b.latencyEdgesMs;
  const length = Math.max(a.latencyCounts.length, b.latencyCounts.length);
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    durationSumMs: a.durationSumMs + b.durationSumMs,
    latencyEdgesMs: edges,
    latencyCounts: Array.from({ length }, (_, edge) => (a.latencyCounts[edge] ?? 0) + (b.latencyCounts[edge] ?? 0)),
    resetSeen: a.resetSeen || b.resetSeen,
  };
}

export const errorRateOf = (window: TrafficWindow): number =>
  window.requests === 0 ? 0 : window.errors / window.requests;

export const meanLatencyMsOf = (window: TrafficWindow): number =>
  window.requests === 0 ? 0 : window.durationSumMs / window.requests;

/** The upper edge of the bin in which the quantile lies: never too small, at most one bin too large. */
export function quantileMsOf(window: TrafficWindow, quantile: number): number {
  const total = window.latencyCounts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (const [bin, count] of window.latencyCounts.entries()) {
    seen += count;
    if (seen >= quantile * total && count > 0) return window.latencyEdgesMs[bin] ?? Number.POSITIVE_INFINITY;
  }
  return 0;
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

/** What both versions together had before the rollout, and since when the windows run. */
export interface UsualTraffic {
  readonly requestsPerSecond: number;
  readonly elapsedMs: number;
}

/**
 * O2: the candidate's window against fixed limits and against the stable version in the same time. Too few requests are
 * unknown, never pass; and an error rate that is already over its limit by so few requests is unknown too, not failed.
 */
export function judgeTraffic(
  candidate: TrafficWindow,
  stable: TrafficWindow | undefined,
  limits: TrafficLimits,
  usual?: UsualTraffic,
): Verdict {
  if (candidate.requests < limits.minRequests) {
    return unknown(`the candidate got ${candidate.requests} of the ${limits.minRequests} requests needed to judge it`);
  }
  const all = candidate.requests + (stable?.requests ?? 0);
  return worst([
    judgeErrors(candidate, stable, limits),
    judgeLatency(candidate, limits),
    judgeBand(all, limits, usual),
  ]);
}

/** Over shorter times the usual traffic varies by chance. */
const bandFromMs = 30_000;

function judgeBand(requests: number, { trafficBand }: TrafficLimits, usual: UsualTraffic | undefined): Verdict {
  if (!trafficBand || usual === undefined || usual.elapsedMs < bandFromMs) return pass;
  if (usual.requestsPerSecond === 0) return unknown("there was no traffic before the rollout to compare with");
  const share = requests / (usual.elapsedMs / 1000) / usual.requestsPerSecond;
  if (share >= trafficBand.min && share <= trafficBand.max) return pass;
  const { min, max } = trafficBand;
  return fail(`${share.toFixed(2)} times the traffic of before the rollout, outside of ${min} to ${max}`);
}

function judgeErrors(candidate: TrafficWindow, stable: TrafficWindow | undefined, limits: TrafficLimits): Verdict {
  const rate = errorRateOf(candidate);
  const seen = `${candidate.errors} of ${candidate.requests} requests failed (${percent(rate)})`;
  if (limits.errorRate !== null && rate > limits.errorRate) {
    return fail(`${seen}, over the limit of ${percent(limits.errorRate)}`);
  }
  const comparable = stable !== undefined && stable.requests >= limits.minRequests;
  if (limits.errorRateRise === null || !comparable) return pass;
  const rise = rate - errorRateOf(stable);
  return rise > limits.errorRateRise
    ? fail(`${seen}, ${percent(rise)} more than the stable version at the same time`)
    : pass;
}

function judgeLatency(candidate: TrafficWindow, limits: TrafficLimits): Verdict {
  const mean = meanLatencyMsOf(candidate);
  if (limits.meanLatencyMs !== null && mean > limits.meanLatencyMs) {
    return fail(`mean latency ${mean.toFixed(0)} ms, over the limit of ${limits.meanLatencyMs} ms`);
  }
  const over = (
    [
      ["p95", 0.95, limits.p95LatencyMs],
      ["p99", 0.99, limits.p99LatencyMs],
    ] as const
  ).find(([, quantile, limit]) => (limit ?? null) !== null && quantileMsOf(candidate, quantile) > (limit ?? 0));
  if (over === undefined) return pass;
  const [name, quantile, limit] = over;
  return fail(`${name} latency ${quantileMsOf(candidate, quantile).toFixed(0)} ms, over the limit of ${limit} ms`);
}
