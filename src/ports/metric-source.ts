/**
 * Where the verdict's numbers come from: closed buckets of both versions, read again as often as asked, always with the same
 * answer. A source never guesses: what it cannot tell is a `missing` reading with the reason, which counts as unknown.
 */
import type { MetricBucket } from "../domain/canary/bucket.ts";
import type { RevisionId } from "../domain/traffic.ts";

/** One version as sources name it. */
export interface MetricArm {
  readonly version: string;
  /** The running copies: component name to revision. */
  readonly revisions: Readonly<Record<string, RevisionId>>;
}

export interface MetricQuery {
  /** Milliseconds of one bucket; a bucket's index is `floor(startMs / bucketMs)`. */
  readonly bucketMs: number;
  /** First index wanted, and the one after the last. All of them are closed: their grace is over for both versions. */
  readonly fromIndex: number;
  readonly toIndex: number;
  readonly candidate: MetricArm;
  readonly stable: MetricArm;
}

export interface MetricSource {
  readonly kind: string;
  /** As configured; in messages. */
  readonly name: string;
  /** The metrics it answers for. */
  readonly metrics: readonly string[];
  /** Buckets are multiples of this long; null: any length. */
  readonly finestBucketMs: number | null;
  /** How long after its end an interval is complete at the provider; asked earlier it is missing. Absent: at once. */
  readonly settledAfterMs?: number;

  /**
   * One bucket for every metric and every index of the query, missing ones included; rejects only when aborted. Asking twice
   * for the same closed bucket gives the same counts.
   */
  read(query: MetricQuery, signal: AbortSignal): Promise<readonly MetricBucket[]>;

  /**
   * Only where the provider has no history (counters that tell the present alone): reads them at every edge of the grid until
   * aborted, then resolves; it never rejects. `read` answers from what this process saw: a bucket that nobody watched from edge to
   * edge is missing, for ever. After a crash the counts of earlier buckets are in the pipeline's own table, not here.
   */
  sample?(query: Pick<MetricQuery, "bucketMs" | "candidate" | "stable">, signal: AbortSignal): Promise<void>;
}
