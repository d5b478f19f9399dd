import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BucketReading, MetricBucket, RateCounts } from "./bucket.ts";
import { applyBucket, beginCanary, type CanaryState } from "./canary.ts";
import { type CanaryVerdict, concludeCanary, judgeCanary } from "./judge.ts";
import { type CanaryPlan, canaryDefaults, type MetricPlan, metricDefaults } from "./plan.ts";

const edgesMs = Array.from({ length: 120 }, (_, at) => 5 * 1.045 ** at);
const cutsMs = [edgesMs[40]!, edgesMs[60]!, edgesMs[80]!] as const;

const errors: MetricPlan = { name: "errors", kind: "errors", ...metricDefaults.rate };
const latency: MetricPlan = { name: "latency", kind: "latency", ...metricDefaults.latency, cutsMs };
const share: MetricPlan = { name: "requests", kind: "share", ...metricDefaults.share };
const probe: MetricPlan = { name: "probe", kind: "guard", ...metricDefaults.guard };

const planOf = (metrics: readonly MetricPlan[], over: Partial<CanaryPlan> = {}): CanaryPlan => ({
  ...canaryDefaults,
  firstIndex: 1000,
  warmupMs: 0,
  metrics,
  ...over,
});

const fourMetrics = planOf([errors, latency, share, probe]);
const onlyErrors = planOf([{ ...errors, weight: 1, phi: 1 }]);

const rate = (candidate: readonly [number, number], stable: readonly [number, number]): BucketReading => ({
  kind: "rate",
  candidate: { events: candidate[0], total: candidate[1] },
  stable: { events: stable[0], total: stable[1] },
});

const at = (index: number, metric: string, reading: BucketReading): MetricBucket => ({
  metric,
  index: 1000 + index,
  reading,
});

const run = (plan: CanaryPlan, buckets: readonly MetricBucket[], from = beginCanary(plan)): CanaryState =>
  buckets.reduce((state, bucket) => applyBucket(plan, state, bucket), from);

const series = (metric: string, count: number, reading: (index: number) => BucketReading): readonly MetricBucket[] =>
  Array.from({ length: count }, (_, index) => at(index, metric, reading(index)));

/** All requests in bin 30, but every tenth in bin 50 and every hundredth in bin 70; `slower` bins further for the candidate. */
function histogram(requests: number, slower = 0): { edgesMs: readonly number[]; counts: readonly number[] } {
  const counts = new Array<number>(edgesMs.length + 1).fill(0);
  counts[30 + slower] = requests - Math.floor(requests / 10);
  counts[61 + slower] = Math.floor(requests / 10) - Math.floor(requests / 100);
  counts[81 + slower] = Math.floor(requests / 100);
  return { edgesMs, counts };
}

