/** A real HAProxy, real requests; buckets are two seconds long. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { haproxyProgram, startHaproxy, type TestHaproxy } from "../../../test/metrics/haproxy-server.ts";
import type { MetricBucket } from "../../domain/canary/bucket.ts";
import type { MetricQuery, MetricSource } from "../../ports/metric-source.ts";
import { httpServer, type LocalServer, refusingPort } from "../../testing/local-servers.ts";
import { metricSourceContract } from "../../testing/metric-source-contract.ts";
import { realClock, until } from "../../testing/real-clock.ts";
import { statisticsOf } from "./counters.ts";
import { haproxySource } from "./counters-source.ts";

const program = haproxyProgram();
if (program === undefined) console.warn("skipped: haproxy is not installed (apt-get install haproxy)");

const bucketMs = 2000;
const clock = realClock();
const never = new AbortController().signal;
const arms = {
  candidate: { version: "v1.1.0", revisions: { web: "v1.1.0~2" } },
  stable: { version: "v1.0.0", revisions: { web: "v1.0.0~1" } },
};

const sourceAt = (socket: string, server = "{{revision}}-*"): MetricSource =>
  haproxySource({
    name: "edge",
    socket,
    environment: "production",
    clock,
    timeoutMs: 500,
    metrics: [{ name: "errors", component: null, backend: "shop", server }],
  });

interface World {
  readonly haproxy: TestHaproxy;
  readonly backend: LocalServer;
  readonly source: MetricSource;
  /** The bucket with the first requests; in the next one HAProxy is reloaded. */
  readonly first: number;
}

let world: World;
const query = (from: number, to: number): MetricQuery => ({
  bucketMs,
  fromIndex: world.first + from,
  toIndex: world.first + to,
  ...arms,
});

const after = (index: number, share: number) =>
  until(() => clock.now() >= (index + share) * bucketMs, `${share} of bucket ${index}`);

async function requests({ haproxy }: { readonly haproxy: TestHaproxy }, server: string, paths: readonly string[]) {
  for (const path of paths) await haproxy.ask(server, path);
}

/** Within one bucket, away from its edges: begins at a fifth of it. */
async function happenings(haproxy: TestHaproxy, source: MetricSource): Promise<number> {
  const watching = new AbortController();
  const sampling = source.sample?.({ bucketMs, ...arms }, watching.signal);
  const first = Math.floor(clock.now() / bucketMs) + 2;
  await after(first, 0.25);
  await requests({ haproxy }, "v1.1.0-2-a", ["/ok", "/500", "/dropped", "/ok"]);
  await requests({ haproxy }, "v1.1.0-2-b", ["/ok"]);
  await requests({ haproxy }, "v1.0.0-1-a", ["/ok", "/ok", "/ok", "/500"]);
  await after(first + 1, 0.25);
  await requests({ haproxy }, "v1.1.0-2-a", ["/500", "/500", "/500"]);
  await haproxy.reload();
  await requests({ haproxy }, "v1.1.0-2-a", ["/500", "/ok"]);
  await after(first + 3, 0.25);
  watching.abort();
  await sampling;
  return first;
}

