import { describe, expect, test } from "vitest";
import { type DetectableQuestion, powerAt, smallestDetectable } from "./detectable.ts";

const stage: DetectableQuestion = {
  requestsPerSecond: 50,
  candidateShare: 0.05,
  seconds: 300,
  warmupSeconds: 60,
  stableErrorRate: 0.005,
  psi0: 1.1,
  delta0: 0.001,
  hardDelta0: 0.1,
  phi: 1,
  alpha: 0.01,
  weight: 0.25,
  power: 0.95,
};

describe("Z2: what a stage can see is told before it starts", () => {
  test.each([
    [5, 0.2],
    [50, 0.04],
    [500, 0.015],
    [5000, 0.01],
  ])("at %d requests a second a rate of %d, as whole simulated stages say", (requestsPerSecond, simulated) => {
    const smallest = smallestDetectable({ ...stage, requestsPerSecond })!;

    expect(smallest).toBeGreaterThan(0.85 * simulated);
    expect(smallest).toBeLessThanOrEqual(1.05 * simulated);
  });

  test("in no time in which nothing could be seen", () => {
    expect(smallestDetectable({ ...stage, requestsPerSecond: 0.1 })).toBeUndefined();
    expect(smallestDetectable({ ...stage, requestsPerSecond: 0 })).toBeUndefined();
    expect(smallestDetectable({ ...stage, candidateShare: 1 })).toBeUndefined();
  });

  test("with more power the worse the candidate is, and less the burstier its failures are", () => {
    const powers = [0.01, 0.02, 0.04, 0.08, 0.3].map((rate) => powerAt(stage, rate));

    expect(powers.toSorted((a, b) => a - b)).toEqual(powers);
    expect(powerAt({ ...stage, phi: 3 }, 0.04)).toBeLessThan(powerAt(stage, 0.04));
  });
});
