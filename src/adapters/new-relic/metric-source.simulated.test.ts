/** Against a SIMULATED New Relic (test/metrics/simulated-new-relic.ts), which checks each request against the published reference. */
import { afterEach, expect, test } from "vitest";
import { type NewRelicRow, simulatedNewRelic } from "../../../test/metrics/simulated-new-relic.ts";
import { Secret } from "../../domain/secret.ts";
import type { MetricQuery } from "../../ports/metric-source.ts";
import { type LocalServer, refusingPort, tcpServer } from "../../testing/local-servers.ts";
import { metricSourceContract } from "../../testing/metric-source-contract.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type NewRelicOptions, newRelicSource } from "./metric-source.ts";

const account = { id: 1234567, key: "NRAK-k3y" };
const clock = realClock();
const never = new AbortController().signal;
const nrql =
  "SELECT filter(count(*), WHERE error IS true) AS events, count(*) AS total FROM Transaction WHERE appVersion = '{{version}}'";
const servers: LocalServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

const source = (url: string, change: Partial<NewRelicOptions> = {}) =>
  newRelicSource({
    name: "nr",
    url: `${url}/graphql`,
    environment: "production",
    clock,
    timeoutMs: 2000,
    accountId: account.id,
    apiKey: new Secret("NEW_RELIC_KEY", account.key),
    settledAfterMs: 60_000,
    metrics: [{ name: "errors", component: null, query: nrql }],
    ...change,
  });

const bucketMs = 5000;
const lastClosed = Math.floor((clock.now() - 120_000) / bucketMs);
const query: MetricQuery = {
  bucketMs,
  fromIndex: lastClosed - 3,
  toIndex: lastClosed,
  candidate: { version: "v1.1.0", revisions: { web: "v1.1.0~2" } },
  stable: { version: "v1.0.0", revisions: { web: "v1.0.0~1" } },
};

const shop = (text: string): NewRelicRow =>
  text.includes("'v1.1.0'") ? { events: 3, total: 10 } : { events: 1, total: 90 };

async function simulated(row: (text: string, index: number) => NewRelicRow) {
  const server = await simulatedNewRelic(account, row);
  servers.push(server);
  return server;
}

async function reasonOf(row: (text: string) => NewRelicRow, options: Partial<NewRelicOptions> = {}, change = {}) {
  const { url } = await simulated(row);
  const [bucket] = await source(url, options).read({ ...query, ...change }, never);
  return bucket?.reading.kind === "missing" ? bucket.reading.reason : `not missing: ${JSON.stringify(bucket)}`;
}

test("O4 simulated New Relic: one NRQL query for each version, on the asked grid", async () => {
  const server = await simulated(shop);

  const buckets = await source(server.url).read(query, never);

  expect(buckets.map(({ reading }) => reading)).toEqual(
    Array.from({ length: 3 }, () => ({
      kind: "rate",
      candidate: { events: 3, total: 10 },
      stable: { events: 1, total: 90 },
    })),
  );
  const window = `SINCE ${query.fromIndex * bucketMs} UNTIL ${query.toIndex * bucketMs} TIMESERIES 5 seconds`;
  expect(server.queries.toSorted()).toEqual(
    ["v1.0.0", "v1.1.0"].map((version) => `${nrql.replace("{{version}}", version)} ${window}`),
  );
});

test.each<[string, NewRelicRow, RegExp]>([
  ["FACET", { facet: "a", events: 1, total: 2 }, /several series \(FACET\)/],
  ["a SELECT without names", { count: 3 }, /does not name both events and total/],
  ["other intervals", { events: 1, total: 2, endTimeSeconds: 1 }, /intervals other than the asked ones/],
  [
    "several rows for an interval",
    { events: 1, total: 2, beginTimeSeconds: 100, endTimeSeconds: 105 },
    /several series/,
  ],
  ["no value", { events: null, total: 2 }, /one of its counts has no value/],
  ["a negative count", { events: -1, total: 2 }, /a count is negative/],
  ["text", { events: "many", total: 2 }, /a count is no number \(many\)/],
  ["more events than requests", { events: 3, total: 2 }, /more events than/],
])("O4 simulated New Relic: %s is named and is unknown", async (_, row, reason) => {
  expect(await reasonOf(() => row)).toMatch(reason);
});

test("O4 simulated New Relic: an error told with status 200, a wrong key and a hostile version are named", async () => {
  const broken = { metrics: [{ name: "errors", component: null, query: nrql.replace("FROM", "FORM") }] };
  const hostile = { candidate: { version: "v1' OR true", revisions: {} } };

  expect(await reasonOf(shop, broken)).toMatch(/it says: NRQL Syntax Error/);
  expect(await reasonOf(shop, { accountId: 1 })).toMatch(/it says: Access denied/);
  expect(await reasonOf(shop, { apiKey: new Secret("NEW_RELIC_KEY", "other") })).toMatch(/it refused our key \(401\)/);
  expect(await reasonOf(shop, {}, hostile)).toMatch(/which cannot be written in this query/);
});

metricSourceContract("New Relic (simulated)", {
  answering: async () => ({ source: source((await simulated(shop)).url), query }),
  silent: async () => ({ source: source(`http://127.0.0.1:${await refusingPort()}`), query }),
  endless: async () => {
    const silent = await tcpServer(() => undefined);
    servers.push(silent);
    return { source: source(silent.url.replace("tcp", "http"), { timeoutMs: 60_000 }), query };
  },
  neverShown: [account.key],
});
