/**
 * The built-in router's own process: `node process.ts --state <folder>`. It outlives the orchestrator that started it,
 * holds the routes' addresses, and takes commands on a Unix socket in a folder only its user can enter.
 */

import type { Server } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { failureOf } from "../../domain/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { closedBuckets } from "./closed-buckets.ts";
import { createControlServer, type Handlers } from "./control-server.ts";
import { drain } from "./drain.ts";
import { holdInstance } from "./instance.ts";
import { protocolVersion, type RouteStatus } from "./protocol.ts";
import type { Revision } from "./revision.ts";
import { RouteTable } from "./route-table.ts";
import { chooseSocket, listenOn, writeRecord } from "./run-time.ts";
import { loadState } from "./state-file.ts";
import { steadyTime } from "./steady-time.ts";

const clock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};

const time = steadyTime(Date.now, () => performance.now());
const nowMs = (): number => time.now();

/** How often the system's clock is looked at: a jump costs this much of the buckets' history at most. */
const followEveryMs = 1000;

const report = (line: string): void => {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`);
};

async function main(): Promise<void> {
  const { state: folder } = parseArgs({ options: { state: { type: "string" } } }).values;
  if (folder === undefined) throw new Error("usage: node process.ts --state <folder>");
  const socket = await chooseSocket(folder);
  const mine = await holdInstance(folder, clock);
  if (!mine) return report("a router for this folder runs already");
  const table = new RouteTable({
    folder,
    state: await loadState(folder),
    clock,
    nowMs,
    random: Math.random,
    report,
  });
  await table.open();
  const startedMs = clock.now();
  const stop = (timeoutMs: number) => void stopServing(table, control, timeoutMs);
  const control = createControlServer(handlersFor(table, startedMs, stop));
  await listenOn(control, socket);
  await writeRecord(folder, { pid: process.pid, socket, startedMs });
  report(`router ${process.pid} takes commands on ${socket}`);
  setInterval(() => followClock(table), followEveryMs).unref();
  process.on("SIGTERM", () => stop(5000));
  process.on("SIGINT", () => stop(5000));
  process.on("SIGHUP", () => undefined);
}

function followClock(table: RouteTable): void {
  const jumpedMs = time.follow();
  if (jumpedMs === 0) return;
  report(`the system's clock jumped by ${Math.round(jumpedMs)} ms; buckets begin anew`);
  for (const { live } of table.routes()) live.forgetBuckets();
}

function handlersFor(table: RouteTable, startedMs: number, stop: (timeoutMs: number) => void): Handlers {
  return {
    status: () => ({
      protocol: protocolVersion,
      pid: process.pid,
      startedMs,
      routes: table.routes().map(({ name, state, live }): RouteStatus => {
        const { host, port, fence, unattended, revertedUnattended } = state;
        const retries = perRevision(live.revisions(), (revision) => revision.retries);
        const { listening } = live;
        const split = live.split;
        const visited = live.revisions().filter(({ testers }) => testers.requests > 0);
        const testers = perRevision(visited, (revision) => ({ ...revision.testers }));
        return { route: name, host, port, listening, split, fence, unattended, revertedUnattended, retries, testers };
      }),
      log: table.log(),
    }),
    ensureRoute: async (command) => ({ created: await table.ensure(command) }),
    removeRoute: async (command) => ({ removed: await table.remove(command) }),
    claim: async (command) => {
      await table.claim(command);
      return {};
    },
    disown: async (command) => {
      await table.disown(command);
      return {};
    },
    shift: async (command) => ({ changed: await table.shift(command) }),
    observe: ({ route }) => {
      const { state, live } = table.route(route);
      return { split: live.split, fence: state.fence, revertedUnattended: state.revertedUnattended };
    },
    drain: async (command, signal) => {
      await table.admit(command, `drain of ${command.revision}`);
      const { live } = table.route(command.route);
      return { closed: await drain(live, command.revision, command.timeoutMs, clock, signal) };
    },
    counters: ({ route }) => ({
      revisions: perRevision(table.route(route).live.revisions(), (revision) => revision.meter.counters()),
    }),
    buckets: ({ route, ...query }) => closedBuckets(table.route(route).live, query, nowMs()),
    stop: ({ reason, timeoutMs }) => {
      report(`asked to stop: ${reason ?? "no reason given"}`);
      // After the answer has left.
      setImmediate(() => stop(timeoutMs));
      return { pid: process.pid };
    },
  };
}

function perRevision<T>(revisions: Iterable<Revision>, fact: (revision: Revision) => T): Record<string, T> {
  return Object.fromEntries([...revisions].map((revision) => [revision.id, fact(revision)]));
}

/** Stops accepting, lets what is under way finish for at most `timeoutMs`, and exits. */
async function stopServing(table: RouteTable, control: Server, timeoutMs: number): Promise<void> {
  table.close();
  // Removes the socket's file, too.
  control.close();
  const lives = table.routes().map(({ live }) => live);
  const finished = Promise.all(lives.map((live) => live.close()));
  await Promise.race([finished, sleep(timeoutMs)]);
  report("stopped");
  process.exit(0);
}

// A fault met while serving one request must not take every route down with it; nobody restarts this process.
process.on("uncaughtException", (error) => report(`fault: ${error.stack ?? error.message}`));
process.on("unhandledRejection", (error) => report(`fault: ${String(error)}`));

main().catch((error: unknown) => {
  const { message, hint, evidence } = failureOf(error, "builtin-router.process");
  report(`cannot start: ${message} ${hint} ${evidence ?? ""}`);
  process.exit(1);
});
