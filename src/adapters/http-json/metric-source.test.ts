/** Real servers of this test's own that count in JSON. */
import type { IncomingMessage } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import type { MetricBucket } from "../../domain/canary/bucket.ts";
import type { MetricQuery, MetricSource } from "../../ports/metric-source.ts";
import { httpServer, type LocalServer, refusingPort, tcpServer } from "../../testing/local-servers.ts";
import { metricSourceContract } from "../../testing/metric-source-contract.ts";
import { realClock, until } from "../../testing/real-clock.ts";
import { atPointer } from "./json-pointer.ts";
import { type JsonSourceOptions, jsonSource } from "./metric-source.ts";

const clock = realClock();
const never = new AbortController().signal;
const servers: LocalServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function answering(document: (request: IncomingMessage) => unknown): Promise<string> {
  const server = await httpServer((request, response) => void response.end(JSON.stringify(document(request))));
  servers.push(server);
  return server.url;
}

const source = (url: string, change: Partial<JsonSourceOptions> = {}): MetricSource =>
  jsonSource({
    name: "stats",
    url,
    environment: "production",
    clock,
    timeoutMs: 1000,
    counts: "interval",
    settledAfterMs: 0,
    metrics: [{ name: "errors", component: null, events: "/failed", total: "/all" }],
    ...change,
  });

const arms = {
  candidate: { version: "v1.1.0", revisions: { web: "v1.1.0~2/x" } },
  stable: { version: "v1.0.0", revisions: { web: "v1.0.0~1" } },
};
const bucketMs = 1000;
const lastClosed = Math.floor(clock.now() / bucketMs) - 5;
const query: MetricQuery = { bucketMs, fromIndex: lastClosed - 3, toIndex: lastClosed, ...arms };
const perInterval = "?version={{version}}&from={{fromMs}}&to={{toSeconds}}";

const [all, failed] = [100, 4];
/** The second of the interval is its own count, so that intervals cannot be mixed up. */
const shop = ({ url }: IncomingMessage): unknown => {
  const asked = new URL(url ?? "", "http://stats").searchParams;
  const second = Number(asked.get("from")) / 1000;
  if (second + 1 !== Number(asked.get("to"))) return { error: "an interval of one second, please" };
  return { all: all + second, failed: asked.get("version") === "v1.1.0" ? failed : 0 };
};

const reasonIn = (bucket: MetricBucket | undefined): string =>
  bucket?.reading.kind === "missing" ? bucket.reading.reason : `not missing: ${JSON.stringify(bucket)}`;

describe("JSON with the counts of an interval", () => {
  test("O4 every interval and version is asked for by itself, in the address", async () => {
    const buckets = await source(`${await answering(shop)}/s${perInterval}`).read(query, never);

    expect(buckets.map(({ reading }) => reading)).toEqual(
      [0, 1, 2].map((at) => ({
        kind: "rate",
        candidate: { events: failed, total: all + query.fromIndex + at },
        stable: { events: 0, total: all + query.fromIndex + at },
      })),
    );
  });

  test.each<[string, unknown, RegExp]>([
    ["nothing at the pointer", { all: 1 }, /its answer has nothing at \/failed/],
    ["null", { all: 1, failed: null }, /one of its counts has no value/],
    ["text", { all: "1", failed: 0 }, /a count is no number \(1\)/],
    ["a negative count", { all: 1, failed: -1 }, /a count is negative \(-1\)/],
    ["more events than requests", { all: 1, failed: 2 }, /more events than there were in total \(2 of 1\)/],
    ["a list", [], /its answer has nothing at \/failed/],
  ])("O4 %s is named and is unknown", async (_, document, reason) => {
    const [bucket] = await source(`${await answering(() => document)}/${perInterval}`).read(query, never);

    expect(reasonIn(bucket)).toMatch(reason);
  });

  test("O4 one address for both versions is named", async () => {
    const [bucket] = await source(`${await answering(shop)}/?from={{fromMs}}`).read(query, never);

    expect(reasonIn(bucket)).toBe("stats: its query is the same for both versions");
  });

  metricSourceContract("JSON per interval", {
    answering: async () => ({ source: source(`${await answering(shop)}/s${perInterval}`), query }),
    silent: async () => ({ source: source(`http://127.0.0.1:${await refusingPort()}/${perInterval}`), query }),
    endless: async () => {
      const silent = await tcpServer(() => undefined);
      servers.push(silent);
      return { source: source(`${silent.url.replace("tcp", "http")}/${perInterval}`, { timeoutMs: 60_000 }), query };
    },
  });
});

