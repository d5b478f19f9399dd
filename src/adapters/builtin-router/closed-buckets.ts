/** What a route's revisions did in closed intervals, on the grid that the reader asks for. */
import type { BucketCounts, RevisionId } from "../../domain/traffic.ts";
import type { BucketQuery } from "../../ports/router.ts";
import type { LiveRoute } from "./live-route.ts";
import { keptMs, latencyEdgesMs } from "./meter.ts";

/** `RouterBuckets` of the port as JSON has it. */
export interface BucketsAnswer {
  readonly bucketMs: number;
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly openIndex: number;
  readonly latencyEdgesMs: readonly number[];
  readonly buckets: readonly {
    readonly index: number;
    readonly resetSeen: boolean;
    readonly revisions: Readonly<Record<RevisionId, BucketCounts>>;
  }[];
}

export function closedBuckets(route: LiveRoute, query: BucketQuery, nowMs: number): BucketsAnswer {
  const { bucketMs, fromIndex } = query;
  const openIndex = Math.floor(nowMs / bucketMs);
  const toIndex = Math.min(query.toIndex, openIndex);
  const counted = [...route.revisions()].map(({ id, meter }) => {
    meter.tidy(nowMs);
    return { id, buckets: meter.buckets(bucketMs, fromIndex * bucketMs, toIndex * bucketMs) };
  });
  const knownFromMs = Math.max(route.sinceMs, nowMs - keptMs);
  const buckets = Array.from({ length: Math.max(0, toIndex - fromIndex) }, (_, offset) => {
    const index = fromIndex + offset;
    const seen = counted.flatMap(({ id, buckets }) => {
      const counts = buckets.get(index);
      return counts === undefined ? [] : [[id, counts] as const];
    });
    return { index, resetSeen: index * bucketMs < knownFromMs, revisions: Object.fromEntries(seen) };
  });
  return { bucketMs, nowMs, startedAtMs: route.sinceMs, openIndex, latencyEdgesMs, buckets };
}
