/**
 * What one revision did, counted: cumulative counters with a latency histogram, and the same in closed 5-second buckets
 * kept for a quarter of an hour, which is what the sequential canary test reads. A request is counted when its response
 * ended or its attempt failed.
 */
import type { Counters } from "../../domain/traffic.ts";

export const bucketMs = 5000;

/** Fifteen minutes of closed buckets and a minute of slack for a reader that was away. */
const bucketsKept = 192;

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

/** One closed bucket. Latency counts are sparse pairs of edge index and count. */
export interface Bucket {
  /** Whole 5-second intervals since the epoch. */
  readonly index: number;
  readonly startMs: number;
  readonly requests: number;
  readonly errors: number;
  readonly durationSumMs: number;
  readonly latencyCounts: readonly (readonly [number, number])[];
}

export interface Meter {
  enter(): void;
  /** One request ended, `failed` or not. Does not end its being in flight: an upgraded connection lives on. */
  count(durationMs: number, failed: boolean, nowMs: number): void;
  leave(): void;
  counters(): Counters;
  /** Closed buckets from `fromIndex` on. Intervals without a request have no bucket. */
  buckets(fromIndex: number, nowMs: number): readonly Bucket[];
}

interface OpenBucket {
  index: number;
  requests: number;
  errors: number;
  durationSumMs: number;
  readonly latencyCounts: Uint32Array;
}

export const bucketIndex = (nowMs: number): number => Math.floor(nowMs / bucketMs);

function closed(open: OpenBucket): Bucket {
  const latencyCounts: [number, number][] = [];
  open.latencyCounts.forEach((count, edge) => {
    if (count > 0) latencyCounts.push([edge, count]);
  });
  const { index, requests, errors, durationSumMs } = open;
  return { index, startMs: index * bucketMs, requests, errors, durationSumMs, latencyCounts };
}

export function createMeter(): Meter {
  const bins = latencyEdgesMs.length + 1;
  const total = { requests: 0, errors: 0, inFlight: 0, durationSumMs: 0 };
  // Doubles, not 32-bit counts: a router may live for months.
  const latencyCounts = new Float64Array(bins);
  const open: OpenBucket = {
    index: -1,
    requests: 0,
    errors: 0,
    durationSumMs: 0,
    latencyCounts: new Uint32Array(bins),
  };
  const ring: Bucket[] = [];

  function closeUntil(index: number): void {
    if (index <= open.index) return;
    if (open.requests > 0) ring.push(closed(open));
    while ((ring[0]?.index ?? index) < index - bucketsKept) ring.shift();
    Object.assign(open, { index, requests: 0, errors: 0, durationSumMs: 0 });
    open.latencyCounts.fill(0);
  }

  return {
    enter: () => {
      total.inFlight += 1;
    },
    leave: () => {
      total.inFlight -= 1;
    },
    count(durationMs, failed, nowMs) {
      const index = bucketIndex(nowMs);
      if (index > open.index) closeUntil(index);
      const edge = edgeOf(durationMs);
      total.requests += 1;
      total.durationSumMs += durationMs;
      latencyCounts[edge] = (latencyCounts[edge] ?? 0) + 1;
      open.requests += 1;
      open.durationSumMs += durationMs;
      open.latencyCounts[edge] = (open.latencyCounts[edge] ?? 0) + 1;
      if (!failed) return;
      total.errors += 1;
      open.errors += 1;
    },
    counters: () => ({ ...total, latencyEdgesMs, latencyCounts: [...latencyCounts] }),
    buckets(fromIndex, nowMs) {
      closeUntil(bucketIndex(nowMs));
      return ring.filter((bucket) => bucket.index >= fromIndex);
    },
  };
}
