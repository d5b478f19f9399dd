import { describe, expect, test } from "vitest";
import { argoRule, errorRateRule, flaggerRule, isHigh, kayentaRule, probeRule } from "./peers.ts";
import { seededRandom } from "./random.ts";
import type { Rule } from "./rule.ts";
import { horizonBuckets, type Scene, still, trafficOf } from "./traffic.ts";

const scene = (candidateRate: number): Scene => ({
  requestsPerSecond: 500,
  share: 0.05,
  stableRate: still(0),
  candidateRate: still(candidateRate),
});

/** Seconds until the rule goes back. */
function secondsOf(rule: Rule, candidateRate: number): number | undefined {
  const traffic = trafficOf(scene(candidateRate), seededRandom(1));
  const judge = rule.begin(scene(candidateRate), seededRandom(2));
  for (let index = 0; index < horizonBuckets; index += 1) {
    if (judge(traffic(index, 0.05), index)) return 5 * (index + 1);
  }
  return undefined;
}

describe("the models of other tools' rules", () => {
  test.each([
    ["a probe fails three times in a row", probeRule, 30],
    ["the error rate is over its limit for a minute", errorRateRule, 60],
    ["Argo needs a fourth failure for a limit of three", argoRule, 240],
    ["Flagger compares at the tick after the fifth failed check", flaggerRule, 360],
    ["Kayenta waits for its interval", kayentaRule, 300],
  ])("%s", (_, rule, seconds) => {
    expect(secondsOf(rule, 1)).toBe(seconds);
    expect(secondsOf(rule, 0)).toBeUndefined();
  });

  test("Kayenta passes identical data and wants more than chance", () => {
    expect(isHigh([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])).toBe(false);
    expect(isHigh([11, 12, 13, 14, 15], [1, 2, 3, 4, 5])).toBe(true);
    expect(isHigh([11, 12], [1, 2])).toBe(true);
  });
});

describe("the seeded numbers", () => {
  const moments = (draw: () => number): readonly [number, number] => {
    const values = Array.from({ length: 40_000 }, draw);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length];
  };

  test.each([0.2, 3, 11.9, 12, 60, 2400])("are Poisson with a mean of %d", (mean) => {
    const random = seededRandom(5);
    const [average, variance] = moments(() => random.poisson(mean));

    expect(Math.abs(average / mean - 1)).toBeLessThan(0.02);
    expect(Math.abs(variance / mean - 1)).toBeLessThan(0.05);
  });

  test.each([0.5, 1, 4])("are gamma with a mean of 1 and a shape of %d", (shape) => {
    const random = seededRandom(6);
    const [average, variance] = moments(() => random.gamma(shape));

    expect(Math.abs(average - 1)).toBeLessThan(0.03);
    expect(Math.abs(variance * shape - 1)).toBeLessThan(0.1);
  });
});
