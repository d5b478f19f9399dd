/** A real Prometheus (Debian's) that scrapes exporters of this test every 400 ms; buckets are 2 s long. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Exporter,
  exporter,
  prometheusProgram,
  startPrometheus,
} from "../../../test/metrics/prometheus-server.ts";
import type { BucketReading } from "../../domain/canary/bucket.ts";
import type { PrometheusMetricSettings } from "../../domain/metric-settings.ts";
import { Secret } from "../../domain/secret.ts";
import type { MetricQuery } from "../../ports/metric-source.ts";
import { type LocalServer, refusingPort, tcpServer } from "../../testing/local-servers.ts";
import { metricSourceContract } from "../../testing/metric-source-contract.ts";
import { realClock, until } from "../../testing/real-clock.ts";
import { type PrometheusOptions, prometheusSource } from "./metric-source.ts";

const program = prometheusProgram();
if (program === undefined) console.warn("skipped: prometheus is not installed (apt-get install prometheus)");

const bucketMs = 2000;
const clock = realClock();
const never = new AbortController().signal;
const candidateVersion = 'v1.1.0-"quoted"\\';
const promLabel = (text: string) => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');

interface Shown {
  readonly version: string;
  readonly total: number;
  readonly events: number;
}

/** One process as it shows itself: a counter, a histogram, and a number of things that are wrong. */
function shownBy({ version, total, events }: Shown): string {
  const label = `version="${promLabel(version)}"`;
  const below = (share: number) => Math.floor(total * share);
  return [
    `shop_requests_total{${label},code="200"} ${total - events}`,
    `shop_requests_total{${label},code="500"} ${events}`,
    `shop_seconds_bucket{${label},le="0.1"} ${below(0.5)}`,
    `shop_seconds_bucket{${label},le="0.25"} ${below(0.9)}`,
    `shop_seconds_bucket{${label},le="+Inf"} ${total}`,
    `odd_nan{${label}} NaN`,
    `odd_infinite{${label}} +Inf`,
    `odd_negative{${label}} -4`,
    `odd_stale{${label}} 7 ${staleSinceMs}`,
    `odd_high{${label}} ${3 * total}`,
    `odd_no_le_bucket{${label}} ${total}`,
  ].join("\n");
}

const staleSinceMs = clock.now() - 20_000;

interface World {
  readonly prometheus: LocalServer;
  readonly candidate: Exporter;
  readonly stable: readonly [Exporter, Exporter];
  readonly rare: Exporter;
  /** The bucket with the first burst; in the next one the candidate starts anew, in the third it hangs. */
  readonly first: number;
}

let world: World;
let silent: LocalServer | undefined;

const by = (query: string) => `sum by (instance) (${query})`;
const labels = 'version="{{version}}"';
const errors: PrometheusMetricSettings = {
  kind: "rate",
  name: "errors",
  component: null,
  events: by(`shop_requests_total{${labels},code=~"5.."}`),
  total: by(`shop_requests_total{${labels}}`),
  noEvents: "unknown",
};
const latency: PrometheusMetricSettings = {
  kind: "latency",
  name: "latency",
  component: null,
  histogram: `sum by (instance, le) (shop_seconds_bucket{${labels}})`,
  unit: "seconds",
};
const source = (metric: PrometheusMetricSettings, changes: Partial<PrometheusOptions> = {}) =>
  prometheusSource({
    name: "prom",
    url: world.prometheus.url,
    environment: "production",
    clock,
    timeoutMs: 3000,
    scrapeIntervalMs: 400,
    processLabels: ["instance"],
    metrics: [metric],
    ...changes,
  });

const query = (from: number, to: number): MetricQuery => ({
  bucketMs,
  fromIndex: world.first + from,
  toIndex: world.first + to,
  candidate: { version: candidateVersion, revisions: { web: `${candidateVersion}~2` } },
  stable: { version: "v1.0.0", revisions: { web: "v1.0.0~1" } },
});

