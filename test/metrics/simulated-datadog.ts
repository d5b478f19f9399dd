/**
 * A SIMULATED Datadog: not theirs, but a server that refuses what the published reference of `POST /api/v2/query/timeseries`
 * does not allow, and answers in its shape.
 */
import type { IncomingMessage } from "node:http";
import { bodyOf, httpServer, type LocalServer } from "../../src/testing/local-servers.ts";

export interface SimulatedDatadog extends LocalServer {
  /** What was asked, as it was sent. */
  readonly requests: { readonly queries: readonly string[]; readonly from: number; readonly to: number }[];
}

/** Answers of one query, a value for each interval (null: no data); several arrays are several series. */
export type DatadogSeries = (query: string, intervals: number) => readonly (readonly (number | null)[])[];

interface Body {
  readonly data?: {
    readonly type?: unknown;
    readonly attributes?: {
      readonly from?: unknown;
      readonly to?: unknown;
      readonly interval?: unknown;
      readonly formulas?: readonly { readonly formula?: unknown }[];
      readonly queries?: readonly {
        readonly data_source?: unknown;
        readonly name?: unknown;
        readonly query?: unknown;
      }[];
    };
  };
}

/** Undefined where the request is as the reference says. */
function fault(body: Body): string | undefined {
  const { type, attributes } = body.data ?? {};
  if (type !== "timeseries_request") return "data.type must be timeseries_request";
  const { from, to, interval, queries = [], formulas = [] } = attributes ?? {};
  if (![from, to, interval].every(Number.isInteger)) return "from, to and interval are int64 milliseconds";
  if (Number(to) <= Number(from)) return "to must be after from";
  const names = queries.map(({ name }) => name);
  const isQuery = /^(sum|avg|min|max|count):[\w.]+\{[^{}]*\}(\s*by\s*\{[^{}]*\})?(\.as_count\(\))?$/;
  const strange = queries.find(({ query, data_source }) => data_source !== "metrics" || !isQuery.test(String(query)));
  if (queries.length === 0 || strange) return `not a metrics query: ${String(strange?.query)}`;
  return formulas.every(({ formula }) => names.includes(formula)) ? undefined : "a formula names no query";
}

interface Keys {
  readonly api: string;
  readonly application: string;
}

/** Undefined where the request may be answered. */
function refusal({ headers, method, url }: IncomingMessage, keys: Keys): readonly [number, string] | undefined {
  if (method !== "POST" || url !== "/api/v2/query/timeseries") return [404, "Not found"];
  if (headers["dd-api-key"] !== keys.api || headers["dd-application-key"] !== keys.application)
    return [403, "Forbidden"];
  return headers["content-type"] === "application/json" ? undefined : [415, "Unsupported Media Type"];
}

export async function simulatedDatadog(
  keys: Keys,
  series: DatadogSeries,
  change: { readonly intervalMs?: number; readonly errors?: string } = {},
): Promise<SimulatedDatadog> {
  const requests: SimulatedDatadog["requests"] = [];
  const server = await httpServer((request, response) => {
    const say = (status: number, value: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    void bodyOf(request).then((text) => {
      const [status, error] = refusal(request, keys) ?? [];
      if (status !== undefined) return say(status, { errors: [error] });
      const body = JSON.parse(text) as Body;
      const wrong = fault(body);
      return wrong ? say(400, { errors: [wrong] }) : say(200, answerOf(body, series, change, requests));
    });
  });
  return { ...server, requests };
}

function answerOf(
  { data }: Body,
  series: DatadogSeries,
  change: { readonly intervalMs?: number; readonly errors?: string },
  requests: SimulatedDatadog["requests"],
) {
  const { from, to, interval, queries = [] } = data?.attributes ?? {};
  requests.push({ queries: queries.map(({ query }) => String(query)), from: Number(from), to: Number(to) });
  const stepMs = change.intervalMs ?? Number(interval);
  const intervals = Math.ceil((Number(to) - Number(from)) / stepMs);
  const columns = queries.flatMap(({ query }, index) =>
    series(String(query), intervals).map((values) => ({
      values,
      about: { group_tags: [], query_index: index, unit: null },
    })),
  );
  const attributes = {
    times: Array.from({ length: intervals }, (_, at) => Number(from) + at * stepMs),
    series: columns.map(({ about }) => about),
    values: columns.map(({ values }) => values),
  };
  return {
    data: { id: "0", type: "timeseries_response", attributes },
    ...(change.errors ? { errors: change.errors } : {}),
  };
}
