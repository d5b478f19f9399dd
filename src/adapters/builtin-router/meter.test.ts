/** Bins and buckets. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { baseMs, createMeter, edgeOf, latencyEdgesMs, shardCount } from "./meter.ts";

test("O4 every duration lands in the first bin whose edge is not below it", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 100_000, noNaN: true }), (ms) => {
      const first = latencyEdgesMs.findIndex((edge) => ms <= edge);
      expect(edgeOf(ms)).toBe(first < 0 ? latencyEdgesMs.length : first);
    }),
  );
  for (const [index, edge] of latencyEdgesMs.entries()) expect(edgeOf(edge)).toBe(index);
});

test("edges rise by at most 5 % from 0.5 ms to a minute", () => {
  const growths = latencyEdgesMs.slice(1).map((edge, index) => edge / (latencyEdgesMs[index] ?? 0));

  expect(latencyEdgesMs[0]).toBe(0.5);
  expect(latencyEdgesMs.at(-1)).toBe(60_000);
  expect(Math.max(...growths)).toBeLessThanOrEqual(1.05 + 1e-9);
});

const start = 1_000_000 * baseMs;

test("O4 an interval is given out once it is closed, in sums that are its own", () => {
  const meter = createMeter();
  meter.count(10, false, start, 3);
  meter.count(20, true, start + baseMs - 1, 3);
  meter.expect(0.25, start + 1);
  meter.tidy(start + baseMs - 1);
  expect(meter.buckets(baseMs, 0, start + baseMs).size).toBe(0);

  meter.count(30, false, start + baseMs, 15);
  const first = meter.buckets(baseMs, 0, Number.MAX_SAFE_INTEGER);

  expect([...first.keys()]).toEqual([1_000_000]);
  expect(first.get(1_000_000)).toMatchObject({ requests: 2, errors: 1, durationSumMs: 30, expectedRequests: 0.25 });
  expect(first.get(1_000_000)?.latencyCounts).toEqual([
    [edgeOf(10), 1],
    [edgeOf(20), 1],
  ]);
  expect(first.get(1_000_000)?.shards.map(({ requests, errors }) => [requests, errors])).toEqual(
    Array.from({ length: shardCount }, (_, shard) => (shard === 3 ? [2, 1] : [0, 0])),
  );
  expect(meter.counters()).toMatchObject({ requests: 3, errors: 1, durationSumMs: 60 });
});

test("O4 intervals are kept for fifteen minutes at least, and not for an hour", () => {
  const meter = createMeter();
  meter.count(10, false, start, 0);

  meter.tidy(start + 15 * 60_000);
  expect(meter.buckets(5000, 0, Number.MAX_SAFE_INTEGER).size).toBe(1);

  meter.tidy(start + 60 * 60_000);
  expect(meter.buckets(5000, 0, Number.MAX_SAFE_INTEGER).size).toBe(0);
});

test("O4 after a clock was set back its intervals are counted anew, and the counters go on", () => {
  const meter = createMeter();
  meter.count(10, true, start, 0);
  meter.forget();

  meter.count(10, false, start - 60_000, 0);
  meter.tidy(start - 60_000 + baseMs);

  expect([...meter.buckets(baseMs, 0, Number.MAX_SAFE_INTEGER).values()]).toMatchObject([{ requests: 1, errors: 0 }]);
  expect(meter.counters()).toMatchObject({ requests: 2, errors: 1 });
});

const requests = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 700 }),
    durationMs: fc.double({ min: 0, max: 70_000, noNaN: true }),
    failed: fc.boolean(),
    shard: fc.integer({ min: 0, max: shardCount - 1 }),
  }),
  { minLength: 1, maxLength: 60 },
);

test("O4 on every grid the buckets, their bins and their shards add up to the counters, whatever was served", () => {
  fc.assert(
    fc.property(requests, fc.constantFrom(1, 2, 4, 20), (served, width) => {
      const meter = createMeter();
      let nowMs = start;
      for (const { afterMs, durationMs, failed, shard } of served) {
        nowMs += afterMs;
        meter.count(durationMs, failed, nowMs, shard);
      }
      meter.tidy(nowMs + baseMs);

      const buckets = [...meter.buckets(width * baseMs, start, nowMs + baseMs).values()];

      const { requests, errors, latencyCounts } = meter.counters();
      const bins = new Array<number>(latencyCounts.length).fill(0);
      for (const [edge, count] of buckets.flatMap((bucket) => bucket.latencyCounts))
        bins[edge] = (bins[edge] ?? 0) + count;
      const shards = buckets.flatMap((bucket) => bucket.shards);
      expect(sum(buckets.map((bucket) => bucket.requests))).toBe(requests);
      expect(sum(shards.map((shard) => shard.requests))).toBe(requests);
      expect(sum(shards.map((shard) => shard.errors))).toBe(errors);
      expect(bins).toEqual(latencyCounts);
    }),
  );
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
