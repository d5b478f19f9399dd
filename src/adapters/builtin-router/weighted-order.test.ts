/** The order of service: exact in the small, without a rhythm. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { weightedOrder } from "./weighted-order.ts";

/** A repeatable source of numbers from 0 to below 1. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("R1 two revisions never differ from their weights by more than two requests, at any moment", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100 }), fc.nat(), (percent, seed) => {
      const order = weightedOrder([100 - percent, percent], numbers(seed));
      let candidate = 0;
      for (let served = 1; served <= 400; served++) {
        candidate += order.next();
        expect(Math.abs(candidate - (served * percent) / 100)).toBeLessThanOrEqual(2);
      }
    }),
    { numRuns: 100 },
  );
});

test("a page of twenty files does not send the same file to a 5 % candidate each time", () => {
  const order = weightedOrder([95, 5], numbers(7));
  const files = new Set<number>();

  for (let request = 0; request < 20 * 200; request++) if (order.next() === 1) files.add(request % 20);

  expect(files.size).toBe(20);
});

test("nobody is next when nobody has weight, and a weightless revision never is", () => {
  expect(weightedOrder([], Math.random).next()).toBe(-1);
  expect(weightedOrder([0, 0], Math.random).next()).toBe(-1);

  const order = weightedOrder([0, 100], Math.random);

  expect(Array.from({ length: 50 }, () => order.next())).toEqual(Array(50).fill(1));
});