const readings = async (
  metric: PrometheusMetricSettings,
  range: MetricQuery = query(0, 1),
  changes: Partial<PrometheusOptions> = {},
): Promise<readonly BucketReading[]> =>
  (await source(metric, changes).read(range, never)).map(({ reading }) => reading);

const reasonOf = async (...asked: Parameters<typeof readings>): Promise<string> => {
  const [reading] = await readings(...asked);
  return reading?.kind === "missing" ? reading.reason : `not missing: ${JSON.stringify(reading)}`;
};

const middleOf = (index: number) =>
  until(() => clock.now() >= (index + 0.4) * bucketMs, `the middle of bucket ${index}`);

/** The candidate's counters: 100 of 1000, then 3 more of 10, then a new process with 2 of 4, then it hangs. */
async function happenings(candidate: Exporter, stable: readonly [Exporter, Exporter]): Promise<number> {
  const first = Math.floor(clock.now() / bucketMs) + 1;
  await middleOf(first);
  candidate.show(shownBy({ version: candidateVersion, total: 1010, events: 103 }));
  stable[0].show(shownBy({ version: "v1.0.0", total: 5040, events: 50 }));
  stable[1].show(shownBy({ version: "v1.0.0", total: 7020, events: 72 }));
  await middleOf(first + 1);
  candidate.show(shownBy({ version: candidateVersion, total: 4, events: 2 }));
  await middleOf(first + 2);
  candidate.show(undefined);
  await middleOf(first + 3);
  return first;
}

