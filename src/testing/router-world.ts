/** Real backends and a real client around a real router, for its contract suite and for adapters' own tests. */
import { randomInt } from "node:crypto";
import { Agent, createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Endpoint, RevisionId } from "../domain/traffic.ts";
import type { Clock } from "../ports/clock.ts";
import type { Router } from "../ports/router.ts";
import { realClock } from "./real-clock.ts";
import type { Answer, Held, RouterWorld } from "./router-contract.ts";

/** The machine's own time. */
export const wallClock: Clock = realClock();

/** Resolves when `condition` holds; rejects, naming `what`, when it does not within `withinMs`. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 5000,
): Promise<void> {
  const deadlineMs = wallClock.now() + withinMs;
  while (!(await condition())) {
    if (wallClock.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await wallClock.sleep(5);
  }
}

/** Below what a system gives to outgoing connections, which would otherwise take it again before it is used. */
const lowestPort = 12_000;
const highestPort = 32_000;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowestPort, highestPort);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
}

export async function listen(server: Server): Promise<Endpoint> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

interface Arrival {
  readonly revision: RevisionId;
  readonly release: () => void;
}

/** `dispose` stops whatever `make` started for the router. */
export function routerWorld(router: Router, dispose: () => Promise<void>): RouterWorld {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const backends = new Map<RevisionId, { readonly server: Server; readonly endpoint: Endpoint }>();
  const awaited = new Map<string, (arrival: Arrival) => void>();
  let holds = 0;

  async function endpoints(revision: RevisionId): Promise<readonly Endpoint[]> {
    const running = backends.get(revision);
    if (running !== undefined) return [running.endpoint];
    const server = createServer((request, response) => {
      response.setHeader("x-revision", revision);
      const path = request.url ?? "";
      if (path === "/fail") response.writeHead(500).end("failed");
      else if (path.startsWith("/hold/")) awaited.get(path)?.({ revision, release: () => response.end("held") });
      else response.end("served");
    });
    const endpoint = await listen(server);
    backends.set(revision, { server, endpoint });
    return [endpoint];
  }

  const request = (failing = false): Promise<Answer> => ask(router.url, failing ? "/fail" : "/", agent);

  async function hold(): Promise<Held> {
    holds += 1;
    const path = `/hold/${holds}`;
    const arrived = new Promise<Arrival>((resolve) => awaited.set(path, resolve));
    const answer = ask(router.url, path, agent);
    const { revision, release } = await arrived;
    return { revision, release, answer };
  }

  return {
    router,
    clock: wallClock,
    endpoints,
    request,
    hold,
    async close() {
      await dispose();
      agent.destroy();
      await Promise.all([...backends.values()].map(({ server }) => closeServer(server)));
    },
  };
}

/** Status 0: the connection was refused or broken. */
export function ask(url: string, path: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve) => {
    const lost = () => resolve({ status: 0, revision: undefined });
    const request = httpRequest(new URL(path, url), { agent }, (response) => {
      const revision = response.headers["x-revision"];
      response.resume();
      response.on("error", lost);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, revision: revision?.toString() }));
    });
    request.on("error", lost);
    request.end();
  });
}
