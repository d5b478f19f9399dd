/**
 * A metric source over a provider that has a history and answers with the counts of intervals: asks for what is complete there,
 * pairs both versions, and tells everything else as missing with the reason.
 */
import type { MetricBucket } from "../domain/canary/bucket.ts";
import { type BucketCounts, type Grid, indexesOf } from "../domain/metric-counters.ts";
import { missing, rateBucket } from "../domain/metric-pairs.ts";
import { armValues, isSameArm, type TemplateValues } from "../domain/metric-template.ts";
import type { Clock } from "../ports/clock.ts";
import type { MetricArm, MetricQuery, MetricSource } from "../ports/metric-source.ts";
import { remembering, unsettled } from "./metric-memory.ts";

export type IntervalCounts =
  /** [events, total] of every interval, by index; one that is not there was not told. */
  | { readonly kind: "counts"; readonly byIndex: ReadonlyMap<number, BucketCounts> }
  | { readonly kind: "fault"; readonly reason: string };

interface NamedMetric {
  readonly name: string;
  readonly component: string | null;
}

export interface IntervalOptions<M extends NamedMetric> {
  readonly kind: string;
  readonly name: string;
  readonly environment: string;
  readonly clock: Clock;
  readonly metrics: readonly M[];
  readonly finestMs: number | null;
  readonly settledAfterMs: number;
  /** What is asked for one version, as text: the same text for both versions is refused. */
  asked(
    metric: M,
    values: TemplateValues,
  ): { readonly kind: "text"; readonly text: string } | { readonly kind: "fault"; readonly reason: string };
  /** Rejects only when aborted. */
  counts(metric: M, values: TemplateValues, grid: Grid, signal: AbortSignal): Promise<IntervalCounts>;
}

export function intervalSource<M extends NamedMetric>(options: IntervalOptions<M>): MetricSource {
  const { kind, name, metrics, finestMs, settledAfterMs } = options;
  return remembering({
    kind,
    name,
    metrics: metrics.map((metric) => metric.name),
    finestBucketMs: finestMs,
    settledAfterMs,
    async read(query, signal) {
      signal.throwIfAborted();
      if (query.toIndex <= query.fromIndex) return [];
      return (await Promise.all(metrics.map((metric) => bucketsOf(metric, query, options, signal)))).flat();
    },
  });
}

async function bucketsOf<M extends NamedMetric>(
  metric: M,
  query: MetricQuery,
  options: IntervalOptions<M>,
  signal: AbortSignal,
): Promise<readonly MetricBucket[]> {
  const { name, clock, settledAfterMs } = options;
  const all = (reason: string) => indexesOf(query).map((index) => missing(metric.name, index, `${name}: ${reason}`));
  const wait = (index: number) => unsettled(index, query.bucketMs, settledAfterMs, clock);
  const complete = indexesOf(query).filter((index) => wait(index) === undefined);
  const refused = gridFault(query.bucketMs, options.finestMs) ?? armsFault(metric, query, options);
  if (refused) return all(refused);
  if (complete.length === 0) return all(wait(query.fromIndex) ?? "");
  const grid = { bucketMs: query.bucketMs, fromIndex: query.fromIndex, toIndex: (complete.at(-1) ?? 0) + 1 };
  const counts = (arm: MetricArm) =>
    options.counts(metric, armValues(arm, metric.component, options.environment), grid, signal);
  const [candidate, stable] = await Promise.all([counts(query.candidate), counts(query.stable)]);
  if (candidate.kind === "fault") return all(`candidate version: ${candidate.reason}`);
  if (stable.kind === "fault") return all(`stable version: ${stable.reason}`);
  return indexesOf(query).map((index) => {
    const early = wait(index);
    const of = (arm: typeof candidate): BucketCounts => arm.byIndex.get(index) ?? { kind: "absent" };
    return early === undefined
      ? rateBucket(metric.name, index, { candidate: of(candidate), stable: of(stable) })
      : missing(metric.name, index, `${name}: ${early}`);
  });
}

function gridFault(bucketMs: number, finestMs: number | null): string | undefined {
  return finestMs === null || bucketMs % finestMs === 0
    ? undefined
    : `misconfigured: it keeps intervals of ${finestMs / 1000} s, and buckets of ${bucketMs / 1000} s are no multiple of them`;
}

/** A question that does not tell the versions apart compares one with itself and can only pass. */
function armsFault<M extends NamedMetric>(
  metric: M,
  query: MetricQuery,
  options: IntervalOptions<M>,
): string | undefined {
  const texts = [query.candidate, query.stable].map((arm) =>
    options.asked(metric, armValues(arm, metric.component, options.environment)),
  );
  const fault = texts.find((text) => text.kind === "fault");
  if (fault?.kind === "fault") return fault.reason;
  const [one, other] = texts.map((text) => (text.kind === "text" ? text.text : ""));
  const compared = !isSameArm(query.candidate, query.stable);
  return compared && one === other ? "its query is the same for both versions" : undefined;
}
