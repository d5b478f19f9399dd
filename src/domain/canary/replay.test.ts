import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BucketReading, MetricBucket } from "./bucket.ts";
import { applyBucket, beginCanary } from "./canary.ts";
import { judgeCanary } from "./judge.ts";
import { type CanaryPlan, canaryDefaults, type MetricPlan, metricDefaults } from "./plan.ts";
import { exposureThrough, replayEvidence } from "./replay.ts";
import { bucketsOf, seriesOf } from "./series.ts";

const edgesMs = [5, 10, 20, 40];
const errors: MetricPlan = { name: "errors", kind: "errors", ...metricDefaults.rate, weight: 0.75, phi: 1 };
const share: MetricPlan = { name: "share", kind: "share", ...metricDefaults.share, weight: 0.25 };
const plan: CanaryPlan = { ...canaryDefaults, firstIndex: 1000, warmupMs: 0, metrics: [errors, share] };

const rate = (k: number, n: number, s: number, ns: number): BucketReading => ({
  kind: "rate",
  candidate: { events: k, total: n },
  stable: { events: s, total: ns },
});

const at = (index: number, metric: string, reading: BucketReading): MetricBucket => ({ metric, index, reading });
const shareAt = (index: number, n: number, ns: number): MetricBucket =>
  at(index, "share", { kind: "share", candidateRequests: n, stableRequests: ns, candidateShare: 0.05 });

const down = { kind: "missing", reason: "the router does not answer" } as const;
const buckets: readonly MetricBucket[] = [
  at(1000, "errors", rate(0, 10, 1, 190)),
  shareAt(1000, 10, 190),
  at(1001, "errors", down),
  at(1001, "share", down),
  // 1002: nothing at all.
  at(1003, "errors", rate(20, 20, 0, 180)),
  shareAt(1003, 20, 180),
];

describe("Z2 the evidence played again", () => {
  test("Z2 has one point for every interval, and says of each what is not known", () => {
    const { points } = replayEvidence(plan, buckets);

    expect(
      points.map(({ index, candidate, stable, candidateShare }) => [index, candidate, stable, candidateShare]),
    ).toEqual([
      [1000, { events: 0, total: 10 }, { events: 1, total: 190 }, 0.05],
      [1001, null, null, null],
      [1002, null, null, null],
      [1003, { events: 20, total: 20 }, { events: 0, total: 180 }, 0.05],
    ]);
    expect(points.map(({ missing }) => missing.map(({ name, reason }) => `${name}: ${reason}`))).toEqual([
      [],
      ["errors: the router does not answer", "share: the router does not answer"],
      ["errors: nothing was delivered", "share: nothing was delivered"],
      [],
    ]);
    expect(points[3]).toMatchObject({ startMs: 5_015_000, endMs: 5_020_000 });
  });

  test("Z2 ends at the state and the evidence that decided, and stands still where nothing came", () => {
    const { points, state } = replayEvidence(plan, buckets);

    const live = buckets.reduce((before, bucket) => applyBucket(plan, before, bucket), beginCanary(plan));
    expect(state).toEqual(live);
    const verdict = judgeCanary(plan, live);
    expect(verdict.kind).toBe("rollback");
    expect(points.at(-1)?.logE).toBe(verdict.evidence.logE);
    expect(points.at(-1)?.holdLogE).toBe(verdict.evidence.holdLogE);
    expect(points[2]?.logE).toBe(points[0]?.logE);
  });

  test("impossible counts are missing with what is impossible about them, as where they came in", () => {
    const { points, state } = replayEvidence(plan, [at(1000, "errors", rate(11, 10, 0, 5)), shareAt(1000, 10, 5)]);

    expect(points).toHaveLength(1);
    expect(state.metrics["errors"]).toMatchObject({ applied: 0, missing: 1 });
    expect(state.metrics["errors"]?.missingReason).toMatch(/errors/);
  });

  test("where no metric may hold the weight there is no such evidence, which is not the same as none against it", () => {
    const holdless = { ...plan, metrics: plan.metrics.map((metric) => ({ ...metric, holds: false })) };

    const { points } = replayEvidence(holdless, buckets);

    expect(points.map(({ holdLogE }) => holdLogE)).toEqual([null, null, null, null]);
    expect(points.every(({ logE }) => logE !== null)).toBe(true);
  });

  test("what it cost to know is counted up to the interval that decided", () => {
    const { points } = replayEvidence(plan, buckets);

    expect(exposureThrough(points, 1002)).toEqual({ events: 0, total: 10 });
    expect(exposureThrough(points, 1003)).toEqual({ events: 20, total: 30 });
  });
});

const count = fc.nat(1000);
const counts = fc.record({ events: count, total: count });
const histogram = fc.array(count, { minLength: 3, maxLength: 6 }).map((bins) => ({ edgesMs, counts: bins }));
const reading: fc.Arbitrary<BucketReading> = fc.oneof(
  fc.record({ kind: fc.constant("rate" as const), candidate: counts, stable: counts }),
  fc.record({
    kind: fc.constant("rate" as const),
    candidate: counts,
    stable: counts,
    stableShards: fc.array(counts, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("latency" as const), candidate: histogram, stable: histogram }),
  fc.record({
    kind: fc.constant("share" as const),
    candidateRequests: count,
    stableRequests: count,
    candidateShare: fc.constantFrom(0, 0.05, 0.5),
  }),
  fc.record({ kind: fc.constant("missing" as const), reason: fc.string() }),
);

describe("the series in few words", () => {
  test("Z2 is lossless, through JSON as well, also for histograms that nobody can count with", () => {
    const metrics = fc.uniqueArray(fc.constantFrom("errors", "latency", "share", "orders"), { minLength: 1 });
    const row = metrics.chain((names) =>
      fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), reading, fc.boolean()))),
    );
    fc.assert(
      fc.property(fc.array(row, { maxLength: 6 }), (rows) => {
        const all = rows.flatMap((mine, n) =>
          mine.map(
            ([metric, its, reset]): MetricBucket => ({
              metric,
              index: 1000 + n,
              reading: its,
              ...(reset && { resetSeen: true }),
            }),
          ),
        );

        expect(bucketsOf(JSON.parse(JSON.stringify(seriesOf(all))))).toEqual(all);
      }),
    );
  });

  test("keeps the edges of the histograms once, and only their filled bins", () => {
    const slow: BucketReading = {
      kind: "latency",
      candidate: { edgesMs, counts: [0, 3, 0, 0, 1] },
      stable: { edgesMs: [...edgesMs], counts: [9, 0, 0, 0, 0] },
    };

    expect(seriesOf([at(1000, "latency", slow), at(1001, "latency", slow)])).toEqual({
      edgesMs: [edgesMs],
      rows: [1000, 1001].map((index) => ({
        index,
        readings: {
          latency: { latency: { candidate: { edges: 0, filled: [1, 3, 4, 1] }, stable: { edges: 0, filled: [0, 9] } } },
        },
      })),
    });
  });
});
