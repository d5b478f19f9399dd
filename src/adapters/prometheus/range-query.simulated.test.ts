/** Against a SIMULATED Prometheus that answers what a real one cannot be brought to say. */
import { expect, test } from "vitest";
import { httpServer } from "../../testing/local-servers.ts";
import { realClock } from "../../testing/real-clock.ts";
import { metricHttp } from "../metric-http.ts";
import { below, clockSkew, rangeQuery } from "./range-query.ts";
import { selectorIn } from "./selector.ts";

const clock = realClock();
const never = new AbortController().signal;
const grid = { bucketMs: 5000, fromIndex: 100, toIndex: 101 };

async function answered(document: unknown, maxBodyBytes = 100_000) {
  await using server = await httpServer((_, response) => void response.end(JSON.stringify(document)));
  const http = metricHttp({ name: "p", clock, timeoutMs: 1000, maxBodyBytes });
  return await rangeQuery({ http, url: new URL(server.url) }, "up", grid, never);
}

const matrix = (...values: unknown[]) => ({
  status: "success",
  data: { resultType: "matrix", result: [{ metric: { instance: "a" }, values }] },
});

test("O4 points are told by the index of the bucket that they begin", async () => {
  expect(await answered(matrix([500, "7"], [505, "NaN"]))).toEqual({
    kind: "series",
    series: [
      {
        labels: { instance: "a" },
        atEdges: new Map([
          [100, 7],
          [101, Number.NaN],
        ]),
      },
    ],
  });
});

test.each<[string, unknown, string]>([
  [
    "a partial answer",
    { ...matrix([500, "7"]), warnings: ["store b is away"] },
    "its answer may be partial: store b is away",
  ],
  ["points beside the grid", matrix([501, "7"]), "one of its series is malformed"],
  ["numbers for texts", matrix([500, 7]), "one of its series is malformed"],
  ["no values", { status: "success", data: { resultType: "matrix", result: [{}] } }, "one of its series is malformed"],
  ["a vector", { status: "success", data: { resultType: "vector", result: [] } }, "its answer is no range of series"],
  ["an error with status 200", { status: "error", error: "no" }, "its answer is no range of series"],
  ["null", null, "its answer is no range of series"],
])("O4 %s is named", async (_, document, reason) => {
  expect(await answered(document)).toEqual({ kind: "fault", reason });
});

test("O4 an answer beyond the limit is refused", async () => {
  expect(await answered(matrix(...Array.from({ length: 100 }, () => [500, "7"])), 500)).toEqual({
    kind: "fault",
    reason: "its answer is larger than 500 bytes",
  });
});

test("O4 the server's clock is compared with ours", async () => {
  await using server = await httpServer((_, response) => {
    const seconds = (clock.now() + 60_000) / 1000;
    response.end(
      JSON.stringify({ status: "success", data: { resultType: "scalar", result: [seconds, String(seconds)] } }),
    );
  });
  const http = metricHttp({ name: "p", clock, timeoutMs: 1000 });
  const skew = await clockSkew({ http, url: new URL(server.url) }, () => clock.now(), never);

  expect(skew.kind).toBe("skew");
  expect(skew.kind === "skew" ? skew.ms : 0).toBeGreaterThan(59_000);
});

test("a path of the address itself is kept, as behind a proxy", () => {
  expect(below(new URL("http://h/prom/"), "api/v1/query").href).toBe("http://h/prom/api/v1/query");
  expect(below(new URL("http://h"), "api/v1/query").href).toBe("http://h/api/v1/query");
});

test.each([
  ['sum by (instance) (a_total{v="{{version}}",c=~"5.."})', 'a_total{v="{{version}}",c=~"5.."}'],
  ['a{b="}"} / c:d{v="{{version}}"}', 'c:d{v="{{version}}"}'],
  ['{__name__="x",v="{{version}}"}', '{__name__="x",v="{{version}}"}'],
  ['# x{v="{{version}}"}\ny{v="{{version}}"}', 'y{v="{{version}}"}'],
  ['"{{version}}"', undefined],
])("O4 the selector whose samples' age is asked: %s", (template, selector) => {
  expect(selectorIn(template)).toBe(selector);
});
