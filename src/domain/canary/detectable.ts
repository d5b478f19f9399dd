/**
 * What a stage can see, told before it starts: the smallest failure rate that it catches with a given power. By calculation, not by
 * simulation: while rates stay as they are, the evidence at the end of the stage depends on the two sums of failures alone, and it
 * rises with the candidate's. For each of the likely sums of the stable version there is a number of failures from which the
 * candidate is rolled back; its probability is a Poisson tail. Restarts and the chance to fire earlier and fall back are left out,
 * which makes the answer a little too large rather than too small.
 */
import { familyThreshold } from "./family.ts";
import { logMean } from "./log-space.ts";
import { type RateNull, rateBets, rateIncrement } from "./rate-test.ts";

export interface DetectableQuestion {
  /** Of both versions together. */
  readonly requestsPerSecond: number;
  readonly candidateShare: number;
  readonly seconds: number;
  /** In the beginning only the hard half counts. */
  readonly warmupSeconds: number;
  readonly stableErrorRate: number;
  readonly psi0: number;
  readonly delta0: number;
  readonly hardDelta0: number;
  readonly phi: number;
  readonly alpha: number;
  /** The metric's part of the family. */
  readonly weight: number;
  /** The probability of catching it, e.g. 0.95. */
  readonly power: number;
}

/** Half of the money is in this half of the metric, and half of that is bet at the start. */
const partAtStart = 0.25;

/** The stable version's sums that are looked at: the middles of so many equally likely slices. */
const slices = 15;

/** The failure rate, 0 to 1; `undefined` where even a candidate that always fails would not be caught in this time. */
export function smallestDetectable(question: DetectableQuestion): number | undefined {
  const halves = halvesOf(question);
  if (powerOf(halves, 1) < question.power) return undefined;
  let [low, high] = [question.stableErrorRate, 1];
  while (high - low > 0.005 * high) {
    const middle = (low + high) / 2;
    if (powerOf(halves, middle) < question.power) low = middle;
    else high = middle;
  }
  return high;
}

/** The probability that a stage catches a candidate that fails at `errorRate`. */
export const powerAt = (question: DetectableQuestion, errorRate: number): number =>
  powerOf(halvesOf(question), errorRate);

/** One half of the metric: the candidate's requests while it is fed, and the failures needed in each of the equally likely slices. */
interface Half {
  readonly requests: number;
  readonly needed: readonly number[];
}

function halvesOf(question: DetectableQuestion): readonly Half[] {
  const { psi0, delta0, hardDelta0, seconds, warmupSeconds } = question;
  return [
    halfOf(question, { psi0, delta0 }, Math.max(0, seconds - warmupSeconds)),
    halfOf(question, { psi0: 1, delta0: hardDelta0 }, seconds),
  ];
}

function halfOf(question: DetectableQuestion, against: RateNull, seconds: number): Half {
  const requests = question.requestsPerSecond * seconds;
  const nc = requests * question.candidateShare;
  const ns = requests - nc;
  if (nc <= 0 || ns <= 0) return { requests: 0, needed: [] };
  const needed = Array.from({ length: slices }, (_, slice) => {
    const s = poissonQuantile(ns * question.stableErrorRate, (slice + 0.5) / slices);
    return failuresNeeded(question, against, { nc, s, ns });
  });
  return { requests: nc, needed };
}

/** By the better of the halves. */
const powerOf = (halves: readonly Half[], errorRate: number): number =>
  Math.max(
    ...halves.map(({ requests, needed }) =>
      needed.reduce((sum, from) => sum + (from > requests ? 0 : poissonTail(requests * errorRate, from) / slices), 0),
    ),
  );

/** The candidate's failures from which its part of the family alone reaches the threshold, found by halving. */
function failuresNeeded(
  { alpha, weight, phi }: DetectableQuestion,
  against: RateNull,
  { nc, s, ns }: { readonly nc: number; readonly s: number; readonly ns: number },
): number {
  const threshold = familyThreshold(alpha * weight * partAtStart);
  const fires = (k: number): boolean =>
    logMean(
      rateBets.map((bet) => rateIncrement({ events: k, total: nc }, { events: s, total: ns }, bet, against) / phi),
    ) >= threshold;
  let [low, high] = [0, Math.ceil(nc) + 1];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fires(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** From here on the normal distribution of the square root (Anscombe 1948) is near enough, and its cost does not grow. */
const manyEvents = 400;

/** `P(X ≥ from)`. */
function poissonTail(mean: number, from: number): number {
  if (mean > manyEvents) return 1 - normal(2 * (Math.sqrt(from - 0.5 + 3 / 8) - Math.sqrt(mean + 3 / 8)));
  let [term, below] = [Math.exp(-mean), 0];
  for (let k = 0; k < from; k += 1) {
    below += term;
    term *= mean / (k + 1);
  }
  return Math.max(0, 1 - below);
}

/** The smallest count that is reached with a probability of `share`. */
function poissonQuantile(mean: number, share: number): number {
  let [low, high] = [-1, Math.ceil(mean + 10 * Math.sqrt(mean) + 10)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (1 - poissonTail(mean, middle + 1) >= share) high = middle;
    else low = middle;
  }
  return high;
}

/** The normal distribution function, to 1e-7 (Abramowitz & Stegun 26.2.17). */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return z > 0 ? 1 - tail : tail;
}
