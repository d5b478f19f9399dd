/**
 * Is the candidate slower? Three cut points (the stable version's median, p90 and p99 of *earlier* data) turn latency into counts:
 * stable requests slower than the cut, candidate requests slower than 1.10 times the cut. Given the totals of a bucket, the
 * candidate's slow ones are hypergeometric while it is no slower; sampling without replacement is dominated in convex order by
 * sampling with it (Hoeffding 1963, theorem 4), and so a bet's exact factor (Fisher's noncentral hypergeometric) is bounded from
 * below by a closed form whose expectation stays at or under 1.
 */
import type { LatencyCounts } from "./bucket.ts";

/** The odds ratios that are bet on. */
export const latencyBets: readonly number[] = [1.3, 1.7, 2.5, 4, 8, 20];

/** The candidate may be this much slower before it counts, e.g. 1.1 times the cut. */
export const latencyShift = 1.1;

/** `slow` of `total` requests of one version were slower than the version's cut. */
export interface SlowCounts {
  readonly slow: number;
  readonly total: number;
}

/** Nats that one bucket gives to the odds ratio `psi`; both bounds hold, so the smaller deduction may be taken. */
export function latencyIncrement(candidate: SlowCounts, stable: SlowCounts, psi: number): number {
  const nc = candidate.total;
  const n = nc + stable.total;
  if (nc === 0 || stable.total === 0) return 0;
  const slow = candidate.slow + stable.slow;
  const bySlow = slow * Math.log1p((nc / n) * (psi - 1));
  const byRequests = nc * Math.log1p((slow / n) * (psi - 1));
  return candidate.slow * Math.log(psi) - Math.min(bySlow, byRequests);
}

/** Edges are floating point numbers that were multiplied: the same edge may differ in its last digits. */
const atLeast = (edge: number, limit: number): boolean => edge >= limit * (1 - 1e-9);

/** Counts from the bin on that comes first, `from`, up to the last. A plain loop: this is what a bucket costs. */
function countsFrom(counts: readonly number[], from: number): SlowCounts {
  let [slow, total] = [0, 0];
  for (let bin = 0; bin < counts.length; bin += 1) {
    const count = counts[bin] ?? 0;
    total += count;
    if (bin >= from) slow += count;
  }
  return { slow, total };
}

/** Requests that surely took longer than `limitMs`: their bin begins at or above it. */
export function surelySlower({ edgesMs, counts }: LatencyCounts, limitMs: number): SlowCounts {
  const edge = edgesMs.findIndex((edgeMs) => atLeast(edgeMs, limitMs));
  return countsFrom(counts, edge < 0 ? counts.length : edge + 1);
}

/** Requests that may have taken longer than `limitMs`: their bin ends above it. */
export function possiblySlower({ edgesMs, counts }: LatencyCounts, limitMs: number): SlowCounts {
  const edge = edgesMs.findIndex((edgeMs) => !atLeast(limitMs, edgeMs));
  return countsFrom(counts, edge < 0 ? counts.length - 1 : edge);
}

/**
 * The increments of every cut and odds ratio. Where a cut lies inside a bin, the doubt is the candidate's: what is only possibly
 * slow counts for the stable version alone, so that bins cost sensitivity, never a false alarm. `shift` 1 is the test for HOLD.
 */
export function latencyIncrements(
  candidate: LatencyCounts,
  stable: LatencyCounts,
  cutsMs: readonly number[],
  shift: number,
): readonly number[] {
  return cutsMs.flatMap((cutMs) => {
    const ours = surelySlower(candidate, shift * cutMs);
    const theirs = possiblySlower(stable, cutMs);
    return latencyBets.map((psi) => latencyIncrement(ours, theirs, psi));
  });
}

/**
 * The cut points, from the stable version's earlier histogram: the upper edge of the bin in which p50, p90 and p99 lie, so that
 * cuts lie on edges. `undefined` for a histogram that is empty, or whose quantile lies above its highest edge.
 */
export function latencyCuts(stable: LatencyCounts): readonly [number, number, number] | undefined {
  const { total } = countsFrom(stable.counts, 0);
  if (total === 0) return undefined;
  const cutAt = (quantile: number): number | undefined => {
    let seen = 0;
    const bin = stable.counts.findIndex((count) => {
      seen += count;
      return count > 0 && seen >= quantile * total;
    });
    return stable.edgesMs[bin];
  };
  const [p50, p90, p99] = [cutAt(0.5), cutAt(0.9), cutAt(0.99)];
  return p50 === undefined || p90 === undefined || p99 === undefined ? undefined : [p50, p90, p99];
}
