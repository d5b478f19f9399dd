/**
 * O4: Datadog, by its public API (`POST /api/v2/query/timeseries`): two queries of one request, counted per interval with
 * `as_count()`. Tested against a simulated server only, which checks requests against the published reference.
 */
import type { Json } from "../../domain/json.ts";
import type { BucketCounts, Grid } from "../../domain/metric-counters.ts";
import { countsGiven } from "../../domain/metric-pairs.ts";
import type { DatadogSettings } from "../../domain/metric-settings.ts";
import { render, type TemplateValues } from "../../domain/metric-template.ts";
import type { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MetricSource } from "../../ports/metric-source.ts";
import { metricHttp, metricUrl, skewFault } from "../metric-http.ts";
import { type IntervalCounts, intervalSource } from "../metric-intervals.ts";

export interface DatadogOptions {
  readonly name: string;
  /** `https://api.datadoghq.com` or another site's. */
  readonly url: string;
  readonly environment: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  readonly apiKey: Secret | string;
  readonly applicationKey: Secret | string;
  readonly finestMs: number;
  readonly settledAfterMs: number;
  readonly metrics: DatadogSettings["metrics"];
}

type DatadogMetric = DatadogSettings["metrics"][number];

export function datadogSource(options: DatadogOptions): MetricSource {
  const url = new URL("/api/v2/query/timeseries", metricUrl(options.name, options.url));
  const keys = { "dd-api-key": options.apiKey, "dd-application-key": options.applicationKey };
  const http = metricHttp({ ...options, headers: { ...options.headers, ...keys } });
  return intervalSource<DatadogMetric>({
    ...options,
    kind: "datadog",
    asked: (metric, values) => render(metric.total, values, "datadog"),
    async counts(metric, values, grid, signal) {
      const body = requestOf(metric, values, grid);
      if (body.kind === "fault") return body;
      const question = { url, method: "POST", body: body.text, contentType: "application/json" } as const;
      const answer = await http.ask(question, signal);
      if (answer.kind === "fault") return answer;
      const skewed = skewFault(answer.skewMs);
      return skewed ? fault(skewed) : countsIn(answer.json, grid, metric.noEvents);
    },
  });
}

const fault = (reason: string): { readonly kind: "fault"; readonly reason: string } => ({ kind: "fault", reason });

function requestOf(metric: DatadogMetric, values: TemplateValues, { bucketMs, fromIndex, toIndex }: Grid) {
  const events = render(metric.events, values, "datadog");
  if (events.kind === "fault") return events;
  const total = render(metric.total, values, "datadog");
  if (total.kind === "fault") return total;
  const query = (name: string, text: string) => ({ data_source: "metrics", name, query: text });
  const attributes = {
    formulas: [{ formula: "events" }, { formula: "total" }],
    queries: [query("events", events.text), query("total", total.text)],
    from: fromIndex * bucketMs,
    to: toIndex * bucketMs,
    interval: bucketMs,
  };
  return { kind: "text", text: JSON.stringify({ data: { type: "timeseries_request", attributes } }) } as const;
}

interface TimeseriesAnswer {
  readonly errors?: unknown;
  readonly data?: {
    readonly attributes?: { readonly times?: unknown; readonly series?: unknown; readonly values?: unknown };
  };
}

interface Column {
  readonly formula: number;
  readonly values: readonly unknown[];
}

function countsIn(document: Json, grid: Grid, noEvents: "unknown" | "zero"): IntervalCounts {
  const { errors, data } = (document ?? {}) as TimeseriesAnswer;
  if (typeof errors === "string" && errors !== "") return fault(`it says: ${errors.slice(0, 200)}`);
  const { times, series, values } = data?.attributes ?? {};
  if (!Array.isArray(times) || !Array.isArray(series) || !Array.isArray(values) || series.length !== values.length)
    return fault("its answer is no timeseries");
  const misfit = timesFault(times, grid.bucketMs);
  if (misfit) return fault(misfit);
  const columns = series.map((one: { query_index?: unknown } | null, at) => ({
    formula: Number(one?.query_index ?? 0),
    values: Array.isArray(values[at]) ? values[at] : [],
  }));
  const events = columns.filter(({ formula }) => formula === 0);
  const total = columns.filter(({ formula }) => formula === 1);
  const wrong = seriesFault(events, total, noEvents);
  if (wrong) return fault(wrong);
  const counts = (at: number): BucketCounts => {
    const counted = total[0]?.values[at];
    const failed = events[0]?.values[at] ?? (noEvents === "zero" && typeof counted === "number" ? 0 : null);
    return countsGiven([failed, counted]);
  };
  return { kind: "counts", byIndex: new Map(times.map((time, at) => [Number(time) / grid.bucketMs, counts(at)])) };
}

/** It takes a longer interval than the asked one when that would be too many points; its sums would be of other stretches. */
function timesFault(times: readonly unknown[], bucketMs: number): string | undefined {
  const off = times.find((time) => typeof time !== "number" || time % bucketMs !== 0);
  if (off !== undefined) return "it answered with intervals beside the asked ones";
  const gap = times.find((time, at) => at > 0 && Number(time) - Number(times[at - 1]) !== bucketMs);
  return gap === undefined ? undefined : `it answered with intervals other than the asked ones of ${bucketMs / 1000} s`;
}

function seriesFault(
  events: readonly Column[],
  total: readonly Column[],
  noEvents: "unknown" | "zero",
): string | undefined {
  if (total.length === 0) return "the query of the total has no result";
  if (total.length > 1) return "the query of the total has several series; group by nothing";
  if (events.length > 1) return "the query of the events has several series; group by nothing";
  return events.length === 0 && noEvents === "unknown"
    ? "the query of the events has no result (where none is none, say noEvents: zero)"
    : undefined;
}
