/** Bins and buckets. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { bucketMs, createMeter, edgeOf, latencyEdgesMs } from "./meter.ts";

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

test("a bucket is given out once it is closed, and kept for fifteen minutes", () => {
  const meter = createMeter();
  const start = 1000 * bucketMs;
  meter.count(10, false, start);
  meter.count(20, true, start + bucketMs - 1);
  expect(meter.buckets(0, start + bucketMs - 1)).toEqual([]);

  meter.count(30, false, start + bucketMs);

  expect(meter.buckets(0, start + bucketMs)).toEqual([
    {
      index: 1000,
      startMs: start,
      requests: 2,
      errors: 1,
      durationSumMs: 30,
      latencyCounts: [
        [edgeOf(10), 1],
        [edgeOf(20), 1],
      ],
    },
  ]);
  expect(meter.buckets(1001, start + 2 * bucketMs).map((bucket) => bucket.index)).toEqual([1001]);
  expect(meter.buckets(0, start + 15 * 60_000)).toHaveLength(2);
  expect(meter.buckets(0, start + 60 * 60_000)).toHaveLength(0);
  expect(meter.counters()).toMatchObject({ requests: 3, errors: 1, durationSumMs: 60 });
});
