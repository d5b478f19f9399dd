/**
 * Requests that reach nobody leave no errors. The share test is the rate test with the arms swapped: requests are the events, the
 * configured weights the exposures, and the null is that the stable version gets at most `psi0` times the requests, per weight, that
 * the candidate gets. A candidate from which nothing at all is heard fails without statistics.
 */
import { rateBets, rateIncrement } from "./rate-test.ts";

/** One bucket of the split: `candidateShare` (0 to 1) is what the weights say. */
export interface ShareCounts {
  readonly candidateRequests: number;
  readonly stableRequests: number;
  readonly candidateShare: number;
}

/** Nats for each of `rateBets`. A share of 0 or 1 leaves nothing to compare: zeros. */
export function shareIncrements(
  { candidateRequests, stableRequests, candidateShare }: ShareCounts,
  psi0: number,
): readonly number[] {
  const swapped = { events: stableRequests, total: 1 - candidateShare };
  const control = { events: candidateRequests, total: candidateShare };
  return rateBets.map((bet) => rateIncrement(swapped, control, bet, { psi0, delta0: 0 }));
}

/**
 * The share test's own "good": a binomial likelihood ratio (Wald 1945) of the configured split against one in which the stable
 * version gets `psiB` times too much. Nats of one bucket.
 */
export function shareGoodIncrement(
  { candidateRequests, stableRequests, candidateShare }: ShareCounts,
  psiB: number,
): number {
  if (candidateShare <= 0 || candidateShare >= 1) return 0;
  const starved = candidateShare / (candidateShare + psiB * (1 - candidateShare));
  return (
    candidateRequests * Math.log(candidateShare / starved) +
    stableRequests * (Math.log1p(-candidateShare) - Math.log1p(-starved))
  );
}

/** Buckets in a row without a request for the candidate, and how many it should have had in them. */
export interface Silence {
  readonly buckets: number;
  readonly expected: number;
}

export const noSilence: Silence = { buckets: 0, expected: 0 };

/** What is expected comes from the stable version's requests: those that vanished were counted nowhere. */
export function stepSilence(silence: Silence, counts: ShareCounts): Silence {
  const { candidateRequests, stableRequests, candidateShare } = counts;
  if (candidateRequests > 0) return noSilence;
  if (candidateShare <= 0 || candidateShare >= 1) return silence;
  return {
    buckets: silence.buckets + 1,
    expected: silence.expected + (stableRequests * candidateShare) / (1 - candidateShare),
  };
}

/** Both limits must be reached: by chance alone none of 14 expected requests come in one of a million windows. */
export interface SilenceLimits {
  readonly buckets: number;
  readonly expectedRequests: number;
}

export const isSilent = (silence: Silence, limits: SilenceLimits): boolean =>
  silence.buckets >= limits.buckets && silence.expected >= limits.expectedRequests;