describe("Z2: a bad candidate is rolled back", () => {
  test("when it is dead, by the first bucket, with both counts in the reason", () => {
    const state = run(onlyErrors, [at(0, "errors", rate([13, 13], [1, 237]))]);

    const verdict = judgeCanary(onlyErrors, state);
    expect(verdict.kind).toBe("rollback");
    expect(verdict.reason).toContain(
      "errors: 13 of 13 (100 %) on the candidate, 1 of 237 (0.42 %) on the stable version",
    );
    expect(verdict.evidence.logE).toBeGreaterThan(verdict.evidence.threshold);
  });

  test("also while it warms up, when it is grossly wrong", () => {
    const warming = { ...onlyErrors, warmupMs: 60_000 };

    const dead = run(warming, [at(0, "errors", rate([13, 13], [1, 237]))]);
    const doubtful = run(
      warming,
      series("errors", 12, () => rate([3, 100], [5, 1900])),
    );

    expect(judgeCanary(warming, dead).kind).toBe("rollback");
    expect(judgeCanary(warming, doubtful).kind).toBe("undecided");
    expect(
      judgeCanary(
        onlyErrors,
        run(
          onlyErrors,
          series("errors", 12, () => rate([3, 100], [5, 1900])),
        ),
      ).kind,
    ).toBe("rollback");
  });

  test("when it is slower by half, while one that is 4 % slower is left alone", () => {
    const plan = planOf([{ ...latency, weight: 1, phi: 1 }]);
    const slowBy = (bins: number): CanaryState =>
      run(
        plan,
        series("latency", 40, () => ({ kind: "latency", candidate: histogram(100, bins), stable: histogram(1900) })),
      );

    expect(judgeCanary(plan, slowBy(35)).kind).toBe("rollback");
    expect(judgeCanary(plan, slowBy(35)).reason).toContain("slower than 1.1 ×");
    expect(judgeCanary(plan, slowBy(1)).evidence.logE).toBeLessThan(1);
  });

  test("when requests for it vanish, and when nothing at all is heard of it", () => {
    const plan = planOf([{ ...share, weight: 1 }]);
    const split = (candidateRequests: number): BucketReading => ({
      kind: "share",
      candidateRequests,
      stableRequests: 475,
      candidateShare: 0.05,
    });

    const halved = judgeCanary(
      plan,
      run(
        plan,
        series("requests", 40, () => split(12)),
      ),
    );
    const warming = { ...plan, warmupMs: 60_000 };
    const heardNothing = (buckets: number): CanaryVerdict =>
      judgeCanary(
        warming,
        run(
          warming,
          series("requests", buckets, () => split(0)),
        ),
      );
    const silent = heardNothing(3);
    const twice = heardNothing(2);

    expect(halved.reason).toContain("requests: the candidate got");
    expect(halved.kind).toBe("rollback");
    expect(silent.reason).toBe(
      "requests: the candidate had no request for 3 buckets in a row, in which its weight says 75",
    );
    expect(twice.kind).toBe("undecided");
  });

  test("by probes alone, where no control exists", () => {
    const plan = planOf([{ ...probe, weight: 1 }]);
    const probes = (failed: number): BucketReading => rate([failed, 1], [0, 0]);

    const failing = judgeCanary(
      plan,
      run(
        plan,
        series("probe", 3, () => probes(1)),
      ),
    );
    const healthy = judgeCanary(
      plan,
      run(
        plan,
        series("probe", 40, () => probes(0)),
      ),
    );

    expect(failing.kind).toBe("rollback");
    expect(healthy.kind).toBe("good");
    expect(healthy.excessUpperBound.probe).toBeLessThanOrEqual(0.2);
  });

  test("and stays so, whatever comes after", () => {
    const dead = [at(0, "errors", rate([13, 13], [1, 237]))];
    const healed = series("errors", 300, () => rate([0, 100], [100, 1900])).slice(1);

    const verdict = judgeCanary(onlyErrors, run(onlyErrors, [...dead, ...healed]));

    expect(verdict.evidence.logE).toBeLessThan(verdict.evidence.threshold);
    expect(verdict.kind).toBe("rollback");
  });

  test("but an advisory metric only tells", () => {
    const plan = planOf([
      { ...errors, weight: 1, phi: 1 },
      { ...share, advisory: true },
    ]);
    const silent: BucketReading = { kind: "share", candidateRequests: 0, stableRequests: 475, candidateShare: 0.05 };
    const state = run(
      plan,
      [0, 1, 2, 3].flatMap((index) => [at(index, "errors", rate([0, 25], [2, 475])), at(index, "requests", silent)]),
    );

    const verdict = judgeCanary(plan, state);

    expect(verdict.kind).toBe("undecided");
    expect(verdict.evidence.perMetric[1]?.logE).toBeGreaterThan(5);
  });
});

describe("Z2: a candidate that is not bad", () => {
  test("is proven good by enough requests, and U says within what", () => {
    const verdict = judgeCanary(
      onlyErrors,
      run(
        onlyErrors,
        series("errors", 60, () => rate([0, 50], [5, 950])),
      ),
    );

    expect(verdict.kind).toBe("good");
    expect(verdict.excessUpperBound.errors).toBeLessThanOrEqual(0.005);
    expect(concludeCanary(verdict, false)).toBe("promote");
  });

  test("is held when it differs inside the margin of what rolls back", () => {
    const plan = planOf([{ ...errors, weight: 1, phi: 1, delta0: 0.05 }]);

    const verdict = judgeCanary(
      plan,
      run(
        plan,
        series("errors", 40, () => rate([3, 100], [19, 1900])),
      ),
    );

    expect(verdict.kind).toBe("hold");
    expect(concludeCanary(verdict, true)).toBe("hold");
  });

  test("is inconclusive at the dwell limit, never passed, where too little was seen", () => {
    const verdict = judgeCanary(
      onlyErrors,
      run(
        onlyErrors,
        series("errors", 10, () => rate([0, 1], [0, 19])),
      ),
    );

    expect(verdict.reason).toBe("not proven good yet: errors");
    expect(concludeCanary(verdict, false)).toBe("continue");
    expect(concludeCanary(verdict, true)).toBe("inconclusive");
  });
});

