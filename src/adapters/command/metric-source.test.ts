/** Real commands that print what they are told to. */
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import type { MetricBucket } from "../../domain/canary/bucket.ts";
import { Secret } from "../../domain/secret.ts";
import type { MetricQuery } from "../../ports/metric-source.ts";
import { metricSourceContract } from "../../testing/metric-source-contract.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type CommandMetricsOptions, commandMetricSource } from "./metric-source.ts";

const clock = realClock();
const never = new AbortController().signal;
const bucketMs = 5000;
const lastClosed = Math.floor(clock.now() / bucketMs) - 20;
const query: MetricQuery = {
  bucketMs,
  fromIndex: lastClosed - 2,
  toIndex: lastClosed,
  candidate: { version: "v1.1.0", revisions: { web: "v1.1.0~2" } },
  stable: { version: "v1.0.0", revisions: { web: "v1.0.0~1" } },
};

/** `code` sees the question as `q`, and `say(...)` prints one line of JSON. */
const source = (code: string, change: Partial<CommandMetricsOptions> = {}) =>
  commandMetricSource({
    name: "mine",
    argv: [
      process.execPath,
      "-e",
      `const q = JSON.parse(require("fs").readFileSync(0, "utf8")); const say = (o) => console.log(JSON.stringify(o)); ${code}`,
    ],
    cwd: tmpdir(),
    environment: "production",
    variables: { API_KEY: new Secret("API_KEY", "k3y-of-mine") },
    clock,
    timeoutMs: 10_000,
    settledAfterMs: 0,
    metrics: ["errors"],
    ...change,
  });

const eachBucket = (line: string) =>
  `for (let i = q.fromIndex; i < q.toIndex; i++) say({ metric: "errors", index: i, ${line} });`;
const shop = `const of = (arm) => (arm.version === "v1.1.0" ? { events: 3, total: 10 } : { events: 1, total: 90 }); ${eachBucket("candidate: of(q.candidate), stable: of(q.stable)")}`;

const reasonOf = async (code: string, change: Partial<CommandMetricsOptions> = {}): Promise<string> => {
  const [bucket] = await source(code, change).read(query, never);
  return bucket?.reading.kind === "missing" ? bucket.reading.reason : `not missing: ${JSON.stringify(bucket)}`;
};

test("O4 a command is told the interval, the grid and both versions, and prints a bucket a line", async () => {
  const code = `${shop} if (q.candidate.revisions.web !== "v1.1.0~2" || q.environment !== "production" || q.toMs - q.fromMs !== 10000) process.exit(9)`;

  expect(await source(code).read(query, never)).toEqual<MetricBucket[]>(
    [0, 1].map((at) => ({
      metric: "errors",
      index: query.fromIndex + at,
      reading: { kind: "rate", candidate: { events: 3, total: 10 }, stable: { events: 1, total: 90 } },
    })),
  );
});

test("O4 a command may give a histogram", async () => {
  const arm = (counts: string) => `{ edgesMs: [100, 250], counts: ${counts} }`;
  const [bucket] = await source(eachBucket(`candidate: ${arm("[5, 4, 1]")}, stable: ${arm("[50, 40, 10]")}`)).read(
    query,
    never,
  );

  expect(bucket?.reading).toEqual({
    kind: "latency",
    candidate: { edgesMs: [100, 250], counts: [5, 4, 1] },
    stable: { edgesMs: [100, 250], counts: [50, 40, 10] },
  });
});

test("O4 a command that counts anew each time is held to its first answer", async () => {
  const mine = source(
    eachBucket(
      "candidate: { events: 0, total: Number(process.hrtime.bigint() % 1000000n) }, stable: { events: 0, total: 5 }",
    ),
  );

  const first = await mine.read(query, never);

  expect(await mine.read(query, never)).toEqual(first);
});

const stable = "stable: { events: 0, total: 1 }";
test.each<[string, string, RegExp]>([
  [
    "an exit code",
    `console.error("no\\u001b[31m access"); process.exit(3)`,
    /^mine: the command ended with exit code 3: no access$/,
  ],
  ["nothing printed", "", /the command printed nothing about it/],
  ["what is no JSON", `console.log("errors: 3")`, /line 1 of what the command printed is no JSON object: errors: 3/],
  ["a list", "say([])", /line 1 of what the command printed is no JSON object/],
  ["a bucket twice", `{${shop}}{${shop}}`, /the command printed several lines about it/],
  ["its own reason", eachBucket('missing: "the warehouse is closed"'), /^mine: the warehouse is closed$/],
  ["one version alone", eachBucket(stable), /nothing was read for the candidate version/],
  ["a negative count", eachBucket(`candidate: { events: -1, total: 1 }, ${stable}`), /a count is negative/],
  ["more events than requests", eachBucket(`candidate: { events: 2, total: 1 }, ${stable}`), /more events than/],
  ["no number", eachBucket(`candidate: { events: "x", total: 1 }, ${stable}`), /a count is no number \(x\)/],
  ["null for a version", eachBucket(`candidate: null, ${stable}`), /nothing was read for the candidate version/],
  [
    "a histogram without edges",
    eachBucket("candidate: { counts: [1] }, stable: { counts: [1] }"),
    /need the same edgesMs/,
  ],
  [
    "edges that fall",
    eachBucket("candidate: { edgesMs: [2, 1], counts: [1, 1, 1] }, stable: { edgesMs: [2, 1], counts: [1, 1, 1] }"),
    /edges that do not rise/,
  ],
  [
    "counts beside the edges",
    eachBucket("candidate: { edgesMs: [2], counts: [1] }, stable: { edgesMs: [2], counts: [1] }"),
    /does not fit its edges/,
  ],
])("O4 %s is named and is unknown", async (_, code, reason) => {
  expect(await reasonOf(code)).toMatch(reason);
});

test("O4 a command that does not end in time, and one that is not there, are reasons", async () => {
  expect(await reasonOf("setInterval(() => {}, 1000)", { timeoutMs: 300 })).toMatch(/did not end within 300 ms/);
  expect(await reasonOf("", { argv: ["sluice-no-such-program"] })).toMatch(/cannot be started .*ENOENT/);
});

metricSourceContract("A command as metric source", {
  answering: () => ({ source: source(shop), query }),
  silent: () => ({ source: source("console.error(process.env.API_KEY); process.exit(1)"), query }),
  endless: () => ({ source: source("setInterval(() => {}, 1000)", { timeoutMs: 60_000 }), query }),
  neverShown: ["k3y-of-mine"],
});

test("O4 the lines that the how-to shows are understood", async () => {
  const page = await readFile(new URL("../../../docs/how-to/metrics.md", import.meta.url), "utf8");
  const [question = "", lines = ""] = [...page.matchAll(/```json\n([\s\S]*?)\n```/g)].map(([, json]) => json);
  const asked = JSON.parse(question) as MetricQuery & { readonly metrics: readonly string[] };
  const print = `process.stdout.write(${JSON.stringify(`${lines}\n`)})`;

  const buckets = await source(print, { metrics: asked.metrics }).read(asked, never);

  expect(buckets.map(({ reading }) => reading)).toEqual([
    { kind: "rate", candidate: { events: 1, total: 40 }, stable: { events: 9, total: 760 } },
    { kind: "missing", reason: "mine: the warehouse is closed" },
  ]);
});
