/** One PromQL expression at the grid's edges, over the HTTP API (`/api/v1/query_range`, `/api/v1/query`). */
import type { Json } from "../../domain/json.ts";
import type { Grid } from "../../domain/metric-counters.ts";
import type { MetricHttp } from "../metric-http.ts";

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Index of the bucket that begins at an edge → value there. */
  readonly atEdges: ReadonlyMap<number, number>;
}

export type RangeAnswer =
  | { readonly kind: "series"; readonly series: readonly Series[] }
  | { readonly kind: "fault"; readonly reason: string };

export interface Prometheus {
  readonly http: MetricHttp;
  readonly url: URL;
}

const fault = (reason: string): { readonly kind: "fault"; readonly reason: string } => ({ kind: "fault", reason });

/** From the first bucket's beginning to the last one's end. */
export async function rangeQuery(
  { http, url }: Prometheus,
  promql: string,
  grid: Grid,
  signal: AbortSignal,
): Promise<RangeAnswer> {
  const { bucketMs, fromIndex, toIndex } = grid;
  const body = new URLSearchParams({
    query: promql,
    start: seconds(fromIndex * bucketMs),
    end: seconds(toIndex * bucketMs),
    step: seconds(bucketMs),
  }).toString();
  const answer = await http.ask(
    { url: below(url, "api/v1/query_range"), method: "POST", body, contentType: "application/x-www-form-urlencoded" },
    signal,
  );
  if (answer.kind === "fault") return answer;
  return seriesOf(answer.json, bucketMs);
}

/** The server's own clock minus ours in milliseconds, by `time()`; half the way is taken off. */
export async function clockSkew(
  { http, url }: Prometheus,
  now: () => number,
  signal: AbortSignal,
): Promise<{ readonly kind: "skew"; readonly ms: number } | { readonly kind: "fault"; readonly reason: string }> {
  const asked = below(url, "api/v1/query");
  asked.searchParams.set("query", "time()");
  const sentMs = now();
  const answer = await http.ask({ url: asked }, signal);
  if (answer.kind === "fault") return answer;
  const theirs = scalarOf(answer.json);
  if (theirs === undefined) return fault("its answer to time() is not what Prometheus says");
  const theirsMs = theirs * 1000;
  return { kind: "skew", ms: Math.max(0, theirsMs - now()) - Math.max(0, sentMs - theirsMs) };
}

/** Keeps a path that the address has of its own, as behind a proxy. */
export const below = (url: URL, path: string): URL =>
  new URL(`${url.pathname.replace(/\/*$/, "/")}${path}`, url.origin);

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

type Members = { readonly [key: string]: Json };
const members = (value: Json | undefined): Members =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};

function dataOf(document: Json): Members | undefined {
  const { status, data } = members(document);
  return status === "success" ? members(data) : undefined;
}

function scalarOf(document: Json): number | undefined {
  const result = dataOf(document)?.result;
  const value = Array.isArray(result) ? Number((result as readonly Json[])[1]) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

function seriesOf(document: Json, bucketMs: number): RangeAnswer {
  const data = dataOf(document);
  const { warnings } = members(document);
  if (Array.isArray(warnings) && warnings.length > 0) return fault(`its answer may be partial: ${String(warnings[0])}`);
  if (data?.resultType !== "matrix" || !Array.isArray(data.result)) return fault("its answer is no range of series");
  const series = (data.result as readonly Json[]).map((entry) => oneSeries(entry, bucketMs));
  return series.every((one) => one !== undefined)
    ? { kind: "series", series }
    : fault("one of its series is malformed");
}

function oneSeries(entry: Json, bucketMs: number): Series | undefined {
  const { metric, values } = members(entry);
  if (!Array.isArray(values)) return undefined;
  const points = (values as readonly Json[]).map((point) => pointOf(point, bucketMs));
  if (points.some((point) => point === undefined)) return undefined;
  const labels = Object.fromEntries(Object.entries(members(metric)).map(([name, value]) => [name, String(value)]));
  return { labels, atEdges: new Map(points.filter((point) => point !== undefined)) };
}

function pointOf(point: Json, bucketMs: number): readonly [number, number] | undefined {
  if (!Array.isArray(point)) return undefined;
  const [at, text] = point as readonly Json[];
  const ms = Math.round(Number(at) * 1000);
  // A point beside the grid would be another interval.
  if (typeof text !== "string" || !Number.isInteger(ms) || ms % bucketMs !== 0) return undefined;
  return [ms / bucketMs, numberOf(text)];
}

/** Prometheus writes `NaN`, `+Inf` and `-Inf`. */
const numberOf = (text: string): number => Number(text.replace(/^([+-])Inf$/, "$1Infinity"));
