import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { latencyCuts, latencyIncrements, possiblySlower, surelySlower } from "./latency-test.ts";

const edgesMs = [10, 20, 40];
const histogram = { edgesMs, counts: [50, 30, 15, 5] };

describe("Z2: the cuts of a latency test", () => {
  test("are the edges above the quantiles of what the stable version did before", () => {
    expect(latencyCuts({ edgesMs, counts: [50, 40, 9, 1] })).toEqual([10, 20, 40]);
  });

  test("are unknown without requests, and where a quantile lies beyond the last edge", () => {
    expect(latencyCuts({ edgesMs, counts: [0, 0, 0, 0] })).toBeUndefined();
    expect(latencyCuts({ edgesMs, counts: [50, 30, 15, 5] })).toBeUndefined();
    expect(latencyCuts({ edgesMs: [], counts: [3] })).toBeUndefined();
  });

  test("count the same requests for both where they lie on an edge", () => {
    expect(surelySlower(histogram, 20)).toEqual({ slow: 20, total: 100 });
    expect(possiblySlower(histogram, 20)).toEqual({ slow: 20, total: 100 });
  });

  test("leave the doubt inside a bin to the stable version", () => {
    expect(surelySlower(histogram, 22)).toEqual({ slow: 5, total: 100 });
    expect(possiblySlower(histogram, 22)).toEqual({ slow: 20, total: 100 });
    expect(surelySlower(histogram, 50)).toEqual({ slow: 0, total: 100 });
    expect(possiblySlower(histogram, 50)).toEqual({ slow: 5, total: 100 });
  });

  test("give nothing for a candidate or a stable version without requests", () => {
    const nobody = { edgesMs, counts: [0, 0, 0, 0] };

    expect(new Set(latencyIncrements(nobody, histogram, [10, 20, 40], 1.1))).toEqual(new Set([0]));
    expect(new Set(latencyIncrements(histogram, nobody, [10, 20, 40], 1.1))).toEqual(new Set([0]));
  });

  test("never count more as surely slow than as possibly slow", () => {
    const counts = fc.array(fc.nat({ max: 1000 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(counts, fc.double({ min: 0.1, max: 100, noNaN: true }), (given, limitMs) => {
        const of = { edgesMs, counts: given };

        expect(surelySlower(of, limitMs).slow).toBeLessThanOrEqual(possiblySlower(of, limitMs).slow);
      }),
    );
  });
});
