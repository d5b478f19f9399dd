import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { logAdd, logSum } from "./log-space.ts";
import { beginMixture, logEvidence, stepMixture, tempered } from "./mixture.ts";

describe("Z2: money that is moved between bets", () => {
  test("is neither made nor lost, at any horizon and beyond it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 18 }), (horizonBuckets, bets) => {
        let mixture = beginMixture(bets);
        for (let bucket = 0; bucket < 100; bucket += 1) {
          expect(logEvidence(mixture, horizonBuckets)).toBeCloseTo(0, 12);
          mixture = stepMixture(
            mixture,
            mixture.logWealth.map(() => 0),
            horizonBuckets,
          );
        }
      }),
    );
  });

  test("lets a fault that begins late win without first winning back what was lost", () => {
    let mixture = beginMixture(1);
    for (let bucket = 0; bucket < 120; bucket += 1) mixture = stepMixture(mixture, [-1], 360);
    const before = logEvidence(mixture, 360);
    for (let bucket = 0; bucket < 10; bucket += 1) mixture = stepMixture(mixture, [1], 360);

    expect(before).toBeGreaterThan(-1.5);
    expect(logEvidence(mixture, 360)).toBeGreaterThan(4);
  });

  test("cannot grow by more than the cap in one bucket, nor faster than the dispersion allows", () => {
    expect(tempered([20, -20, 3], 2, 6)).toEqual([6, -10, 1.5]);
  });
});

describe("sums in the space of logarithms", () => {
  test("hold where the numbers themselves would overflow or vanish", () => {
    expect(logAdd(1000, 1000)).toBeCloseTo(1000 + Math.LN2, 12);
    expect(logAdd(-1000, Number.NEGATIVE_INFINITY)).toBe(-1000);
    expect(logSum([])).toBe(Number.NEGATIVE_INFINITY);
    expect(logSum([-2000, -2000, -2000, -2000])).toBeCloseTo(-2000 + Math.log(4), 12);
  });
});
