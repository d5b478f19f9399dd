/**
 * Cumulative counters to counts per bucket. A sample holds every counter of one process as one vector, read at one instant: a
 * process that starts again takes all its counters back to zero together, also those that did not visibly fall.
 */
export interface CounterSample {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly values: readonly number[];
  /** What the counters count since, where it can be told (a process id). Another one is a reset, whatever the values are. */
  readonly origin?: string;
  /** Why this reading cannot be used: a bucket that it belongs to is unknown. */
  readonly fault?: string;
}

export interface Grid {
  readonly bucketMs: number;
  readonly fromIndex: number;
  readonly toIndex: number;
}

export type BucketCounts =
  | { readonly kind: "counted"; readonly values: readonly number[]; readonly resetSeen: boolean }
  /** Nothing was read at the bucket's edges. */
  | { readonly kind: "absent" }
  | { readonly kind: "unknown"; readonly reason: string; readonly resetSeen?: boolean };

/**
 * One entry for every bucket of the grid. A bucket is counted where a sample lies within `toleranceMs` of both its edges (less
 * than half a bucket): the sum of what came between these two. After a fall the new value is what came since. Samples may come
 * in any order and more than once.
 */
export function countsPerBucket(
  samples: readonly CounterSample[],
  grid: Grid,
  toleranceMs: number,
): readonly BucketCounts[] {
  const ordered = inOrder(samples);
  return indexesOf(grid).map((index) => {
    const from = nearest(ordered, index * grid.bucketMs, toleranceMs);
    const to = nearest(ordered, (index + 1) * grid.bucketMs, toleranceMs);
    if (from === undefined && to === undefined) return { kind: "absent" };
    if (from === undefined) return { kind: "unknown", reason: faultAt(ordered, to) ?? noBeginning };
    if (to === undefined) return { kind: "unknown", reason: faultAt(ordered, from) ?? noEnd };
    return countsBetween(ordered.slice(from, to + 1));
  });
}

/**
 * The same for the counters of several processes of one version, by their names, added up. One that turns up within a bucket
 * counts from its first reading on, since what it shows there may be older than the bucket; one that is lost makes it unknown.
 */
export function countsOfProcesses(
  processes: ReadonlyMap<string, readonly CounterSample[]>,
  grid: Grid,
  toleranceMs: number,
): readonly BucketCounts[] {
  const each = [...processes].map(([name, samples]) => ({ name, counts: countsPerBucket(samples, grid, toleranceMs) }));
  return indexesOf(grid).map((index, at) => {
    const edgeMs = (index + 1) * grid.bucketMs;
    const here = each.map(({ name, counts }) => ({ name, counts: counts[at] ?? { kind: "absent" as const } }));
    const judged = here.map(({ name, counts }) =>
      counts.kind === "unknown" ? newOrLost(name, processes.get(name) ?? [], edgeMs, { counts, toleranceMs }) : counts,
    );
    return addedUp(judged);
  });
}

const noBeginning = "there was no reading at its beginning";
const noEnd = "there was no reading at its end";

function faultAt(ordered: readonly CounterSample[], at: number | undefined): string | undefined {
  const sample = at === undefined ? undefined : ordered[at];
  return sample && sampleFault(sample);
}

/** The indexes of a grid, in order. */
export const indexesOf = ({ fromIndex, toIndex }: Pick<Grid, "fromIndex" | "toIndex">): readonly number[] =>
  Array.from({ length: Math.max(0, toIndex - fromIndex) }, (_, at) => fromIndex + at);

/** By time, each instant once: of two readings of one instant the higher one, since counters rise. */
function inOrder(samples: readonly CounterSample[]): readonly CounterSample[] {
  const ordered = samples.toSorted((a, b) => a.atMs - b.atMs || compare(a.values, b.values));
  return ordered.filter((sample, at) => sample.atMs !== ordered[at + 1]?.atMs);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/** The position of the sample closest to an instant; undefined where none is close enough. */
function nearest(ordered: readonly CounterSample[], edgeMs: number, toleranceMs: number): number | undefined {
  const distance = (at: number): number => Math.abs((ordered[at]?.atMs ?? Number.POSITIVE_INFINITY) - edgeMs);
  const best = ordered.reduce((found, _, at) => (distance(at) < distance(found) ? at : found), 0);
  return distance(best) <= toleranceMs ? best : undefined;
}

function countsBetween(samples: readonly CounterSample[]): BucketCounts {
  const fault = samples.map(sampleFault).find((reason) => reason !== undefined);
  if (fault) return { kind: "unknown", reason: fault };
  const [first] = samples;
  const width = first?.values.length ?? 0;
  if (samples.some(({ values }) => values.length !== width))
    return { kind: "unknown", reason: "its counters changed their number" };
  const steps = samples.slice(1).map((after, at) => stepOf(samples[at] ?? after, after));
  return {
    kind: "counted",
    values: Array.from({ length: width }, (_, place) =>
      steps.reduce((sum, { values }) => sum + (values[place] ?? 0), 0),
    ),
    resetSeen: steps.some(({ reset }) => reset),
  };
}

function stepOf(
  before: CounterSample,
  after: CounterSample,
): { readonly reset: boolean; readonly values: readonly number[] } {
  const reset = isReset(before, after);
  return {
    reset,
    values: reset ? after.values : after.values.map((value, place) => value - (before.values[place] ?? 0)),
  };
}

const isReset = (before: CounterSample, after: CounterSample): boolean =>
  before.origin !== after.origin || after.values.some((value, place) => value < (before.values[place] ?? 0));

function sampleFault({ values, fault }: CounterSample): string | undefined {
  if (fault !== undefined) return fault;
  const wrong = values.find((value) => !Number.isFinite(value) || value < 0);
  if (wrong === undefined) return undefined;
  return wrong < 0 && Number.isFinite(wrong) ? `a counter is negative (${wrong})` : `a counter is ${wrong}`;
}

interface Unclear {
  readonly counts: Extract<BucketCounts, { kind: "unknown" }>;
  readonly toleranceMs: number;
}

function newOrLost(
  name: string,
  samples: readonly CounterSample[],
  edgeMs: number,
  { counts, toleranceMs }: Unclear,
): BucketCounts {
  const atEnd = samples.find(({ atMs }) => Math.abs(atMs - edgeMs) <= toleranceMs);
  const isNew = counts.reason === noBeginning && atEnd && !sampleFault(atEnd);
  if (isNew) return { kind: "counted", values: atEnd.values.map(() => 0), resetSeen: true };
  return { ...counts, reason: name === "" ? counts.reason : `${name}: ${counts.reason}` };
}

function addedUp(parts: readonly BucketCounts[]): BucketCounts {
  const unknown = parts.find((part) => part.kind === "unknown");
  if (unknown) return unknown;
  const counted = parts.filter((part) => part.kind === "counted");
  const [first] = counted;
  if (!first) return { kind: "absent" };
  if (counted.some(({ values }) => values.length !== first.values.length))
    return { kind: "unknown", reason: "its processes have different histogram buckets" };
  return {
    kind: "counted",
    values: first.values.map((_, place) => counted.reduce((sum, { values }) => sum + (values[place] ?? 0), 0)),
    resetSeen: counted.some(({ resetSeen }) => resetSeen),
  };
}
