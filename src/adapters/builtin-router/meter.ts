/**
 * What one revision did, counted: cumulative counters with a latency histogram, and the same on a base grid of closed 250 ms
 * intervals kept for a quarter of an hour, which readers merge into the grid of their verdict. A request is counted when its
 * response ended or its attempt failed, so nothing is ever added to an interval that is over.
 */
import type { BucketCounts, Counters } from "../../domain/traffic.ts";

/** The base grid: buckets that are asked for are multiples of it. */
export const baseMs = 250;

/** Fifteen minutes, and one for a reader that was away. */
export const keptMs = 16 * 60_000;

/** Requests of one session fall into the same of these parts (canary.md 4.4: the dispersion is estimated from them). */
export const shardCount = 16;

const growth = 1.05;
const lowestEdgeMs = 0.5;
const highestEdgeMs = 60_000;

function risingEdges(): readonly number[] {
  const edges: number[] = [];
  for (let edge = lowestEdgeMs; edge < highestEdgeMs; edge = lowestEdgeMs * growth ** edges.length) edges.push(edge);
  return [...edges, highestEdgeMs];
}

/** Upper edges in milliseconds: 0.5 rising by 5 % each, the last one is 60,000. */
export const latencyEdgesMs = risingEdges();

/** The first edge that is not below `ms`; one past the last edge when all are. */
export function edgeOf(ms: number): number {
  if (ms <= lowestEdgeMs) return 0;
  if (ms > highestEdgeMs) return latencyEdgesMs.length;
  // The logarithm may land one beside the true bin where ms lies on an edge.
  const guess = Math.min(latencyEdgesMs.length - 1, Math.ceil(Math.log(ms / lowestEdgeMs) / Math.log(growth)));
  if (ms <= (latencyEdgesMs[guess - 1] ?? 0)) return guess - 1;
  return ms > (latencyEdgesMs[guess] ?? Number.POSITIVE_INFINITY) ? guess + 1 : guess;
}

/** One interval's histogram and shards lie in one row of cells: latency bins, then requests by shard, then errors by shard. */
const bins = latencyEdgesMs.length + 1;
const shardRequestsAt = bins;
const shardErrorsAt = bins + shardCount;
const cellsPerRow = bins + 2 * shardCount;
const countBits = 23;
const countMask = 2 ** countBits - 1;

interface Sums {
  requests: number;
  errors: number;
  durationSumMs: number;
  expectedRequests: number;
}

const noSums = (): Sums => ({ requests: 0, errors: 0, durationSumMs: 0, expectedRequests: 0 });

/**
 * A closed interval keeps only cells that are not zero, each as `cell << 23 | count`: at most 1.1 KB where all are. Measured, a
 * revision that has served all the time keeps 5.3 MB at the very most, and 2.2 MB at 500 requests a second.
 */
interface ClosedInterval extends Readonly<Sums> {
  /** `floor(startMs / baseMs)`. */
  readonly at: number;
  readonly cells: Uint32Array;
}

export interface Meter {
  enter(): void;
  leave(): void;
  /** So much of one request is due to this revision by the weights (0 to 1), whoever will serve it. */
  expect(share: number, nowMs: number): void;
  /** One request ended, `failed` or not. Does not end its being in flight: an upgraded connection lives on. */
  count(durationMs: number, failed: boolean, nowMs: number, shard: number): void;
  counters(): Counters;
  /** What the closed intervals from `fromMs` to below `toMs` held, by bucket index. Buckets with nothing are absent. */
  buckets(bucketMs: number, fromMs: number, toMs: number): ReadonlyMap<number, BucketCounts>;
  /** Closes what is over and forgets what is older than `keptMs`. */
  tidy(nowMs: number): void;
  /** All intervals, also the open one; the counters stay. */
  forget(): void;
}

function packed(row: Uint32Array): Uint32Array {
  const cells: number[] = [];
  row.forEach((count, cell) => {
    if (count > 0) cells.push(cell * 2 ** countBits + Math.min(count, countMask));
  });
  return Uint32Array.from(cells);
}

export function createMeter(): Meter {
  const total = { requests: 0, errors: 0, inFlight: 0, durationSumMs: 0 };
  // Doubles, not 32-bit counts: a router may live for months.
  const latencyCounts = new Float64Array(bins);
  const row = new Uint32Array(cellsPerRow);
  const closed: ClosedInterval[] = [];
  let openAt = -1;
  let open = noSums();

  function closeUntil(at: number): void {
    if (at <= openAt) return;
    if (open.requests > 0 || open.expectedRequests > 0) closed.push({ at: openAt, ...open, cells: packed(row) });
    while ((closed[0]?.at ?? at) < at - keptMs / baseMs) closed.shift();
    if (open.requests > 0) row.fill(0);
    open = noSums();
    openAt = at;
  }

  return {
    enter: () => {
      total.inFlight += 1;
    },
    leave: () => {
      total.inFlight -= 1;
    },
    expect(share, nowMs) {
      closeUntil(Math.floor(nowMs / baseMs));
      open.expectedRequests += share;
    },
    count(durationMs, failed, nowMs, shard) {
      closeUntil(Math.floor(nowMs / baseMs));
      const bin = edgeOf(durationMs);
      total.requests += 1;
      total.durationSumMs += durationMs;
      latencyCounts[bin] = (latencyCounts[bin] ?? 0) + 1;
      open.requests += 1;
      open.durationSumMs += durationMs;
      add(row, bin);
      add(row, shardRequestsAt + shard);
      if (!failed) return;
      total.errors += 1;
      open.errors += 1;
      add(row, shardErrorsAt + shard);
    },
    counters: () => ({ ...total, latencyEdgesMs, latencyCounts: [...latencyCounts] }),
    buckets: (bucketMs, fromMs, toMs) =>
      merged(
        closed.filter(({ at }) => at * baseMs >= fromMs && at * baseMs < toMs),
        bucketMs,
      ),
    tidy: (nowMs) => closeUntil(Math.floor(nowMs / baseMs)),
    forget() {
      closed.length = 0;
      row.fill(0);
      open = noSums();
      openAt = -1;
    },
  };
}

function add(row: Uint32Array | Float64Array, cell: number, count = 1): void {
  row[cell] = (row[cell] ?? 0) + count;
}

function merged(intervals: readonly ClosedInterval[], bucketMs: number): ReadonlyMap<number, BucketCounts> {
  const buckets = Map.groupBy(intervals, ({ at }) => Math.floor((at * baseMs) / bucketMs));
  return new Map([...buckets].map(([index, parts]) => [index, sumOf(parts)]));
}

function sumOf(parts: readonly ClosedInterval[]): BucketCounts {
  const sums = noSums();
  const row = new Float64Array(cellsPerRow);
  for (const part of parts) {
    sums.requests += part.requests;
    sums.errors += part.errors;
    sums.durationSumMs += part.durationSumMs;
    sums.expectedRequests += part.expectedRequests;
    for (const cell of part.cells) add(row, cell >>> countBits, cell & countMask);
  }
  const latencyCounts = [...row.subarray(0, bins).entries()].filter(([, count]) => count > 0);
  const shards = Array.from({ length: shardCount }, (_, shard) => ({
    requests: row[shardRequestsAt + shard] ?? 0,
    errors: row[shardErrorsAt + shard] ?? 0,
  }));
  return { ...sums, latencyCounts, shards };
}