describe("O4: what is not known is said", () => {
  test.each([
    ["the candidate", rate([0, 0], [1, 100]), "errors: the candidate has had no requests"],
    ["the stable version", rate([0, 100], [0, 0]), "errors: the stable version has had no requests to compare with"],
  ])("%s without traffic", (_, reading, reason) => {
    const verdict = judgeCanary(
      onlyErrors,
      run(
        onlyErrors,
        series("errors", 30, () => reading),
      ),
    );

    expect(verdict).toMatchObject({ kind: "undecided", reason });
    expect(verdict.evidence.logE).toBeCloseTo(0, 12);
  });

  test("a source that is down, with its reason, and buckets that nobody delivered", () => {
    const healthy = series("errors", 60, () => rate([0, 50], [5, 950]));
    const down = at(60, "errors", { kind: "missing", reason: "connection refused" });

    const state = run(onlyErrors, [...healthy, down]);

    expect(judgeCanary(onlyErrors, state)).toMatchObject({
      kind: "undecided",
      reason: "errors is unknown: connection refused (1 buckets in a row)",
      unknownMetrics: [{ name: "errors" }],
    });
    expect(judgeCanary(onlyErrors, run(onlyErrors, healthy), 1065).reason).toBe(
      "errors is unknown: nothing was delivered (6 buckets in a row)",
    );
    expect(judgeCanary(onlyErrors, run(onlyErrors, [at(65, "errors", rate([0, 50], [5, 950]))], state)).kind).toBe(
      "good",
    );
  });

  test("a counter that went back is marked, and counted as it is", () => {
    const bucket = { ...at(0, "errors", rate([0, 10], [0, 190])), resetSeen: true };

    expect(run(onlyErrors, [bucket]).metrics.errors).toMatchObject({ resets: 1, applied: 1 });
  });

  test("no metric at all proves nothing", () => {
    const plan = planOf([]);

    expect(judgeCanary(plan, beginCanary(plan))).toMatchObject({ kind: "undecided" });
  });
});

describe("O4: numbers that cannot be true are refused by name", () => {
  const histogramOf = (counts: readonly number[], edges: readonly number[] = [10, 20]): BucketReading => ({
    kind: "latency",
    candidate: { edgesMs: edges, counts },
    stable: histogram(10),
  });
  test.each<[string, string, BucketReading]>([
    ["negative counts", "errors", rate([-1, 10], [0, 100])],
    ["more failures than requests", "errors", rate([11, 10], [0, 100])],
    ["NaN", "errors", rate([0, 10], [Number.NaN, 100])],
    ["infinity", "errors", rate([0, 10], [0, Number.POSITIVE_INFINITY])],
    ["another kind of reading", "errors", histogramOf([1, 2, 3])],
    ["a metric that was not planned", "cpu", rate([0, 1], [0, 1])],
    ["a histogram without buckets", "latency", histogramOf([1], [])],
    ["a histogram with too few counts", "latency", histogramOf([1, 2])],
    ["a histogram whose edges fall", "latency", histogramOf([1, 2, 3], [20, 10])],
    ["a histogram with a negative count", "latency", histogramOf([1, -2, 3])],
    ["a share over 1", "requests", { kind: "share", candidateRequests: 1, stableRequests: 1, candidateShare: 1.2 }],
  ])("%s", (_, metric, reading) => {
    const state = beginCanary(fourMetrics);

    expect(() => applyBucket(fourMetrics, state, at(0, metric, reading))).toThrow(
      expect.objectContaining({
        failure: expect.objectContaining({ code: "METRIC_INVALID", at: `metrics.${metric}` }),
      }),
    );
  });

  test("a shard's counts too", () => {
    const shard: RateCounts = { events: 3, total: 2 };
    const reading: BucketReading = {
      kind: "rate",
      candidate: { events: 0, total: 1 },
      stable: { events: 0, total: 1 },
      stableShards: [shard],
    };

    expect(() => run(onlyErrors, [at(0, "errors", reading)])).toThrow("shard 0 counts are 3 of 2");
  });

  test.each<[string, readonly MetricPlan[], string]>([
    ["weights that do not add up to 1", [errors, latency, share], "add up to 0.75, not to 1"],
    ["a weight of 0", [{ ...errors, weight: 0 }], "its weight is 0"],
    [
      "two metrics of one name",
      [
        { ...errors, weight: 0.5 },
        { ...errors, weight: 0.5 },
      ],
      "the same name",
    ],
    ["only advisory metrics", [{ ...errors, advisory: true }], "every metric is advisory"],
    ["a dispersion under 1", [{ ...errors, weight: 1, phi: 0.5 }], "its dispersion is 0.5"],
    ["a margin under 1", [{ ...errors, weight: 1, psi0: 0.9 }], "its margin is 0.9 times"],
  ])("a plan with %s", (_, metrics, message) => {
    expect(() => beginCanary(planOf(metrics))).toThrow(message);
  });
});

/** Four metrics' buckets of a whole row, in any order, some missing, at a small or a large traffic. */
const readings = fc.record({
  candidate: fc.nat({ max: 60 }),
  failed: fc.nat({ max: 60 }),
  stable: fc.nat({ max: 900 }),
  stableFailed: fc.nat({ max: 20 }),
  slower: fc.nat({ max: 30 }),
  probeFailed: fc.boolean(),
  missing: fc.nat({ max: 12 }),
  order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
});
type Readings = typeof readings extends fc.Arbitrary<infer T> ? T : never;

