import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TrafficLimits } from "./settings.ts";
import type { Counters } from "./traffic.ts";
import {
  addWindows,
  emptyWindow,
  judgeTraffic,
  quantileMsOf,
  type TrafficWindow,
  windowBetween,
} from "./traffic-window.ts";

const edges = [10, 20, 40];

const counters = (requests: number, errors = 0, latencyCounts = [requests, 0, 0, 0]): Counters => ({
  requests,
  errors,
  inFlight: 0,
  durationSumMs: requests * 5,
  latencyEdgesMs: edges,
  latencyCounts,
});

const windowOf = (requests: number, errors = 0): TrafficWindow => windowBetween(undefined, counters(requests, errors));

const noLimits: TrafficLimits = {
  errorRate: null,
  errorRateRise: null,
  meanLatencyMs: null,
  p95LatencyMs: null,
  minRequests: 0,
};

describe("a window between two readings", () => {
  test("is their difference", () => {
    const window = windowBetween(counters(10, 1), counters(30, 4, [25, 5, 0, 0]));

    expect(window).toMatchObject({
      requests: 20,
      errors: 3,
      durationSumMs: 100,
      latencyCounts: [15, 5, 0, 0],
      resetSeen: false,
    });
  });

  test("of a revision that was not seen yet is empty", () => {
    expect(windowBetween(undefined, undefined)).toEqual(emptyWindow);
    expect(windowBetween(counters(5), undefined)).toEqual(emptyWindow);
  });

  test("over a restart of the router is what it counts now, and says so", () => {
    expect(windowBetween(counters(100, 50), counters(7, 1))).toMatchObject({ requests: 7, errors: 1, resetSeen: true });
  });

  test("needs no edges of the reading before", () => {
    const before = { ...counters(10), latencyEdgesMs: [] };

    expect(windowBetween(before, counters(30)).latencyEdgesMs).toEqual(edges);
  });

  test("is never negative", () => {
    const reading = fc.tuple(fc.nat(1_000), fc.nat(1_000)).map(([all, bad]) => counters(all, Math.min(all, bad)));
    fc.assert(
      fc.property(reading, fc.nat(1_000), (before, more) => {
        const after = counters(before.requests + more, before.errors);
        const window = windowBetween(before, after);
        expect(window.requests).toBe(more);
        expect(window.errors).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

test("windows of several components add up, in any order", () => {
  const [a, b] = [windowOf(10, 1), windowOf(5, 2)];

  expect(addWindows(a, b)).toEqual(addWindows(b, a));
  expect(addWindows(a, b)).toMatchObject({ requests: 15, errors: 3, latencyCounts: [15, 0, 0, 0] });
  expect(addWindows(emptyWindow, a)).toMatchObject({ requests: 10, latencyEdgesMs: edges });
});

describe("a quantile", () => {
  test.each([
    [0.5, [90, 9, 1, 0], 10],
    [0.95, [90, 9, 1, 0], 20],
    [0.995, [90, 9, 1, 0], 40],
    [0.95, [0, 0, 0, 5], Number.POSITIVE_INFINITY],
    [0.95, [0, 0, 0, 0], 0],
  ])("%d of %j is the upper edge of its bin, %d ms", (quantile, latencyCounts, ms) => {
    const window = windowBetween(undefined, counters(100, 0, latencyCounts));

    expect(quantileMsOf(window, quantile)).toBe(ms);
  });
});

describe("O2 traffic against its limits", () => {
  test("too few requests are unknown, whatever they looked like", () => {
    const limits = { ...noLimits, errorRate: 0.01, minRequests: 20 };

    for (const errors of [0, 19]) expect(judgeTraffic(windowOf(19, errors), undefined, limits).kind).toBe("unknown");
    expect(judgeTraffic(windowOf(20), undefined, limits).kind).toBe("pass");
  });

  test.each([
    ["error rate at its limit", { errorRate: 0.1 }, windowOf(100, 10), "pass"],
    ["error rate over its limit", { errorRate: 0.1 }, windowOf(100, 11), "fail"],
    ["mean latency within", { meanLatencyMs: 5 }, windowOf(100), "pass"],
    ["mean latency over", { meanLatencyMs: 4 }, windowOf(100), "fail"],
    ["p95 within", { p95LatencyMs: 10 }, windowOf(100), "pass"],
    ["p95 over", { p95LatencyMs: 9 }, windowOf(100), "fail"],
    ["p99 within", { p99LatencyMs: 10 }, windowOf(100), "pass"],
    ["p99 over", { p99LatencyMs: 9 }, windowOf(100), "fail"],
    ["no limit at all", {}, windowOf(100, 100), "pass"],
  ] as const)("%s", (_name, limits, candidate, kind) => {
    expect(judgeTraffic(candidate, undefined, { ...noLimits, ...limits }).kind).toBe(kind);
  });

  test.each([
    ["both alike", windowOf(100, 10), "pass"],
    ["the candidate worse by more than allowed", windowOf(100, 2), "fail"],
    ["a stable version that got too little to compare with", windowOf(3), "pass"],
  ] as const)("O2 the rise over the stable version at the same time: %s", (_name, stable, kind) => {
    const limits = { ...noLimits, errorRateRise: 0.05, minRequests: 10 };

    expect(judgeTraffic(windowOf(100, 10), stable, limits).kind).toBe(kind);
  });

  test.each([
    ["as much as usual", 3_000, 100, "pass"],
    ["half as much", 1_500, 100, "pass"],
    ["less than half", 1_400, 100, "fail"],
    ["more than twice", 6_100, 100, "fail"],
    ["nothing to compare with", 3_000, 0, "unknown"],
  ] as const)(
    "O2 the traffic of both versions against that of before the rollout: %s",
    (_name, requests, usual, kind) => {
      const limits = { ...noLimits, trafficBand: { min: 0.5, max: 2 } };
      const judged = (elapsedMs: number) =>
        judgeTraffic(windowOf(requests / 2), windowOf(requests / 2), limits, { requestsPerSecond: usual, elapsedMs })
          .kind;

      expect(judged(30_000)).toBe(kind);
      expect(judged(29_000)).toBe("pass");
    },
  );
});
