/**
 * O4: New Relic, by its public API (NerdGraph, NRQL): one SELECT that names `events` and `total`, to which the interval and the
 * grid are added. Tested against a simulated server only, which checks requests against the published reference.
 */
import type { Json } from "../../domain/json.ts";
import type { BucketCounts, Grid } from "../../domain/metric-counters.ts";
import { countsGiven } from "../../domain/metric-pairs.ts";
import type { NewRelicSettings } from "../../domain/metric-settings.ts";
import { render } from "../../domain/metric-template.ts";
import type { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MetricSource } from "../../ports/metric-source.ts";
import { metricHttp, metricUrl, skewFault } from "../metric-http.ts";
import { type IntervalCounts, intervalSource } from "../metric-intervals.ts";

export interface NewRelicOptions {
  readonly name: string;
  /** `https://api.newrelic.com/graphql`, or `https://api.eu.newrelic.com/graphql`. */
  readonly url: string;
  readonly environment: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  readonly accountId: number;
  /** A user key. */
  readonly apiKey: Secret | string;
  readonly settledAfterMs: number;
  readonly metrics: NewRelicSettings["metrics"];
}

type NewRelicMetric = NewRelicSettings["metrics"][number];

/** NRQL's finest TIMESERIES; one query gives 366 of them at most. */
const finestMs = 1000;
const mostBuckets = 366;

const graphql =
  "query ($accountId: Int!, $nrql: Nrql!) { actor { account(id: $accountId) { nrql(query: $nrql) { results } } } }";

export function newRelicSource(options: NewRelicOptions): MetricSource {
  const url = metricUrl(options.name, options.url);
  const http = metricHttp({ ...options, headers: { ...options.headers, "api-key": options.apiKey } });
  return intervalSource<NewRelicMetric>({
    ...options,
    kind: "new-relic",
    finestMs,
    asked: (metric, values) => render(metric.query, values, "nrql"),
    async counts(metric, values, grid, signal) {
      const query = render(metric.query, values, "nrql");
      if (query.kind === "fault") return query;
      if (grid.toIndex - grid.fromIndex > mostBuckets)
        return fault(`it gives at most ${mostBuckets} intervals at once`);
      const variables = { accountId: options.accountId, nrql: `${query.text} ${windowOf(grid)}` };
      const body = JSON.stringify({ query: graphql, variables });
      const answer = await http.ask({ url, method: "POST", body, contentType: "application/json" }, signal);
      if (answer.kind === "fault") return answer;
      const skewed = skewFault(answer.skewMs);
      return skewed ? fault(skewed) : countsIn(answer.json, grid.bucketMs);
    },
  });
}

const fault = (reason: string): { readonly kind: "fault"; readonly reason: string } => ({ kind: "fault", reason });

const windowOf = ({ bucketMs, fromIndex, toIndex }: Grid): string =>
  `SINCE ${fromIndex * bucketMs} UNTIL ${toIndex * bucketMs} TIMESERIES ${bucketMs / 1000} seconds`;

interface NerdGraphAnswer {
  readonly errors?: readonly { readonly message?: unknown }[];
  readonly data?: {
    readonly actor?: { readonly account?: { readonly nrql?: { readonly results?: unknown } | null } | null };
  };
}

interface ResultRow {
  readonly beginTimeSeconds?: unknown;
  readonly endTimeSeconds?: unknown;
  readonly facet?: unknown;
  readonly events?: unknown;
  readonly total?: unknown;
}

function countsIn(document: Json, bucketMs: number): IntervalCounts {
  const { errors, data } = (document ?? {}) as NerdGraphAnswer;
  if (Array.isArray(errors) && errors.length > 0)
    return fault(`it says: ${String(errors[0]?.message ?? "an error without words").slice(0, 200)}`);
  const results = data?.actor?.account?.nrql?.results;
  if (!Array.isArray(results)) return fault("its answer has no results");
  if (results.length === 0) return fault("the query has no result");
  const rows = results as readonly ResultRow[];
  const wrong = rows.map((row) => rowFault(row, bucketMs)).find((reason) => reason !== undefined);
  if (wrong) return fault(wrong);
  const begins = rows.map((row) => (Number(row.beginTimeSeconds) * 1000) / bucketMs);
  if (new Set(begins).size !== begins.length) return fault("the query has several series for one interval");
  const counts = (row: ResultRow): BucketCounts => countsGiven([row.events, row.total]);
  return { kind: "counts", byIndex: new Map(rows.map((row, at) => [begins[at] ?? -1, counts(row)])) };
}

function rowFault(row: ResultRow, bucketMs: number): string | undefined {
  if (row.facet !== undefined) return "the query has several series (FACET)";
  if (row.events === undefined || row.total === undefined)
    return "its SELECT does not name both events and total, as in `count(*) AS total`";
  const [beginMs, endMs] = [Number(row.beginTimeSeconds) * 1000, Number(row.endTimeSeconds) * 1000];
  return beginMs % bucketMs === 0 && endMs - beginMs === bucketMs
    ? undefined
    : "it answered with intervals other than the asked ones";
}
