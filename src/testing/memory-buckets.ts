/** What a pretended router counted in closed intervals, as a real one keeps it for the verdict. */
import type { BucketCounts, RevisionId, RouterBucket, RouterBuckets, Split } from "../domain/traffic.ts";
import type { BucketQuery } from "../ports/router.ts";

const baseMs = 250;
const keptMs = 16 * 60_000;
const shardCount = 16;

interface Cell {
  requests: number;
  errors: number;
  durationSumMs: number;
  expectedRequests: number;
  readonly bins: Map<number, number>;
  readonly shards: { requests: number; errors: number }[];
}

const newCell = (): Cell => ({
  requests: 0,
  errors: 0,
  durationSumMs: 0,
  expectedRequests: 0,
  bins: new Map(),
  shards: Array.from({ length: shardCount }, () => ({ requests: 0, errors: 0 })),
});

export interface MemoryBuckets {
  /** A request came in while these weights held. */
  arrived(split: Split): void;
  /** @param bin index of the latency's bin. */
  ended(revision: RevisionId, failed: boolean, durationMs: number, bin: number): void;
  read(query: BucketQuery): RouterBuckets;
}

export function memoryBuckets(now: () => number, latencyEdgesMs: readonly number[]): MemoryBuckets {
  const startedAtMs = now();
  const cells = new Map<number, Map<RevisionId, Cell>>();
  let requests = 0;

  const cellOf = (revision: RevisionId): Cell => {
    const index = Math.floor(now() / baseMs);
    let interval = cells.get(index);
    if (interval === undefined) {
      interval = new Map();
      cells.set(index, interval);
      forget(cells, index);
    }
    const cell = interval.get(revision) ?? newCell();
    interval.set(revision, cell);
    return cell;
  };

  return {
    arrived(split) {
      for (const { revision, percent } of split) if (percent > 0) cellOf(revision).expectedRequests += percent / 100;
    },
    ended(revision, failed, durationMs, bin) {
      const cell = cellOf(revision);
      const shard = cell.shards[requests++ % shardCount];
      cell.requests += 1;
      cell.errors += failed ? 1 : 0;
      cell.durationSumMs += durationMs;
      cell.bins.set(bin, (cell.bins.get(bin) ?? 0) + 1);
      if (shard) {
        shard.requests += 1;
        shard.errors += failed ? 1 : 0;
      }
    },
    read({ bucketMs, fromIndex, toIndex }) {
      const openIndex = Math.floor(now() / bucketMs);
      const buckets: RouterBucket[] = [];
      for (let index = fromIndex; index < Math.min(toIndex, openIndex); index++) {
        buckets.push({
          index,
          resetSeen: startedAtMs > index * bucketMs,
          revisions: merged(cells, index, bucketMs),
        });
      }
      return { bucketMs, nowMs: now(), startedAtMs, openIndex, latencyEdgesMs, buckets };
    },
  };
}

/** Insertion order is time order. */
function forget(cells: Map<number, unknown>, nowIndex: number): void {
  for (const index of cells.keys()) {
    if (index >= nowIndex - keptMs / baseMs) return;
    cells.delete(index);
  }
}

function merged(
  cells: ReadonlyMap<number, ReadonlyMap<RevisionId, Cell>>,
  index: number,
  bucketMs: number,
): ReadonlyMap<RevisionId, BucketCounts> {
  const sums = new Map<RevisionId, Cell>();
  const parts = bucketMs / baseMs;
  for (let part = index * parts; part < (index + 1) * parts; part++) {
    for (const [revision, cell] of cells.get(part) ?? []) {
      const sum = sums.get(revision) ?? newCell();
      sums.set(revision, sum);
      add(sum, cell);
    }
  }
  return new Map([...sums].map(([revision, { bins, ...sum }]) => [revision, { ...sum, latencyCounts: [...bins] }]));
}

function add(sum: Cell, cell: Cell): void {
  sum.requests += cell.requests;
  sum.errors += cell.errors;
  sum.durationSumMs += cell.durationSumMs;
  sum.expectedRequests += cell.expectedRequests;
  for (const [bin, count] of cell.bins) sum.bins.set(bin, (sum.bins.get(bin) ?? 0) + count);
  for (const [n, shard] of cell.shards.entries()) {
    const into = sum.shards[n];
    if (into === undefined) continue;
    into.requests += shard.requests;
    into.errors += shard.errors;
  }
}
