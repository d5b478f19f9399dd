/**
 * One revision of a route as the data path sees it: its endpoints with their kept-alive connections, its counters and
 * what is under way. It outlives its weight: a revision that left the split still finishes what it began.
 */
import { buildConnector, Client, Pool } from "undici";
import type { Endpoint, RevisionId } from "../../domain/traffic.ts";
import { createMeter, type Meter } from "./meter.ts";

/**
 * An idle connection is reused for a second at most. Servers close idle connections too (Node after 5 s, some after 2 s),
 * and a request written at that very moment is lost; one that must not be repeated cannot be saved by a retry.
 */
const idleConnectionMs = 1000;
const connectTimeoutMs = 5000;
/** As long as the latency histogram reaches. */
export const responseHeadTimeoutMs = 60_000;

/** Something under way that draining may have to cut: a request or an upgraded connection. */
export interface UnderWay {
  cut(): void;
}

export interface Upstream {
  readonly endpoint: Endpoint;
  readonly pool: Pool;
}

/** How one request is counted. */
export interface Visit {
  /** Which of the sixteen parts by session it belongs to. */
  readonly shard: number;
  /** A tester's wish is counted apart, and our own check nowhere: both would bias the comparison of the versions. */
  readonly from: "user" | "tester" | "own-check";
  /** For the response: the cookie by which its user keeps a version. */
  readonly setCookie?: string | undefined;
}

export interface Revision {
  readonly id: RevisionId;
  readonly meter: Meter;
  /** Requests that were sent a second time because the first connection failed under them. */
  retries: number;
  /** What testers asked for, apart from all other counts. */
  readonly testers: { requests: number; errors: number };
  upstreams: readonly Upstream[];
  turn: number;
  readonly underWay: Set<UnderWay>;
  readonly whenIdle: Set<() => void>;
}

export const originOf = (endpoint: Endpoint): string =>
  `http://${endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;

/** Bytes the connection of a failed request had received, noted on the error. See `exchange.ts`. */
export interface ConnectionError extends Error {
  bytesRead?: number;
}

const connectPlainly = buildConnector({ timeout: connectTimeoutMs });

/** Notes on a connection's error whether it had served before: undici drops that for resets. */
const connect: buildConnector.connector = (options, done) =>
  connectPlainly(options, (...outcome) => {
    const socket = outcome[1];
    socket?.once("error", (error: ConnectionError) => {
      error.bytesRead = socket.bytesRead;
    });
    done(...outcome);
  });

const connectionOptions = {
  connect,
  pipelining: 1,
  keepAliveTimeout: idleConnectionMs,
  keepAliveMaxTimeout: idleConnectionMs,
  headersTimeout: responseHeadTimeoutMs,
  // A response may be silent for long once it has begun (event streams).
  bodyTimeout: 0,
} as const;

export function createRevision(id: RevisionId): Revision {
  const testers = { requests: 0, errors: 0 };
  const [underWay, whenIdle] = [new Set<UnderWay>(), new Set<() => void>()];
  return { id, meter: createMeter(), retries: 0, testers, upstreams: [], turn: 0, underWay, whenIdle };
}

const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a.host === b.host && a.port === b.port;

/** Keeps the connections of endpoints that stay; the others close as soon as their requests are done. */
export function setEndpoints(revision: Revision, endpoints: readonly Endpoint[]): void {
  const before = revision.upstreams;
  revision.upstreams = endpoints.map(
    (endpoint) =>
      before.find((upstream) => sameEndpoint(upstream.endpoint, endpoint)) ?? {
        endpoint,
        pool: new Pool(originOf(endpoint), connectionOptions),
      },
  );
  for (const upstream of before) {
    if (!revision.upstreams.includes(upstream)) closeQuietly(upstream.pool);
  }
}

/** Endpoints in turn. Undefined: the revision has none. */
export function nextUpstream(revision: Revision): Upstream | undefined {
  const { upstreams } = revision;
  if (upstreams.length < 2) return upstreams[0];
  revision.turn = (revision.turn + 1) % upstreams.length;
  return upstreams[revision.turn];
}

/** One connection of its own for a second try, which must not meet another stale connection of the pool. */
export const freshConnection = (endpoint: Endpoint): Client => new Client(originOf(endpoint), connectionOptions);

/** Lets what is under way finish. */
export function closeQuietly(connections: Pool | Client): void {
  connections.close().catch(() => undefined);
}

/** One request ended, `failed` or not, by the router's steady clock. */
export function countEnd(
  revision: Revision,
  visit: Visit,
  times: { readonly startedMs: number; readonly nowMs: number },
  failed: boolean,
): void {
  const { startedMs, nowMs } = times;
  // Its clock may have been set back meanwhile; see steady-time.ts.
  const durationMs = Math.max(0, nowMs - startedMs);
  if (visit.from === "user") revision.meter.count(durationMs, failed, nowMs, visit.shard);
  if (visit.from !== "tester") return;
  revision.testers.requests += 1;
  if (failed) revision.testers.errors += 1;
}

export function enter(revision: Revision, work: UnderWay): void {
  revision.underWay.add(work);
  revision.meter.enter();
}

export function leave(revision: Revision, work: UnderWay): void {
  if (!revision.underWay.delete(work)) return;
  revision.meter.leave();
  if (revision.underWay.size > 0 || revision.whenIdle.size === 0) return;
  for (const tell of revision.whenIdle) tell();
}

/** Resolves when nothing is under way, or when `giveUp` is aborted. */
export function idle(revision: Revision, giveUp: AbortSignal): Promise<void> {
  if (revision.underWay.size === 0 || giveUp.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      revision.whenIdle.delete(done);
      giveUp.removeEventListener("abort", done);
      resolve();
    };
    revision.whenIdle.add(done);
    giveUp.addEventListener("abort", done);
  });
}

/** Cuts whatever is still under way. Returns how many. */
export function cutAll(revision: Revision): number {
  const left = [...revision.underWay];
  for (const work of left) work.cut();
  return left.length;
}
