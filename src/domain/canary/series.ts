/**
 * The buckets of a whole test in few words, for the record: lossless, so that anyone can play them through the test again
 * (replay.ts) and must come to the same evidence. Histograms are kept as their filled bins, and their edges once.
 */
import type { BucketReading, LatencyCounts, MetricBucket, RateCounts } from "./bucket.ts";

/** `[events, total]` pairs, or `[bin, count]` pairs, one after the other. */
type Flat = readonly number[];

export type SeriesReading =
  /** Candidate, then stable; `shards` are stable's. */
  | { readonly rate: Flat; readonly shards?: Flat }
  /** `edges` is an index into the series' `edgesMs`. */
  | { readonly latency: { readonly candidate: ShortHistogram; readonly stable: ShortHistogram } }
  /** The candidate's requests, the stable version's, and the share that the weights gave to the candidate. */
  | { readonly share: Flat }
  | { readonly missing: string }
  /** What could not be counted with, e.g. a histogram with more counts than it has bins: as it came. */
  | { readonly asItCame: BucketReading };

interface ShortHistogram {
  readonly edges: number;
  readonly filled: Flat;
}

export interface SeriesRow {
  readonly index: number;
  /** By metric. */
  readonly readings: Readonly<Record<string, SeriesReading>>;
  /** Metrics whose counter went back to zero within the interval. */
  readonly resets?: readonly string[];
}

export interface Series {
  readonly edgesMs: readonly Flat[];
  readonly rows: readonly SeriesRow[];
}

export function seriesOf(buckets: readonly MetricBucket[]): Series {
  const edgesMs: Flat[] = [];
  const rows = [...Map.groupBy(buckets, ({ index }) => index)].map(([index, mine]): SeriesRow => {
    const resets = mine.filter(({ resetSeen }) => resetSeen === true).map(({ metric }) => metric);
    const readings = Object.fromEntries(mine.map(({ metric, reading }) => [metric, shortened(reading, edgesMs)]));
    return { index, readings, ...(resets.length > 0 && { resets }) };
  });
  return { edgesMs, rows };
}

export function bucketsOf({ edgesMs, rows }: Series): readonly MetricBucket[] {
  return rows.flatMap(({ index, readings, resets }) =>
    Object.entries(readings).map(([metric, short]) => ({
      metric,
      index,
      reading: lengthened(short, edgesMs),
      ...(resets?.includes(metric) && { resetSeen: true }),
    })),
  );
}

const flatRate = (counts: readonly RateCounts[]): Flat => counts.flatMap(({ events, total }) => [events, total]);
const pairsOf = (flat: Flat): readonly (readonly [number, number])[] =>
  Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n] ?? 0, flat[2 * n + 1] ?? 0]);
const ratesOf = (flat: Flat): readonly RateCounts[] => pairsOf(flat).map(([events, total]) => ({ events, total }));

const shortHistogram = ({ edgesMs, counts }: LatencyCounts, known: Flat[]): ShortHistogram => ({
  edges: edgesNumber(edgesMs, known),
  filled: counts.flatMap((count, bin) => (count === 0 ? [] : [bin, count])),
});

function wholeHistogram({ edges, filled }: ShortHistogram, known: readonly Flat[]): LatencyCounts {
  const edgesMs = known[edges] ?? [];
  const counts = new Array<number>(edgesMs.length + 1).fill(0);
  for (const [bin, count] of pairsOf(filled)) counts[bin] = count;
  return { edgesMs, counts };
}

const isRegular = ({ edgesMs, counts }: LatencyCounts): boolean => counts.length === edgesMs.length + 1;

function shortened(reading: BucketReading, edgesMs: Flat[]): SeriesReading {
  switch (reading.kind) {
    case "rate": {
      const { candidate, stable, stableShards } = reading;
      return { rate: flatRate([candidate, stable]), ...(stableShards && { shards: flatRate(stableShards) }) };
    }
    case "latency": {
      const { candidate, stable } = reading;
      if (!isRegular(candidate) || !isRegular(stable)) return { asItCame: reading };
      return { latency: { candidate: shortHistogram(candidate, edgesMs), stable: shortHistogram(stable, edgesMs) } };
    }
    case "share":
      return { share: [reading.candidateRequests, reading.stableRequests, reading.candidateShare] };
    default:
      return { missing: reading.reason };
  }
}

function edgesNumber(edges: Flat, known: Flat[]): number {
  const at = known.findIndex((each) => each.length === edges.length && each.every((edge, n) => edge === edges[n]));
  return at >= 0 ? at : known.push(edges) - 1;
}

function lengthened(short: SeriesReading, edgesMs: readonly Flat[]): BucketReading {
  if ("asItCame" in short) return short.asItCame;
  if ("missing" in short) return { kind: "missing", reason: short.missing };
  if ("share" in short) {
    const [candidateRequests = 0, stableRequests = 0, candidateShare = 0] = short.share;
    return { kind: "share", candidateRequests, stableRequests, candidateShare };
  }
  if ("latency" in short) {
    const { candidate, stable } = short.latency;
    return {
      kind: "latency",
      candidate: wholeHistogram(candidate, edgesMs),
      stable: wholeHistogram(stable, edgesMs),
    };
  }
  const [candidate, stable] = ratesOf(short.rate) as [RateCounts, RateCounts];
  return {
    kind: "rate",
    candidate,
    stable,
    ...(short.shards && { stableShards: ratesOf(short.shards) }),
  };
}
