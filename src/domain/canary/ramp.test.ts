import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firstShare, nextShare, rampDefaults } from "./ramp.ts";

const waited = { sinceShareMs: 60_000, sinceStartMs: 60_000 };

describe("Z2: the adaptive ramp", () => {
  test.each([
    [0, 0.25],
    [5, 0.25],
    [50, 0.1],
    [500, 0.01],
    [5000, 0.005],
  ])("begins at %d requests a second with a share of %d", (requestsPerSecond, share) => {
    expect(firstShare(requestsPerSecond)).toBeCloseTo(share, 12);
  });

  test("goes no further before the soak time has passed, however good the candidate looks", () => {
    const progress = { share: 0.01, sinceShareMs: 59_999, sinceStartMs: 100_000, requestsPerSecond: 500 };

    expect(nextShare({ ...progress, excessUpperBound: 0.0001 })).toBe(0.01);
    expect(nextShare({ ...progress, sinceShareMs: 60_000, excessUpperBound: 0.0001 })).toBe(0.1);
  });

  test("gives as much as the budget allows at the excess that is still possible", () => {
    const share = nextShare({ ...waited, share: 0.1, requestsPerSecond: 500, excessUpperBound: 0.03 });

    expect(share * 0.03 * 500 * 10).toBeCloseTo(50, 9);
  });

  test("stops at half until the excess is proven small, and never takes the control away", () => {
    const progress = { ...waited, share: 0.3, requestsPerSecond: 50 };

    expect(nextShare({ ...progress, excessUpperBound: 0.0075 })).toBe(0.5);
    expect(nextShare({ ...progress, excessUpperBound: 0.005 })).toBe(0.95);
    expect(nextShare({ ...progress, excessUpperBound: 1, sinceStartMs: 600_000 })).toBe(0.95);
  });

  test("stays where it is while there is no traffic, even when the timer ends", () => {
    const progress = { ...waited, share: 0.25, sinceStartMs: 900_000, excessUpperBound: 1 };

    expect(nextShare({ ...progress, requestsPerSecond: 0 })).toBe(0.25);
    expect(nextShare({ ...progress, requestsPerSecond: Number.NaN })).toBe(0.25);
  });

  test("never goes down and never beyond ten times what it was", () => {
    const progress = fc.record({
      share: fc.double({ min: 0.005, max: 0.95, noNaN: true }),
      sinceShareMs: fc.nat({ max: 200_000 }),
      sinceStartMs: fc.nat({ max: 599_999 }),
      requestsPerSecond: fc.nat({ max: 100_000 }),
      excessUpperBound: fc.double({ min: 0.0001, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(progress, (now) => {
        const next = nextShare(now);

        expect(next).toBeGreaterThanOrEqual(now.share);
        expect(next).toBeLessThanOrEqual(Math.min(10 * now.share, rampDefaults.shareMax) + 1e-12);
      }),
    );
  });
});
