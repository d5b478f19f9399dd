/** From `metrics:` as it is written to a source that answers, over every room in between. */
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { metricSourceSettings } from "../config/resolve-metrics.ts";
import { Metrics } from "../config/schema-metrics.ts";
import { SluiceError } from "../domain/errors.ts";
import { Secret } from "../domain/secret.ts";
import type { MetricQuery, MetricSource } from "../ports/metric-source.ts";
import { httpServer, refusingPort } from "../testing/local-servers.ts";
import { realClock } from "../testing/real-clock.ts";
import { metricSourcesFor } from "./metric-sources.ts";

const clock = realClock();
const never = new AbortController().signal;
const bucketMs = 10_000;
const lastClosed = Math.floor((clock.now() - 600_000) / bucketMs);
const query: MetricQuery = {
  bucketMs,
  fromIndex: lastClosed - 1,
  toIndex: lastClosed,
  candidate: { version: "v1.1.0", revisions: { web: "v1.1.0~2" } },
  stable: { version: "v1.0.0", revisions: { web: "v1.0.0~1" } },
};

function sourcesOf(yaml: string, secrets: Readonly<Record<string, string>> = {}): readonly MetricSource[] {
  return metricSourcesFor(metricSourceSettings(Metrics.parse(parse(yaml))), {
    environment: "production",
    clock,
    projectFolder: tmpdir(),
    resolve: (value) => {
      if (typeof value === "string") return value;
      const text = secrets[value.secret];
      if (text !== undefined) return new Secret(value.secret, text);
      const message = `The secret ${value.secret} is missing or empty.`;
      throw new SluiceError({
        code: "SECRET_MISSING",
        remedy: "operator",
        at: "secrets",
        message,
        hint: "sluice check",
      });
    },
  });
}

const every = (address: string) => `
- { kind: prometheus, name: prom, url: "${address}", metrics: [
    { kind: rate, name: a, events: 'x{version="{{version}}",code="500"}', total: 'x{version="{{version}}"}' },
    { kind: latency, name: b, histogram: 'x_bucket{version="{{version}}"}' } ] }
- { kind: haproxy, name: edge, socket: /nowhere/haproxy.sock, metrics: [{ name: c, backend: shop, server: "{{version}}" }] }
- { kind: datadog, name: dd, url: "${address}", apiKey: { secret: DD }, applicationKey: { secret: DD }, metrics: [
    { name: d, events: "sum:e{version:{{version}}}.as_count()", total: "sum:t{version:{{version}}}.as_count()" } ] }
- { kind: new-relic, name: nr, url: "${address}/graphql", account: 1, apiKey: { secret: NR }, metrics: [
    { name: e, query: "SELECT sum(x) AS events, count(*) AS total FROM T WHERE v = '{{version}}'" } ] }
- { kind: json, name: page, url: "${address}/{{version}}", counts: cumulative, metrics: [{ name: f, events: /e, total: /t }] }
- { kind: json, name: stats, url: "${address}/{{version}}?{{fromMs}}-{{toMs}}", counts: interval, metrics: [{ name: g, events: /e, total: /t }] }
- { kind: command, name: mine, command: [sluice-no-such-program], metrics: [h] }
`;

test("O4 every kind of source is made from the configuration, and one that cannot be asked says why for every metric", async () => {
  const sources = sourcesOf(every(`http://127.0.0.1:${await refusingPort()}`), { DD: "dd", NR: "nr" });

  const answers = await Promise.all(sources.map((source) => source.read(query, never)));

  expect(sources.map(({ kind, sample, settledAfterMs }) => [kind, sample !== undefined, settledAfterMs])).toEqual([
    ["prometheus", false, undefined],
    ["haproxy", true, undefined],
    ["datadog", false, 60_000],
    ["new-relic", false, 60_000],
    ["json", true, undefined],
    ["json", false, 1000],
    ["command", false, 1000],
  ]);
  expect(answers.flat().map(({ metric, reading }) => [metric, reading.kind])).toEqual(
    ["a", "b", "c", "d", "e", "f", "g", "h"].map((metric) => [metric, "missing"]),
  );
});

test("K1 a secret that is missing is a reason in every bucket, not an exception", async () => {
  const [, , datadog, newRelic] = sourcesOf(every("http://127.0.0.1:1"), { DD: "dd" });

  expect((await newRelic?.read(query, never))?.[0]?.reading).toEqual({
    kind: "missing",
    reason: "nr: The secret NR is missing or empty.",
  });
  expect((await datadog?.read(query, never))?.[0]?.reading).toMatchObject({ kind: "missing" });
});

test("O4 a declared source answers, with the header that the configuration gives it", async () => {
  await using server = await httpServer((request, response) => {
    const isStable = request.url?.startsWith("/v1.0.0");
    const known = request.headers["x-token"] === "t0ken";
    response.end(JSON.stringify(known ? { failed: isStable ? 0 : 2, all: isStable ? 90 : 10 } : {}));
  });
  const [source] = sourcesOf(
    `[{ kind: json, name: stats, url: "${server.url}/{{version}}?f={{fromMs}}&t={{toMs}}", counts: interval, headers: { x-token: { secret: T } }, metrics: [{ name: checkouts, events: /failed, total: /all }] }]`,
    { T: "t0ken" },
  );

  expect(await source?.read(query, never)).toEqual([
    {
      metric: "checkouts",
      index: query.fromIndex,
      reading: { kind: "rate", candidate: { events: 2, total: 10 }, stable: { events: 0, total: 90 } },
    },
  ]);
});
