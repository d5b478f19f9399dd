/**
 * Does the candidate fail more often than the concurrent stable version? The null hypothesis is `p_c ≤ psi0·p_s + delta0`, in every
 * bucket, however the stable version's own rate moves and whatever share of the traffic the past made us choose.
 *
 * With `y = e^lb` and `x = a·y`, a bucket's factor has the expectation `≤ exp(nc·p_c·(x−1) − ns·p_s·(1−y) − nc·delta0·(x−1))`, for
 * Poisson and for Bernoulli counts, and `y` is chosen so that `nc·psi0·(x−1) = ns·(1−y)`: under the null that is at most 1. Products
 * of such factors are an e-process (test martingale), and by Ville's inequality (1939) it ever reaches `1/alpha` with a probability
 * of at most `alpha`, at whatever moment one looks.
 */
import type { RateCounts } from "./bucket.ts";
import { logAdd } from "./log-space.ts";
import { beginMixture, logEvidence, type Mixture, stepMixture, tempered } from "./mixture.ts";

/** How many times worse than the null each bet expects the candidate to be. */
export const rateBets: readonly number[] = [1.5, 2, 3, 5, 10, 30, 100, 1000];

/** `psi0` is a factor, `delta0` a difference of rates (0.001 is a tenth of a percentage point). */
export interface RateNull {
  readonly psi0: number;
  readonly delta0: number;
}

/** Nats that one bucket gives to the bet `a`. Without requests on one of the sides nothing can be compared: 0. */
export function rateIncrement(
  candidate: RateCounts,
  stable: RateCounts,
  bet: number,
  { psi0, delta0 }: RateNull,
): number {
  const { events: k, total: nc } = candidate;
  const { events: s, total: ns } = stable;
  if (nc === 0 || ns === 0) return 0;
  const logBet = Math.log(bet);
  const lb = -Math.log1p((nc * psi0 * (bet - 1)) / (nc * psi0 + ns));
  return k * logBet + (k + s) * lb - nc * delta0 * Math.expm1(logBet + lb);
}

const increments = (candidate: RateCounts, stable: RateCounts, against: RateNull): readonly number[] =>
  rateBets.map((bet) => rateIncrement(candidate, stable, bet, against));

/** What is fixed of a rate test. `hardDelta0` is the difference that counts even while the candidate warms up. */
export interface RateTest extends RateNull {
  readonly hardDelta0: number;
  /** Nats that one bucket can give at most, outside the hard half, so that no bucket decides alone. */
  readonly cap: number;
}

/** Half the money against gross faults (`hard`), half against anything beyond the margin; `sharp` is for HOLD: any difference. */
export interface RateEvidence {
  readonly hard: Mixture;
  readonly margin: Mixture;
  readonly sharp: Mixture;
}

export const beginRateEvidence = (): RateEvidence => ({
  hard: beginMixture(rateBets.length),
  margin: beginMixture(rateBets.length),
  sharp: beginMixture(rateBets.length),
});

export interface RateStep {
  readonly candidate: RateCounts;
  readonly stable: RateCounts;
  /** Dispersion, at least 1, known before this bucket. */
  readonly phi: number;
  /** Caches fill and connections open: only the hard half is fed. */
  readonly warmingUp: boolean;
  readonly horizonBuckets: number;
}

export function stepRateEvidence(test: RateTest, evidence: RateEvidence, step: RateStep): RateEvidence {
  const { candidate, stable, phi, horizonBuckets } = step;
  const bet = (against: RateNull, cap: number): readonly number[] =>
    tempered(increments(candidate, stable, against), phi, cap);
  const hard = bet({ psi0: 1, delta0: test.hardDelta0 }, Number.POSITIVE_INFINITY);
  const hardNow = stepMixture(evidence.hard, hard, horizonBuckets);
  if (step.warmingUp) return { ...evidence, hard: hardNow };
  return {
    hard: hardNow,
    margin: stepMixture(evidence.margin, bet(test, test.cap), horizonBuckets),
    sharp: stepMixture(evidence.sharp, bet({ psi0: 1, delta0: 0 }, test.cap), horizonBuckets),
  };
}

/** `ln E` of the shipped metric: the mean of both halves. */
export const logRateEvidence = ({ hard, margin }: RateEvidence, horizonBuckets: number): number =>
  logAdd(logEvidence(hard, horizonBuckets), logEvidence(margin, horizonBuckets)) - Math.LN2;
