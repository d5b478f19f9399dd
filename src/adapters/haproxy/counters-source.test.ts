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
  /** The bucket with the first requests, and the one in which HAProxy is reloaded. */
  readonly calm: number;
  readonly reloaded: number;
}

let world: World;
const query = (fromIndex: number, toIndex = fromIndex + 1): MetricQuery => ({ bucketMs, fromIndex, toIndex, ...arms });

const after = (index: number, share: number) =>
  until(() => clock.now() >= (index + share) * bucketMs, `${share} of bucket ${index}`);

async function requests({ haproxy }: { readonly haproxy: TestHaproxy }, server: string, paths: readonly string[]) {
  for (const path of paths) await haproxy.ask(server, path);
}

/**
 * Does something well within one bucket that was watched from edge to edge, and gives its index. On a busy machine it may take
 * until after the bucket's end, or the edge may be read too late: then once more, in another bucket.
 */
async function withinBucket(source: MetricSource, work: () => Promise<void>, versions = arms): Promise<number> {
  for (let attempt = 0; attempt < 6; attempt++) {
    const index = Math.floor(clock.now() / bucketMs) + 1;
    await after(index, 0.25);
    await work();
    const inTime = clock.now() < (index + 0.75) * bucketMs;
    await after(index + 1, 0.5);
    const [bucket] = await source.read({ bucketMs, fromIndex: index, toIndex: index + 1, ...versions }, never);
    if (inTime && bucket?.reading.kind === "rate") return index;
  }
  throw new Error("this machine is too busy: no bucket was long enough");
}

async function happenings(haproxy: TestHaproxy, source: MetricSource): Promise<Pick<World, "calm" | "reloaded">> {
  const watching = new AbortController();
  const sampling = source.sample?.({ bucketMs, ...arms }, watching.signal);
  const calm = await withinBucket(source, async () => {
    await requests({ haproxy }, "v1.1.0-2-a", ["/ok", "/500", "/dropped", "/ok"]);
    await requests({ haproxy }, "v1.1.0-2-b", ["/ok"]);
    await requests({ haproxy }, "v1.0.0-1-a", ["/ok", "/ok", "/ok", "/500"]);
  });
  const reloaded = await withinBucket(source, async () => {
    await requests({ haproxy }, "v1.1.0-2-a", ["/500", "/500", "/500"]);
    await haproxy.reload();
    await requests({ haproxy }, "v1.1.0-2-a", ["/500", "/ok"]);
  });
  watching.abort();
  await sampling;
  return { calm, reloaded };
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
    world = { haproxy, backend, source, ...(await happenings(haproxy, source)) };
  }, 90_000);
  afterAll(async () => {
    if (world === undefined) return;
    await world.haproxy[Symbol.asyncDispose]();
    await world.backend[Symbol.asyncDispose]();
  });

  test("O4 failed are answers of class 5xx and requests without an answer, of all that ended, over a version's servers", async () => {
    const [bucket] = await world.source.read(query(world.calm), never);

    expect(bucket).toEqual<MetricBucket>({
      metric: "errors",
      index: world.calm,
      reading: { kind: "rate", candidate: { events: 2, total: 5 }, stable: { events: 1, total: 4 } },
    });
  });

  test("O4 a reload within a bucket is seen by its process, and what the new one counted is counted", async () => {
    const [bucket] = await world.source.read(query(world.reloaded), never);

    expect(bucket?.resetSeen).toBe(true);
    // HAProxy's readiness was asked at the stable version's server.
    expect(bucket?.reading).toMatchObject({ kind: "rate", candidate: { events: 1, total: 2 } });
  });

  test("O4 an interval that nobody watched from edge to edge is missing", async () => {
    const [before] = await world.source.read(query(world.calm - 20), never);
    const [fresh] = await sourceAt(world.haproxy.socket).read(query(world.calm), never);

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

  test("O4 a server that is not there, and a socket that is not, are reasons", { timeout: 120_000 }, async () => {
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

  test("O4 requests to a server that refuses connections are events", { timeout: 120_000 }, async () => {
    const dead = { ...arms, candidate: { version: "v1.2.0", revisions: { web: "v1.2.0~3" } } };
    const source = sourceAt(world.haproxy.socket);
    const watching = new AbortController();
    const sampling = source.sample?.({ bucketMs, ...dead }, watching.signal);

    const index = await withinBucket(source, () => requests(world, "v1.2.0-3-a", ["/ok", "/ok"]), dead);
    watching.abort();
    await sampling;
    const [bucket] = await source.read({ ...query(index), ...dead }, never);

    expect(bucket?.reading).toMatchObject({ kind: "rate", candidate: { events: 2, total: 2 } });
  });

  metricSourceContract("HAProxy", {
    answering: () => ({ source: world.source, query: query(world.calm, world.calm + 2) }),
    silent: () => ({ source: sourceAt("/nowhere/runtime.sock"), query: query(world.calm, world.calm + 2) }),
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
