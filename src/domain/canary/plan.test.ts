import fc from "fast-check";
import { expect, test } from "vitest";
import { wellBegunInMs } from "./plan.ts";

const leftAfter = (nowMs: number, bucketMs: number, perSecond: number): number =>
  bucketMs - ((nowMs + wellBegunInMs(nowMs, bucketMs, perSecond)) % bucketMs);

test("Z2 the first weight begins where a bucket has as much left as tells a dead release, and not much more", () => {
  const bucketMs = 5_000;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4e12 }), fc.constantFrom(4, 5, 25, 500), (nowMs, perSecond) => {
      const leftMs = leftAfter(nowMs, bucketMs, perSecond);
      const requests = ((leftMs - 250) / 1_000) * perSecond;

      expect(requests).toBeGreaterThanOrEqual(16 - 1e-6);
      expect(requests).toBeLessThanOrEqual(16 + 0.5 * perSecond + 1e-6);
      expect(wellBegunInMs(nowMs, bucketMs, perSecond)).toBeLessThanOrEqual(bucketMs);
    }),
  );
});

test("Z2 with too few requests for that, or none known, it begins with a bucket", () => {
  for (const perSecond of [0, 0.1, 1]) expect(leftAfter(7_777, 5_000, perSecond)).toBe(5_000);
});
