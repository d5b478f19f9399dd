/**
 * What a source of metrics hands to the verdict: for each metric and each interval of a fixed grid, the counts of both versions.
 * A bucket's index is `floor(startMs / bucketMs)` since the epoch, so that every reader cuts time at the same places. Counts of
 * one bucket are of that interval alone, never cumulative and never negative.
 */

/** Things that happened (`events`) of things that could have (`total`), e.g. failed requests of all requests. */
export interface RateCounts {
  readonly events: number;
  readonly total: number;
}

/** A histogram: `counts` has one more entry than `edgesMs` (upper edges, rising); the last one is above the highest edge. */
export interface LatencyCounts {
  readonly edgesMs: readonly number[];
  readonly counts: readonly number[];
}

export type BucketReading =
  | {
      readonly kind: "rate";
      readonly candidate: RateCounts;
      readonly stable: RateCounts;
      /** The stable version's counts apart, by replica or by hash of the session: what the dispersion is estimated from. */
      readonly stableShards?: readonly RateCounts[];
    }
  | { readonly kind: "latency"; readonly candidate: LatencyCounts; readonly stable: LatencyCounts }
  | {
      /** How many requests reached each version, and what the weights said should have: `candidateShare` is 0 to 1. */
      readonly kind: "share";
      readonly candidateRequests: number;
      readonly stableRequests: number;
      readonly candidateShare: number;
    }
  /** Nothing is known about this interval (source down, stale, NaN, several series …): unknown, never a pass. */
  | { readonly kind: "missing"; readonly reason: string };

export interface MetricBucket {
  readonly metric: string;
  readonly index: number;
  readonly reading: BucketReading;
  /** A counter went back to zero within this interval: what it shows is what is known since then. */
  readonly resetSeen?: boolean;
}