describe.skipIf(program === undefined)("Prometheus as a metric source", () => {
  beforeAll(async () => {
    const candidate = await exporter(shownBy({ version: candidateVersion, total: 1000, events: 100 }));
    const stable = [
      await exporter(shownBy({ version: "v1.0.0", total: 5000, events: 50 })),
      await exporter(shownBy({ version: "v1.0.0", total: 7000, events: 70 })),
    ] as const;
    const rare = await exporter(
      `rare_total{version="v1.0.0"} 1\nrare_total{version="${promLabel(candidateVersion)}"} 1`,
    );
    const prometheus = await startPrometheus(program ?? "", [
      { name: "shop", scrapeInterval: "400ms", exporters: [candidate, ...stable] },
      { name: "rare", scrapeInterval: "3s", exporters: [rare] },
    ]);
    world = { prometheus, candidate, stable, rare, first: await happenings(candidate, stable) };
  }, 60_000);
  afterAll(async () => {
    await silent?.[Symbol.asyncDispose]();
    if (world === undefined) return;
    await world.prometheus[Symbol.asyncDispose]();
    for (const one of [world.candidate, ...world.stable, world.rare]) await one[Symbol.asyncDispose]();
  });

  test("O4 counts of a bucket are what came between its edges, added up over the processes of a version", async () => {
    expect(await readings(errors)).toEqual([
      { kind: "rate", candidate: { events: 3, total: 10 }, stable: { events: 2, total: 60 } },
    ]);
  });

  test("O4 a process that starts anew is seen, and only what it counted since is counted", async () => {
    const [bucket] = await source(errors).read(query(1, 2), never);

    expect(bucket?.resetSeen).toBe(true);
    expect(bucket?.reading).toEqual({
      kind: "rate",
      candidate: { events: 2, total: 4 },
      stable: { events: 0, total: 0 },
    });
  });

  test("O4 a histogram's buckets become counts of their own, with edges in milliseconds", async () => {
    const [calm, anew] = await source(latency).read(query(0, 2), never);

    expect(calm?.reading).toEqual({
      kind: "latency",
      candidate: { edgesMs: [100, 250], counts: [5, 4, 1] },
      stable: { edgesMs: [100, 250], counts: [30, 24, 6] },
    });
    expect(anew).toMatchObject({
      resetSeen: true,
      reading: { kind: "latency", candidate: { counts: [2, 1, 1] } },
    });
  });

  test("O4 a process that cannot be scraped any more makes its version unknown, never quiet", async () => {
    expect(await reasonOf(errors, query(2, 3))).toMatch(
      /^candidate version: 127\.0\.0\.1:\d+: there was no reading at its end$/,
    );
  });

  test.each([
    ["no result", { total: by(`nothing_here{${labels}}`) }, /the query of the total has no result/],
    ["no events", { events: by(`nothing_here{${labels}}`) }, /the query of the events has no result.*noEvents: zero/],
    [
      "several series",
      { total: `shop_requests_total{${labels}}` },
      /the query of the total has several series for 127/,
    ],
    ["a sum over processes", { total: `sum(shop_requests_total{${labels}})` }, /lacks the label instance/],
    ["NaN", { events: by(`odd_nan{${labels}}`) }, /a counter is NaN/],
    ["infinity", { total: by(`odd_infinite{${labels}}`) }, /a counter is Infinity/],
    ["a negative counter", { events: by(`odd_negative{${labels}}`) }, /a counter is negative \(-4\)/],
    [
      "more events than requests",
      { events: by(`odd_high{${labels}}`) },
      /candidate version has more events than .* \(30 of 10\)/,
    ],
    ["an old sample", { total: by(`odd_stale{${labels}}`) }, /stale: its newest sample was \d{2,}\.\d s old/],
    ["a query that is none", { total: `sum by (instance) (shop{${labels}}` }, /it answered 400: .*parse error/],
    ["one query for both", { total: by("shop_requests_total") }, /its query is the same for both versions/],
    [
      "an unknown revision",
      { component: "api", total: by('x{r="{{revision}}"}') },
      /names no component that both versions/,
    ],
  ])("O4 %s is named and is unknown, never a pass", async (_, change, reason) => {
    expect(await reasonOf({ ...errors, ...change } as PrometheusMetricSettings)).toMatch(reason);
  });

  test("O4 events that begin with their first one count as none where the configuration says so", async () => {
    const metric = { ...errors, events: by(`nothing_here{${labels}}`), noEvents: "zero" as const };

    expect(await readings(metric)).toEqual([
      { kind: "rate", candidate: { events: 0, total: 10 }, stable: { events: 0, total: 60 } },
    ]);
  });

  test("O4 a histogram without buckets is named", async () => {
    const histogram = `sum by (instance) (odd_no_le_bucket{${labels}})`;

    expect(await reasonOf({ ...latency, histogram })).toMatch(/has no label le: this is no histogram with buckets/);
  });

  test("O4 what is scraped too seldom for the buckets is named, as configured and as found", async () => {
    const rare = { ...errors, events: by(`rare_total{${labels}}`), total: by(`rare_total{${labels}}`) };
    const found = await readings(rare, query(-1, 2), { scrapeIntervalMs: 1000 });

    expect(await reasonOf(errors, query(0, 1), { scrapeIntervalMs: 1001 })).toBe(
      "prom: misconfigured: its scrape interval of 1001 ms is longer than half a bucket (1000 ms)",
    );
    expect(found.map((reading) => (reading.kind === "missing" ? reading.reason : "counted"))).toContainEqual(
      expect.stringMatching(
        /scraped too seldom: its newest sample was \d+\.\d s old, and buckets of 2\.0 s need one every 1\.0 s/,
      ),
    );
  });

  test("O4 a clock that differs by more than two seconds is named", async () => {
    const shifted = { ...clock, now: () => clock.now() + 5000 };

    expect(await reasonOf(errors, query(0, 1), { clock: shifted })).toMatch(/prom: its clock is \d\.\d s behind ours/);
  });

  const headers = { authorization: new Secret("PROM_TOKEN", "t0ken-of-prometheus") };
  metricSourceContract("Prometheus", {
    answering: () => ({ source: source(errors), query: query(-1, 2) }),
    silent: async () => ({
      source: source(errors, { url: `http://127.0.0.1:${await refusingPort()}/t0ken`, headers }),
      query: query(0, 2),
    }),
    endless: async () => {
      silent ??= await tcpServer(() => undefined);
      return {
        source: source(errors, { url: silent.url.replace("tcp", "http"), timeoutMs: 60_000 }),
        query: query(0, 2),
      };
    },
    neverShown: ["t0ken"],
  });
});
