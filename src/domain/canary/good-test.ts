/**
 * May one go on early? The hypotheses are turned round: the null is a *bad* candidate, `p_c ≥ psiB·p_s + deltaB`, and bets on few
 * failures win when it is good. A bet `x < 1` has the factor `x^k · (1 + nc/ns·psiB·(1−x))^s · exp(nc·deltaB·(1−x))`, whose
 * expectation under that null is at most 1 for Poisson and Bernoulli counts alike. With no failures on either side it becomes the
 * rule of three. The smallest `deltaB` that was ever accepted is U, an upper bound on the excess failure rate that holds at whatever
 * moment one looks.
 *
 * `deltaB` enters linearly, so that one sum for each bet and one of the candidate's requests serve every value of it.
 */
import type { RateCounts } from "./bucket.ts";
import { logMean } from "./log-space.ts";

export const goodBets: readonly number[] = [0.9, 0.7, 0.5, 0.3, 0.1, 0.01];

/** The excess rates that are tried, rising. The last is certain without a look: nothing fails more than always. */
export const excessGrid: readonly number[] = [
  0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02,
  0.03, 0.05, 0.1, 0.2, 0.5, 1,
];

/** `sums` has one entry for each of `goodBets`; `requests` are the candidate's over phi; `accepted` is a place in `excessGrid`. */
export interface GoodState {
  readonly sums: readonly number[];
  readonly requests: number;
  readonly accepted: number;
}

export const beginGood: GoodState = { sums: goodBets.map(() => 0), requests: 0, accepted: excessGrid.length - 1 };

/** Nats of one bucket without the term of `deltaB`. */
const increment = (candidate: RateCounts, stable: RateCounts, psiB: number, bet: number): number =>
  candidate.events * Math.log(bet) + stable.events * Math.log1p((candidate.total / stable.total) * psiB * (1 - bet));

/** Nats of one bucket for one bet: what the state adds up in two parts. 0 where there is nothing to compare with. */
export const goodIncrement = (
  candidate: RateCounts,
  stable: RateCounts,
  bet: number,
  { psiB, deltaB }: { readonly psiB: number; readonly deltaB: number },
): number =>
  stable.total === 0 || candidate.total === 0
    ? 0
    : increment(candidate, stable, psiB, bet) + candidate.total * deltaB * (1 - bet);

/** `phi` tempers; nothing is capped here. `beta` is the probability of calling a candidate good whose excess is U or more. */
export interface GoodStep {
  readonly psiB: number;
  readonly phi: number;
  readonly beta: number;
}

function accept(sums: readonly number[], requests: number, from: number, beta: number): number {
  let accepted = from;
  while (accepted > 0) {
    const deltaB = excessGrid[accepted - 1] ?? 1;
    const logE = logMean(sums.map((sum, bet) => sum + requests * deltaB * (1 - (goodBets[bet] ?? 1))));
    if (logE < -Math.log(beta)) break;
    accepted -= 1;
  }
  return accepted;
}

export function stepGood(state: GoodState, candidate: RateCounts, stable: RateCounts, step: GoodStep): GoodState {
  if (candidate.total === 0 || stable.total === 0) return state;
  return add(state, candidate.total, (bet) => increment(candidate, stable, step.psiB, bet), step);
}

/** Without a control: U bounds the failure rate itself, not an excess. */
export const stepGoodAlone = (state: GoodState, candidate: RateCounts, step: Omit<GoodStep, "psiB">): GoodState =>
  add(state, candidate.total, (bet) => candidate.events * Math.log(bet), step);

function add(
  state: GoodState,
  requestsNow: number,
  gain: (bet: number) => number,
  { phi, beta }: Omit<GoodStep, "psiB">,
): GoodState {
  const sums = state.sums.map((sum, at) => sum + gain(goodBets[at] ?? 1) / phi);
  const requests = state.requests + requestsNow / phi;
  return { sums, requests, accepted: accept(sums, requests, state.accepted, beta) };
}

/** U: 0.005 means that at most half a percentage point more requests fail than on the stable version. 1 while nothing is known. */
export const excessUpperBound = ({ accepted }: GoodState): number => excessGrid[accepted] ?? 1;
