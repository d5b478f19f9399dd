/**
 * A metric source over counters that tell the present alone (a router's statistics, a page of JSON): they are read at the
 * grid's edges by `sample` and kept for fifteen minutes. What was not read at both edges of a bucket is missing: a count that
 * is stretched over an interval nobody watched would be a guess.
 */
import { type CounterSample, countsOfProcesses, type Grid, indexesOf } from "../domain/metric-counters.ts";
import { missing, rateBucket } from "../domain/metric-pairs.ts";
import type { Clock } from "../ports/clock.ts";
import type { MetricArm, MetricQuery, MetricSource } from "../ports/metric-source.ts";

/** Counters [events, total] of each process of one version, by the process's name. */
export type ArmSamples = ReadonlyMap<string, Omit<CounterSample, "atMs">>;

export type Look =
  | {
      readonly kind: "seen";
      /** By metric. */
      readonly metrics: ReadonlyMap<string, { readonly candidate: ArmSamples; readonly stable: ArmSamples }>;
    }
  | { readonly kind: "fault"; readonly reason: string };

export interface SampledOptions {
  readonly kind: string;
  readonly name: string;
  readonly metrics: readonly string[];
  readonly clock: Clock;
  /** Reads the counters now; rejects only when aborted. */
  look(arms: Pick<MetricQuery, "candidate" | "stable">, signal: AbortSignal): Promise<Look>;
}

const keptMs = 15 * 60_000;

interface Watched {
  /** Metric, version and process → samples, in order. */
  readonly series: Map<string, Map<string, CounterSample[]>>;
  faults: { readonly atMs: number; readonly reason: string }[];
}

/** How far from an edge a reading may be: a fifth of a bucket, a second at most. */
const toleranceOf = (bucketMs: number): number => Math.min(bucketMs / 5, 1000);

export function sampledSource(options: SampledOptions): MetricSource {
  const { clock, name } = options;
  /** By versions and grid: counters of other versions are another story. */
  const stories = new Map<string, Watched>();

  async function sampleAtEdge(query: Sampled, signal: AbortSignal): Promise<void> {
    const edgeMs = (Math.floor(clock.now() / query.bucketMs) + 1) * query.bucketMs;
    await clock.sleep(edgeMs - clock.now(), signal);
    const look = await options.look(query, signal);
    keep(storyOf(stories, query), look, clock.now());
  }

  return {
    kind: options.kind,
    name,
    metrics: options.metrics,
    finestBucketMs: null,
    async sample(query, signal) {
      while (!signal.aborted) {
        await sampleAtEdge(query, signal).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      }
    },
    async read(query, signal) {
      signal.throwIfAborted();
      const story = stories.get(keyOf(query));
      return options.metrics.flatMap((metric) => bucketsOf(metric, query, story, name));
    },
  };
}

type Sampled = Pick<MetricQuery, "bucketMs" | "candidate" | "stable">;

const keyOf = ({ bucketMs, candidate, stable }: Sampled): string =>
  JSON.stringify([bucketMs, armKey(candidate), armKey(stable)]);
const armKey = ({ version, revisions }: MetricArm) => [version, Object.entries(revisions).toSorted()];

function storyOf(stories: Map<string, Watched>, query: Sampled): Watched {
  const key = keyOf(query);
  const story = stories.get(key) ?? { series: new Map(), faults: [] };
  stories.set(key, story);
  return story;
}

function keep(story: Watched, look: Look, atMs: number): void {
  const isKept = (one: { readonly atMs: number }) => one.atMs > atMs - keptMs;
  story.faults = story.faults.filter(isKept);
  if (look.kind === "fault") {
    story.faults.push({ atMs, reason: look.reason });
    return;
  }
  for (const [metric, arms] of look.metrics) {
    for (const arm of ["candidate", "stable"] as const) {
      const processes = story.series.get(`${arm} ${metric}`) ?? new Map<string, CounterSample[]>();
      story.series.set(`${arm} ${metric}`, processes);
      for (const [process, sample] of arms[arm]) {
        processes.set(process, [...(processes.get(process) ?? []).filter(isKept), { ...sample, atMs }]);
      }
    }
  }
}

function bucketsOf(metric: string, grid: Grid, story: Watched | undefined, name: string) {
  const tolerance = toleranceOf(grid.bucketMs);
  const counts = (arm: string) =>
    countsOfProcesses(story?.series.get(`${arm} ${metric}`) ?? new Map(), grid, tolerance);
  const [candidate, stable] = [counts("candidate"), counts("stable")];
  return indexesOf(grid).map((index, at) => {
    const fault = story?.faults.find(({ atMs }) => isAtEdge(atMs, index, grid.bucketMs, tolerance));
    if (fault) return missing(metric, index, `${name}: ${fault.reason}`);
    const both = { candidate: candidate[at] ?? { kind: "absent" }, stable: stable[at] ?? { kind: "absent" } } as const;
    return both.candidate.kind === "absent" && both.stable.kind === "absent"
      ? missing(metric, index, `${name}: nobody watched this interval from its beginning to its end`)
      : rateBucket(metric, index, both);
  });
}

/** A look that failed is late by as long as it waited; it belongs to the bucket it ended in and to the one before. */
function isAtEdge(atMs: number, index: number, bucketMs: number, toleranceMs: number): boolean {
  return atMs >= index * bucketMs - toleranceMs && atMs < (index + 2) * bucketMs - toleranceMs;
}