function rowOf(index: number, given: Readings): readonly MetricBucket[] {
  const { candidate, stable } = given;
  const failed = Math.min(given.failed, candidate);
  const half = Math.floor(stable / 2);
  const stableFailed = Math.min(given.stableFailed, half);
  const row: readonly MetricBucket[] = [
    at(index, "errors", {
      kind: "rate",
      candidate: { events: failed, total: candidate },
      stable: { events: stableFailed, total: stable },
      stableShards: [
        { events: stableFailed, total: half },
        ...Array.from({ length: 15 }, (_, at) => ({ events: at % 2, total: 1 + (stable - half) / 15 })),
      ],
    }),
    at(index, "latency", { kind: "latency", candidate: histogram(candidate, given.slower), stable: histogram(stable) }),
    at(index, "requests", {
      kind: "share",
      candidateRequests: candidate,
      stableRequests: stable,
      candidateShare: 0.05,
    }),
    at(index, "probe", rate([given.probeFailed ? 1 : 0, 1], [0, 0])),
  ];
  return row.map((bucket, metric) =>
    given.missing === metric ? { ...bucket, reading: { kind: "missing", reason: "stale" } } : bucket,
  );
}

describe("Z2: the same buckets give the same verdict", () => {
  const rollouts = fc.array(readings, { minLength: 1, maxLength: 40 });
  const straight = (rows: readonly Readings[]): CanaryState =>
    run(
      fourMetrics,
      rows.flatMap((given, index) => rowOf(index, given)),
    );

  test("wherever the process dies, and however many buckets come twice", () => {
    fc.assert(
      fc.property(rollouts, fc.nat({ max: 160 }), fc.nat({ max: 20 }), (rows, diesAfter, repeats) => {
        const buckets = rows.flatMap((given, index) => rowOf(index, given));
        const before = run(fourMetrics, buckets.slice(0, diesAfter));
        const restored: CanaryState = JSON.parse(JSON.stringify(before));

        const resumed = run(fourMetrics, buckets.slice(Math.max(0, diesAfter - repeats)), restored);

        expect(JSON.stringify(resumed)).toBe(JSON.stringify(straight(rows)));
      }),
      { numRuns: 100 },
    );
  });

  test("in whatever order the metrics of one interval arrive", () => {
    fc.assert(
      fc.property(rollouts, (rows) => {
        const shuffled = rows.flatMap((given, index) => {
          const row = rowOf(index, given);
          return given.order.map((metric) => row[metric]!);
        });

        expect(JSON.stringify(run(fourMetrics, shuffled))).toBe(JSON.stringify(straight(rows)));
      }),
      { numRuns: 100 },
    );
  });

  test("however the replicas of one bucket are ordered or merged", () => {
    const shard = fc.record({ events: fc.nat({ max: 5 }), total: fc.integer({ min: 5, max: 50 }) });
    const plan = planOf([{ ...errors, weight: 1, phi: 3 }]);
    const sumOf = (shards: readonly RateCounts[]): RateCounts => ({
      events: shards.reduce((sum, { events }) => sum + events, 0),
      total: shards.reduce((sum, { total }) => sum + total, 0),
    });
    const bucketOf = (index: number, shards: readonly RateCounts[]): MetricBucket =>
      at(index, "errors", {
        kind: "rate",
        candidate: { events: 1, total: 9 },
        stable: sumOf(shards),
        stableShards: shards,
      });
    fc.assert(
      fc.property(fc.array(fc.array(shard, { minLength: 1, maxLength: 20 }), { maxLength: 30 }), (rows) => {
        const given = run(
          plan,
          rows.map((shards, index) => bucketOf(index, shards)),
        );
        const turned = run(
          plan,
          rows.map((shards, index) => bucketOf(index, shards.toReversed())),
        );
        const merged = run(
          plan,
          rows.map((shards, index) => bucketOf(index, [sumOf(shards)])),
        );

        expect(turned).toEqual(given);
        expect(merged).toEqual(given);
      }),
      { numRuns: 100 },
    );
  });

  test("with a state of under 2 KB for each metric, after hours of buckets", () => {
    const busy = Array.from({ length: 3000 }, (_, index) => index).flatMap((index) =>
      rowOf(index, {
        candidate: 1_234_567,
        failed: (index * 7919) % 4321,
        stable: 23_456_789,
        stableFailed: (index * 104_729) % 98_765,
        slower: 0,
        probeFailed: index % 100 === 0,
        missing: index % 13,
        order: [],
      }),
    );

    const state = run(fourMetrics, busy);

    const sizes = Object.values(state.metrics).map((metric) => JSON.stringify(metric).length);
    expect(Math.max(...sizes)).toBeLessThan(2048);
  });
});