describe("JSON with counters that rise for ever", () => {
  const metrics: JsonSourceOptions["metrics"] = [
    { name: "errors", component: null, events: "/revisions/{{revision}}/failed", total: "/revisions/{{revision}}/all" },
  ];
  const counters = { candidate: { all: 100, failed: 10 }, stable: { all: 5000, failed: 50 } };
  const page = () => ({ revisions: { "v1.1.0~2/x": counters.candidate, "v1.0.0~1": counters.stable } });
  const cumulative = (url: string, change: Partial<JsonSourceOptions> = {}) =>
    source(url, { counts: "cumulative", metrics, ...change });
  const reached = (index: number, share: number) =>
    until(() => clock.now() >= (index + share) * bucketMs, `${share} of bucket ${index}`);

  /** Long enough that a busy machine reads every edge in time. */
  const bucketMs = 2000;

  /** Watches from an edge on, lets things happen in the middle of each bucket, and gives the first bucket's index. */
  async function watching(watched: MetricSource, happenings: readonly (() => void)[]): Promise<number> {
    const watch = new AbortController();
    const first = Math.floor(clock.now() / bucketMs) + 1;
    const sampling = watched.sample?.({ bucketMs, ...arms }, watch.signal);
    for (const [at, happen] of happenings.entries()) {
      await reached(first + at, 0.5);
      happen();
    }
    await reached(first + happenings.length, 0.5);
    watch.abort();
    await sampling;
    return first;
  }

  const count = (candidate: { all: number; failed: number }) => () => {
    counters.candidate = candidate;
  };

  test("O4 counts are what came between two edges; a fall is a reset, and what came since is counted", async () => {
    const watched = cumulative(await answering(page));

    const first = await watching(watched, [count({ all: 110, failed: 13 }), count({ all: 4, failed: 1 })]);
    const buckets = await watched.read({ bucketMs, fromIndex: first, toIndex: first + 2, ...arms }, never);

    expect(buckets).toEqual([
      {
        metric: "errors",
        index: first,
        reading: { kind: "rate", candidate: { events: 3, total: 10 }, stable: { events: 0, total: 0 } },
      },
      {
        metric: "errors",
        index: first + 1,
        reading: { kind: "rate", candidate: { events: 1, total: 4 }, stable: { events: 0, total: 0 } },
        resetSeen: true,
      },
    ]);
  });

  test("O4 a version that the page does not have, and a page that is away, are reasons", async () => {
    const strange = cumulative(await answering(() => ({ revisions: {} })));
    const away = cumulative(`http://127.0.0.1:${await refusingPort()}/`);

    const [first] = await Promise.all([watching(strange, [() => undefined]), watching(away, [() => undefined])]);
    const range = { bucketMs, fromIndex: first, toIndex: first + 1, ...arms };

    expect(reasonIn((await strange.read(range, never))[0])).toMatch(
      /its answer has nothing at \/revisions\/v1\.1\.0~02~1x/,
    );
    expect(reasonIn((await away.read(range, never))[0])).toBe("candidate version: it was not reached (ECONNREFUSED)");
  });

  test("O4 what nobody watched is missing, and a watch that is aborted ends without an error", async () => {
    const watched = cumulative(await answering(page));
    const [bucket] = await watched.read(query, never);

    expect(reasonIn(bucket)).toBe("stats: nobody watched this interval from its beginning to its end");
    await expect(watched.sample?.({ bucketMs, ...arms }, AbortSignal.abort())).resolves.toBeUndefined();
  });
});

test("a JSON pointer sees the document's own members and nothing else", () => {
  const document = { a: [{ "b/c": 1, "~": 2 }], "": 3 };

  expect(atPointer(document, "/a/0/b~1c")).toBe(1);
  expect(atPointer(document, "/a/0/~0")).toBe(2);
  expect(atPointer(document, "/")).toBe(3);
  expect(atPointer(document, "")).toBe(document);
  expect(atPointer(document, "/a/length")).toBeUndefined();
  expect(atPointer(document, "/constructor")).toBeUndefined();
  expect(atPointer(document, "/a/00")).toBeUndefined();
});
