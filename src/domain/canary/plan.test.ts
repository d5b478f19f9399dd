import fc from "fast-check";
import { expect, test } from "vitest";
import { wellBegunInMs } from "./plan.ts";

test("Z2 the first weight begins in the first fifth of a bucket, after at most nine tenths of one", () => {
  const grids = fc.constantFrom(250, 1_000, 5_000, 60_000);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4e12 }), grids, (nowMs, bucketMs) => {
      const waitMs = wellBegunInMs(nowMs, bucketMs);

      expect((nowMs + waitMs) % bucketMs).toBeLessThanOrEqual(bucketMs / 5);
      expect(waitMs).toBeGreaterThanOrEqual(0);
      expect(waitMs).toBeLessThanOrEqual(0.9 * bucketMs);
    }),
  );
});
