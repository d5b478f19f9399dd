/** Against a SIMULATED Datadog (test/metrics/simulated-datadog.ts), which checks each request against the published reference. */
import { afterEach, expect, test } from "vitest";
import {
  type DatadogSeries,
  type SimulatedDatadog,
  simulatedDatadog,
} from "../../../test/metrics/simulated-datadog.ts";
import type { DatadogSettings } from "../../domain/metric-settings.ts";
import { Secret } from "../../domain/secret.ts";
import type { MetricQuery } from "../../ports/metric-source.ts";
import { type LocalServer, refusingPort, tcpServer } from "../../testing/local-servers.ts";
import { metricSourceContract } from "../../testing/metric-source-contract.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type DatadogOptions, datadogSource } from "./metric-source.ts";

const keys = { api: "k3y-api", application: "k3y-application" };
const clock = realClock();
const never = new AbortController().signal;
const metric: DatadogSettings["metrics"][number] = {
  name: "errors",
  component: null,
  events: "sum:shop.errors{version:{{version}},env:{{environment}}}.as_count()",
  total: "sum:shop.requests{version:{{version}},env:{{environment}}}.as_count()",
  noEvents: "unknown",
};
const servers: LocalServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

const source = (url: string, change: Partial<DatadogOptions> = {}) =>
  datadogSource({
    name: "dd",
    url,
    environment: "Production",
    clock,
    timeoutMs: 2000,
    apiKey: new Secret("DD_API_KEY", keys.api),
    applicationKey: new Secret("DD_APP_KEY", keys.application),
    finestMs: 10_000,
    settledAfterMs: 60_000,
    metrics: [metric],
    ...change,
  });

const bucketMs = 10_000;
const lastClosed = Math.floor((clock.now() - 120_000) / bucketMs);
const query: MetricQuery = {
  bucketMs,
  fromIndex: lastClosed - 3,
  toIndex: lastClosed,
  candidate: { version: "V1.1.0", revisions: { web: "v1.1.0~2" } },
  stable: { version: "v1.0.0", revisions: { web: "v1.0.0~1" } },
};

/** The candidate fails in 3 of 10, the stable version in 1 of 100. */
const shop: DatadogSeries = (text, intervals) => {
  const [events, total] = text.includes("version:v1.1.0") ? [3, 10] : [1, 100];
  return [Array.from({ length: intervals }, () => (text.includes("errors") ? events : total))];
};

async function simulated(...[series, change]: [DatadogSeries, Parameters<typeof simulatedDatadog>[2]?]) {
  const server: SimulatedDatadog = await simulatedDatadog(keys, series, change);
  servers.push(server);
  return server;
}

async function reasonOf(series: DatadogSeries, options: Partial<DatadogOptions> = {}, change = {}): Promise<string> {
  const { url } = await simulated(series, change);
  const [bucket] = await source(url, options).read(query, never);
  return bucket?.reading.kind === "missing" ? bucket.reading.reason : `not missing: ${JSON.stringify(bucket)}`;
}

test("O4 simulated Datadog: one request for each version has both queries, its interval and its grid, as tags are written there", async () => {
  const server = await simulated(shop);

  const buckets = await source(server.url).read(query, never);

  expect(buckets.map(({ reading }) => reading)).toEqual(
    Array.from({ length: 3 }, () => ({
      kind: "rate",
      candidate: { events: 3, total: 10 },
      stable: { events: 1, total: 100 },
    })),
  );
  expect(server.requests).toContainEqual({
    queries: [
      "sum:shop.errors{version:v1.1.0,env:production}.as_count()",
      "sum:shop.requests{version:v1.1.0,env:production}.as_count()",
    ],
    from: query.fromIndex * bucketMs,
    to: query.toIndex * bucketMs,
  });
});

test("O4 simulated Datadog: what was told once is told again, even if the provider revises it", async () => {
  let total = 10;
  const server = await simulated((text, intervals) => [
    Array.from({ length: intervals }, () => (text.includes("errors") ? 1 : total)),
  ]);
  const datadog = source(server.url);

  const first = await datadog.read(query, never);
  total = 11;

  expect(await datadog.read(query, never)).toEqual(first);
});

test("O4 simulated Datadog: an interval is missing until it is complete there", async () => {
  const { url } = await simulated(shop);
  const index = Math.floor(clock.now() / bucketMs);

  const [bucket] = await source(url).read({ ...query, fromIndex: index, toIndex: index + 1 }, never);

  expect(bucket?.reading).toEqual({
    kind: "missing",
    reason: "dd: it is complete 60 s after an interval's end, which is not over yet",
  });
});

const each = (of: (text: string) => readonly (readonly (number | null)[])[]): DatadogSeries => of;
const threeOf = (value: number | null) => [value, value, value];

test.each([
  [
    "no series of the total",
    each((text) => (text.includes("errors") ? [threeOf(1)] : [])),
    /query of the total has no result/,
  ],
  [
    "no series of events",
    each((text) => (text.includes("errors") ? [] : [threeOf(9)])),
    /query of the events has no result/,
  ],
  ["several series", each(() => [threeOf(1), threeOf(2)]), /the query of the total has several series/],
  ["intervals without data", each(() => [threeOf(null)]), /nothing was read for the candidate version/],
  [
    "events without data",
    each((text) => [threeOf(text.includes("errors") ? null : 9)]),
    /one of its counts has no value/,
  ],
  ["negative counts", each((text) => [threeOf(text.includes("errors") ? -1 : 9)]), /a count is negative \(-1\)/],
  [
    "more events than requests",
    each((text) => [threeOf(text.includes("errors") ? 9 : 3)]),
    /more events than .* \(9 of 3\)/,
  ],
])("O4 simulated Datadog: %s is named and is unknown", async (_, series, reason) => {
  expect(await reasonOf(series)).toMatch(reason);
});

test("O4 simulated Datadog: another grid, an error in words, a wrong key and one query for both are named", async () => {
  const constant = [{ ...metric, total: "sum:shop.requests{*}.as_count()" }];

  expect(await reasonOf(shop, {}, { intervalMs: 20_000 })).toMatch(/intervals (other than|beside) the asked ones/);
  expect(await reasonOf(shop, {}, { errors: "query timed out" })).toMatch(/it says: query timed out/);
  expect(await reasonOf(shop, { apiKey: new Secret("DD_API_KEY", "other") })).toMatch(/it refused our key \(403\)/);
  expect(await reasonOf(shop, { metrics: constant })).toBe("dd: its query is the same for both versions");
  expect(await reasonOf(shop, { finestMs: 15_000 })).toMatch(/it keeps intervals of 15 s, and buckets of 10 s/);
});

test("O4 simulated Datadog: no data for events is none where the configuration says so", async () => {
  const { url } = await simulated(each((text) => (text.includes("errors") ? [] : [threeOf(9)])));

  const [bucket] = await source(url, { metrics: [{ ...metric, noEvents: "zero" }] }).read(query, never);

  expect(bucket?.reading).toMatchObject({ kind: "rate", candidate: { events: 0, total: 9 } });
});

metricSourceContract("Datadog (simulated)", {
  answering: async () => ({ source: source((await simulated(shop)).url), query }),
  silent: async () => ({ source: source(`http://127.0.0.1:${await refusingPort()}`), query }),
  endless: async () => {
    const silent = await tcpServer(() => undefined);
    servers.push(silent);
    return { source: source(silent.url.replace("tcp", "http"), { timeoutMs: 60_000 }), query };
  },
  neverShown: ["k3y-"],
});
