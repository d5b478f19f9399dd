/**
 * Several bets at once, and again later: a fault that begins late must not have to win back what was lost before it. Half of the
 * money is spread over the bets at the start, the other half is kept as cash and paid into every bet in equal parts on the way.
 * This is the Shiryaev–Roberts idea (Shiryaev 1963, Roberts 1966) with a budget, so that the whole stays an e-process: money is
 * only ever moved, and every bet is fair or worse while the release is healthy.
 */
import { logAdd, logMean } from "./log-space.ts";

/** Buckets between two payments out of the cash. */
const restartEvery = 6;
const startWealth = 0.5;

/** `steps` buckets were bet on; `logWealth` has one natural logarithm for each bet. The cash follows from `steps`. */
export interface Mixture {
  readonly steps: number;
  readonly logWealth: readonly number[];
}

export const beginMixture = (bets: number): Mixture => ({
  steps: 0,
  logWealth: Array.from({ length: bets }, () => Math.log(startWealth)),
});

const restartsIn = (horizonBuckets: number): number => Math.floor((horizonBuckets - 1) / restartEvery);

/** `increments` has a nat value for each bet. Pays into the bets first, where this bucket is one at which that is due. */
export function stepMixture(mixture: Mixture, increments: readonly number[], horizonBuckets: number): Mixture {
  const { steps, logWealth } = mixture;
  const restarts = restartsIn(horizonBuckets);
  const due = steps > 0 && steps % restartEvery === 0 && steps / restartEvery <= restarts;
  const payment = due ? Math.log((1 - startWealth) / restarts) : Number.NEGATIVE_INFINITY;
  return {
    steps: steps + 1,
    logWealth: logWealth.map((wealth, bet) => (due ? logAdd(wealth, payment) : wealth) + (increments[bet] ?? 0)),
  };
}

/** `ln E`: the mean of the bets' wealth and what is left of the cash. 0 before the first bucket. */
export function logEvidence({ steps, logWealth }: Mixture, horizonBuckets: number): number {
  const restarts = restartsIn(horizonBuckets);
  const paid =
    restarts === 0 || steps === 0 ? 0 : Math.min(restarts, Math.floor((steps - 1) / restartEvery)) / restarts;
  const cash = (1 - startWealth) * (1 - paid);
  return logAdd(logMean(logWealth), cash > 0 ? Math.log(cash) : Number.NEGATIVE_INFINITY);
}

/**
 * Both keep the expectation of `e^increment` at or under 1: a dispersion `phi` of at least 1 takes a root of it (Jensen), and a cap
 * in nats can only make it smaller. The cap comes last: it is what one bucket can say at most.
 */
export const tempered = (increments: readonly number[], phi: number, cap: number): readonly number[] =>
  increments.map((increment) => Math.min(cap, increment / phi));