describe.skipIf(program === undefined)("HAProxy's counters as a metric source", () => {
  beforeAll(async () => {
    const backend = await httpServer((request, response) => {
      if (request.url === "/dropped") request.socket.destroy();
      else response.writeHead(request.url === "/500" ? 500 : 200).end("ok");
    });
    const { port } = backend;
    const servers = { "v1.0.0-1-a": port, "v1.1.0-2-a": port, "v1.1.0-2-b": port, "v1.2.0-3-a": await refusingPort() };
    const haproxy = await startHaproxy(program ?? "", servers);
    const source = sourceAt(haproxy.socket);
    world = { haproxy, backend, source, first: await happenings(haproxy, source) };
  }, 60_000);
  afterAll(async () => {
    if (world === undefined) return;
    await world.haproxy[Symbol.asyncDispose]();
    await world.backend[Symbol.asyncDispose]();
  });

  test("O4 failed are answers of class 5xx and requests without an answer, of all that ended, over a version's servers", async () => {
    const [bucket] = await world.source.read(query(0, 1), never);

    expect(bucket).toEqual<MetricBucket>({
      metric: "errors",
      index: world.first,
      reading: { kind: "rate", candidate: { events: 2, total: 5 }, stable: { events: 1, total: 4 } },
    });
  });

  test("O4 a reload within a bucket is seen by its process, and what the new one counted is counted", async () => {
    const [bucket] = await world.source.read(query(1, 2), never);

    expect(bucket?.resetSeen).toBe(true);
    // HAProxy's readiness was asked at the stable version's server.
    expect(bucket?.reading).toMatchObject({ kind: "rate", candidate: { events: 1, total: 2 } });
  });

  test("O4 an interval that nobody watched from edge to edge is missing", async () => {
    const [before] = await world.source.read(query(-20, -19), never);
    const [fresh] = await sourceAt(world.haproxy.socket).read(query(0, 1), never);

    for (const bucket of [before, fresh]) {
      expect(bucket?.reading).toEqual({
        kind: "missing",
        reason: "edge: nobody watched this interval from its beginning to its end",
      });
    }
  });

  /** What a source says of the first bucket that it watched from edge to edge. */
  async function watched(source: MetricSource, versions = arms): Promise<MetricBucket | undefined> {
    const watching = new AbortController();
    const index = Math.floor(clock.now() / bucketMs) + 1;
    const sampling = source.sample?.({ bucketMs, ...versions }, watching.signal);
    await after(index + 1, 0.5);
    watching.abort();
    await sampling;
    const [bucket] = await source.read({ bucketMs, fromIndex: index, toIndex: index + 1, ...versions }, never);
    return bucket;
  }

  test("O4 a server that is not there, and a socket that is not, are reasons", { timeout: 30_000 }, async () => {
    const strange = await watched(sourceAt(world.haproxy.socket, "{{revision}}-x"));
    const gone = await watched(sourceAt(`${world.haproxy.socket}.gone`));

    expect(strange?.reading).toEqual({
      kind: "missing",
      reason: "candidate version: the backend shop has no server v1.1.0-2-x",
    });
    expect(gone?.reading).toMatchObject({
      kind: "missing",
      reason: expect.stringMatching(/was not reached \(ENOENT\)$/),
    });
  });

  test("O4 requests to a server that refuses connections are events", async () => {
    const dead = { ...arms, candidate: { version: "v1.2.0", revisions: { web: "v1.2.0~3" } } };
    const source = sourceAt(world.haproxy.socket);
    const index = Math.floor(clock.now() / bucketMs) + 1;
    const bucket = watched(source, dead);
    await after(index, 0.25);
    await requests(world, "v1.2.0-3-a", ["/ok", "/ok"]);

    expect((await bucket)?.reading).toMatchObject({ kind: "rate", candidate: { events: 2, total: 2 } });
  });

  metricSourceContract("HAProxy", {
    answering: () => ({ source: world.source, query: query(0, 3) }),
    silent: () => ({ source: sourceAt("/nowhere/runtime.sock"), query: query(0, 2) }),
  });
});

test("O4 statistics that are none, or of a server without HTTP, are named", () => {
  const header = `# pxname,svname,${"hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other"},econ,eresp,type,last_chk`;

  expect(statisticsOf("Unknown command")).toEqual({ kind: "fault", reason: "its answer has no statistics" });
  expect(statisticsOf("Pid: 7\n\n# pxname,svname,econ\n")).toEqual({
    kind: "fault",
    reason: "its statistics have no hrsp_1xx",
  });
  expect(statisticsOf(`${header}\n`)).toEqual({ kind: "fault", reason: "its answer does not name its process" });
  expect(statisticsOf(`Pid: 7\n\n${header}\nshop,a,,,,,,,0,0,2,"x,""y"""\nshop,BACKEND,,,,,,,0,0,1,\n`)).toMatchObject({
    servers: [{ server: "a", sample: { origin: "7", fault: "it has no HTTP counters (mode tcp?)" } }],
  });
});
