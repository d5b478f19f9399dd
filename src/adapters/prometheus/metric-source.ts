/**
 * O4: Prometheus. Counters are read at the grid's edges, for each process by itself: a sum over processes falls and jumps when
 * one comes or goes, and neither is an event. What cannot be told is missing with its reason; nothing is extrapolated.
 */
import type { MetricBucket } from "../../domain/canary/bucket.ts";
import { type BucketCounts, countsOfProcesses, indexesOf } from "../../domain/metric-counters.ts";
import { latencyBucket, missing, rateBucket } from "../../domain/metric-pairs.ts";
import type { PrometheusMetricSettings } from "../../domain/metric-settings.ts";
import { armValues, isSameArm, render } from "../../domain/metric-template.ts";
import type { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MetricArm, MetricQuery, MetricSource } from "../../ports/metric-source.ts";
import { metricHttp, metricUrl, skewFault } from "../metric-http.ts";
import { remembering } from "../metric-memory.ts";
import { histogramSamples, rateSamples, type Sampling } from "./process-samples.ts";
import { clockSkew, type Prometheus, rangeQuery, type Series } from "./range-query.ts";
import { selectorIn } from "./selector.ts";

export interface PrometheusOptions {
  readonly name: string;
  /** Where its API is below, without `/api/v1`. */
  readonly url: string;
  readonly environment: string;
  readonly clock: Clock;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  readonly timeoutMs: number;
  /** As Prometheus is configured; buckets are at least two of them long. */
  readonly scrapeIntervalMs: number;
  readonly processLabels: readonly string[];
  readonly metrics: readonly PrometheusMetricSettings[];
  readonly maxBodyBytes?: number;
}

/** The counts of one version in every bucket; for a histogram with its edges. */
type ArmCounts =
  | { readonly kind: "counts"; readonly edgesMs: readonly number[]; readonly counts: readonly BucketCounts[] }
  | { readonly kind: "fault"; readonly reason: string };

export function prometheusSource(options: PrometheusOptions): MetricSource {
  const { name, clock, metrics, scrapeIntervalMs } = options;
  const prometheus: Prometheus = { http: metricHttp(options), url: metricUrl(name, options.url) };

  async function unusable(query: MetricQuery, signal: AbortSignal): Promise<string | undefined> {
    if (query.bucketMs < 2 * scrapeIntervalMs)
      return `misconfigured: its scrape interval of ${scrapeIntervalMs} ms is longer than half a bucket (${query.bucketMs / 2} ms)`;
    const skew = await clockSkew(prometheus, () => clock.now(), signal);
    return skew.kind === "fault" ? skew.reason : skewFault(skew.ms);
  }

  // A scrape that began before an edge may be stored after we asked: what was told once stays.
  return remembering({
    kind: "prometheus",
    name,
    metrics: metrics.map((metric) => metric.name),
    finestBucketMs: null,
    async read(query, signal) {
      signal.throwIfAborted();
      const reason = await unusable(query, signal);
      const read = (metric: PrometheusMetricSettings) =>
        reason === undefined
          ? bucketsOf(metric, query, { options, prometheus, signal })
          : indexesOf(query).map((index) => missing(metric.name, index, `${name}: ${reason}`));
      return (await Promise.all(metrics.map(read))).flat();
    },
  });
}

interface Reading {
  readonly options: PrometheusOptions;
  readonly prometheus: Prometheus;
  readonly signal: AbortSignal;
}

async function bucketsOf(
  metric: PrometheusMetricSettings,
  query: MetricQuery,
  reading: Reading,
): Promise<readonly MetricBucket[]> {
  const { name } = reading.options;
  const nothing = (reason: string) =>
    indexesOf(query).map((index) => missing(metric.name, index, `${name}: ${reason}`));
  const same = sameQueries(metric, query, reading);
  if (same) return nothing(same);
  const [candidate, stable] = await Promise.all([
    armCounts(metric, query.candidate, query, reading),
    armCounts(metric, query.stable, query, reading),
  ]);
  if (candidate.kind === "fault") return nothing(`candidate version: ${candidate.reason}`);
  if (stable.kind === "fault") return nothing(`stable version: ${stable.reason}`);
  if (String(candidate.edgesMs) !== String(stable.edgesMs))
    return nothing("the two versions have different histogram buckets");
  return indexesOf(query).map((index, at) => {
    const counts = { candidate: candidate.counts[at] ?? absent, stable: stable.counts[at] ?? absent };
    return metric.kind === "rate"
      ? rateBucket(metric.name, index, counts)
      : latencyBucket(metric.name, index, candidate.edgesMs, counts);
  });
}

const absent: BucketCounts = { kind: "absent" };

/** A query that does not tell the versions apart compares one with itself and can only pass. */
function sameQueries(metric: PrometheusMetricSettings, query: MetricQuery, { options }: Reading): string | undefined {
  if (isSameArm(query.candidate, query.stable)) return undefined;
  const template = metric.kind === "rate" ? metric.total : metric.histogram;
  const [one, other] = [query.candidate, query.stable].map((arm) =>
    render(template, armValues(arm, metric.component, options.environment), "promql"),
  );
  return one?.kind === "text" && other?.kind === "text" && one.text === other.text
    ? "its query is the same for both versions"
    : undefined;
}

async function armCounts(
  metric: PrometheusMetricSettings,
  arm: MetricArm,
  query: MetricQuery,
  { options, prometheus, signal }: Reading,
): Promise<ArmCounts> {
  const values = armValues(arm, metric.component, options.environment);
  const by = options.processLabels.length === 0 ? "" : ` by (${options.processLabels.join(", ")})`;
  const [templates, main] =
    metric.kind === "rate" ? [[metric.events, metric.total], metric.total] : [[metric.histogram], metric.histogram];
  const ages = `max${by} (timestamp(${selectorIn(main) ?? main}))`;
  const rendered = [...templates, ages].map((template) => render(template, values, "promql"));
  const unrendered = rendered.find((text) => text.kind === "fault");
  if (unrendered?.kind === "fault") return unrendered;
  const answers = await Promise.all(
    rendered.map((text) => rangeQuery(prometheus, text.kind === "text" ? text.text : "", query, signal)),
  );
  const failed = answers.find((answer) => answer.kind === "fault");
  if (failed?.kind === "fault") return failed;
  const series = answers.map((answer) => (answer.kind === "series" ? answer.series : []));
  const sampling = { grid: query, processLabels: options.processLabels, scrapeIntervalMs: options.scrapeIntervalMs };
  return countsOf(metric, series, sampling);
}

function countsOf(
  metric: PrometheusMetricSettings,
  answers: readonly (readonly Series[])[],
  sampling: Sampling,
): ArmCounts {
  const [first = [], second = [], third = []] = answers;
  const samples =
    metric.kind === "rate"
      ? rateSamples({ events: first, total: second, ages: third }, metric.noEvents, sampling)
      : histogramSamples({ histogram: first, ages: second }, metric.unit, sampling);
  if (samples.kind === "fault") return samples;
  return {
    kind: "counts",
    edgesMs: samples.edgesMs ?? [],
    counts: countsOfProcesses(samples.processes, sampling.grid, 0),
  };
}
