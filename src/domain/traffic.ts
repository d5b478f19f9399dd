/**
 * A revision is one deployment's running copy of one component: `<version>~<deployment id>`, e.g.
 * `v1.2.0~1763673600-3f2a9c1b22aa`. The version alone would not do: the same version can be deployed twice.
 */
export type RevisionId = string;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** One revision's part of a route's traffic. */
export interface Share {
  readonly revision: RevisionId;
  /** Whole percent, 0 to 100. */
  readonly percent: number;
  readonly endpoints: readonly Endpoint[];
}

/** How a route's traffic is divided. The percents of a split add up to 100, or it is empty (no version serves yet). */
export type Split = readonly Share[];

/**
 * Cumulative since the router first saw the revision (they survive weight changes; a router restart resets them to zero,
 * which readers detect as a decrease). Counted when the response ended or the attempt failed.
 */
export interface Counters {
  readonly requests: number;
  /** Responses with status 500 to 599, and requests that got no response from the revision (refused, reset, timed out). */
  readonly errors: number;
  /** Requests under way now. */
  readonly inFlight: number;
  /** Sum of all request durations, milliseconds. */
  readonly durationSumMs: number;
  /** Upper edges in milliseconds, rising by at most 5 % each. */
  readonly latencyEdgesMs: readonly number[];
  /** Counts per edge, one more than there are edges: the last one is above the highest edge. Not cumulative over edges. */
  readonly latencyCounts: readonly number[];
}

/** What one revision did within one interval of a grid, never cumulative. Counted when the response ended or the attempt failed. */
export interface BucketCounts {
  readonly requests: number;
  /** As in `Counters`. */
  readonly errors: number;
  readonly durationSumMs: number;
  /**
   * How many of the requests that *arrived* in the interval the weights in force gave to this revision (a sum of fractions),
   * whoever got them; of a user who keeps a version, the request is due to that version. Against it a revision that swallows
   * requests shows.
   */
  readonly expectedRequests: number;
  /** Pairs of index into `latencyEdgesMs` and count, only those with a count; index `latencyEdgesMs.length` is above the highest. */
  readonly latencyCounts: readonly (readonly [number, number])[];
  /** Sixteen parts by hash of the session, in order: what the dispersion of errors is estimated from. They add up to the above. */
  readonly shards: readonly { readonly requests: number; readonly errors: number }[];
}

/** One closed interval of a route; `index` is `floor(startMs / bucketMs)` since the epoch, by the router's clock. */
export interface RouterBucket {
  readonly index: number;
  /**
   * The router does not know the whole interval: it began to count within it or later (a restart forgets), or the interval is
   * older than what is kept. Counts are what is known, never negative.
   */
  readonly resetSeen: boolean;
  /** A revision that is absent had no request and was due none. */
  readonly revisions: ReadonlyMap<RevisionId, BucketCounts>;
}

export interface RouterBuckets {
  readonly bucketMs: number;
  /** The router's clock when it answered, ms since the epoch: the difference to the reader's is the clocks' skew. */
  readonly nowMs: number;
  /** When the router began to count this route: its process started, or the route was made. What was before is not known. */
  readonly startedAtMs: number;
  /** The interval that is still open. All below it are final: asked again they are the same. */
  readonly openIndex: number;
  /** Upper edges of all latency counts, milliseconds, rising by at most 5 % each. */
  readonly latencyEdgesMs: readonly number[];
  /** Every closed interval that was asked for, in order, none left out. */
  readonly buckets: readonly RouterBucket[];
}

export const percentOf = (split: Split, revision: RevisionId): number =>
  split.find((share) => share.revision === revision)?.percent ?? 0;

/** Same revisions at the same percents, whatever their order. Endpoints are not compared. */
export function sameWeights(a: Split, b: Split): boolean {
  const serving = (split: Split) => split.filter((share) => share.percent > 0);
  const [left, right] = [serving(a), serving(b)];
  return left.length === right.length && left.every((share) => percentOf(b, share.revision) === share.percent);
}
