/**
 * The built-in router of a route, started by the first thing that changes it. Looking never starts it: planning and
 * pre-flight leave no process behind. They are told what the router that runs says, or, where none runs, that nothing is
 * there, once the address was found free.
 */
import { createServer } from "node:net";
import {
  type BuiltinRouter,
  type BuiltinRouterOptions,
  builtinRouter,
  ensureBuiltinRouter,
} from "../adapters/builtin-router/adapter.ts";
import { answers } from "../adapters/builtin-router/control-client.ts";
import { readRecord } from "../adapters/builtin-router/run-time.ts";
import { loadState } from "../adapters/builtin-router/state-file.ts";
import { SluiceError } from "../domain/errors.ts";
import type { RouterBuckets } from "../domain/traffic.ts";
import type { BucketQuery, Router } from "../ports/router.ts";

/** `route` is `<environment>/<component>`. */
export type RouteOptions = BuiltinRouterOptions;

export function routerWhenUsed(options: RouteOptions): Router {
  const { stateFolder, route, clock } = options;
  const router = builtinRouter(options);
  // From the first change on this process answers for the router: one that died is started again also to be read.
  let used = false;

  const started = async (signal: AbortSignal): Promise<BuiltinRouter> => {
    used = true;
    await ensureBuiltinRouter({ stateFolder, nodePath: process.execPath, clock, signal });
    return router;
  };

  /** The router where it runs and has this route; undefined where nothing is there and the address is free. */
  const present = async (signal: AbortSignal): Promise<BuiltinRouter | undefined> => {
    if (used) return started(signal);
    const record = await readRecord(stateFolder);
    const runs = record !== undefined && (await answers(record, clock, signal));
    if (runs && (await router.status(signal)) !== undefined) return router;
    await refuseTaken(options);
    return undefined;
  };

  return {
    kind: router.kind,
    fencing: router.fencing,
    url: router.url,
    instructions: (split) => router.instructions(split),
    async fence(signal) {
      const there = await present(signal);
      // What a stopped router remembers still binds: it will refuse another ledger as soon as it runs again.
      return there ? there.fence(signal) : ((await loadState(stateFolder)).routes[route]?.fence ?? undefined);
    },
    observe: async (signal) => (await present(signal))?.observe(signal) ?? [],
    buckets: async (query, signal) => (await present(signal))?.buckets(query, signal) ?? none(query, clock.now()),
    counters: async (signal) => (await present(signal))?.counters(signal) ?? new Map(),
    claim: async (attempt, signal) => (await started(signal)).claim(attempt, signal),
    disown: async (reason, signal) => (await started(signal)).disown(reason, signal),
    shift: async (to, attempt, signal, shift) => (await started(signal)).shift(to, attempt, signal, shift),
    drain: async (revision, timeoutMs, attempt, signal) =>
      (await started(signal)).drain(revision, timeoutMs, attempt, signal),
  };
}

/** Nothing is there, so nothing is known of any interval: none is closed. */
function none({ bucketMs }: BucketQuery, nowMs: number): RouterBuckets {
  return {
    bucketMs,
    nowMs,
    startedAtMs: nowMs,
    openIndex: Math.floor(nowMs / bucketMs),
    latencyEdgesMs: [],
    buckets: [],
  };
}

/** Listens for a moment: the only way to know that the router could. */
async function refuseTaken({ host, port }: RouteOptions): Promise<void> {
  const probe = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  probe.once("error", reject);
  probe.listen({ host, port, exclusive: true }, resolve);
  try {
    await promise;
  } catch (cause) {
    throw cannotListen(host, port, cause as NodeJS.ErrnoException);
  }
  await new Promise((closed) => probe.close(closed));
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): SluiceError {
  const taken = cause.code === "EADDRINUSE";
  return new SluiceError({
    code: taken ? "PORT_IN_USE" : "START_FAILED",
    remedy: "operator",
    at: "router",
    message: taken
      ? `Port ${port} on ${host} is used by another process.`
      : `The router could not listen on ${host}:${port}: ${cause.message}.`,
    hint: taken
      ? `Ask its owner to free it, or configure another port. See who it is: ss -ltnp 'sport = :${port}'`
      : "Configure an address and a port of this machine that you may use. See its addresses: ip address",
    cause,
  });
}
