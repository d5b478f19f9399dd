/** The built-in router behind the Router port: one route of a router process that lives apart from the orchestrator. */
import { readFileSync } from "node:fs";
import type { Attempt, FenceRecord } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { StickySettings } from "../../domain/routing.ts";
import type { Secret } from "../../domain/secret.ts";
import type { Counters, RevisionId, RouterBuckets, Split } from "../../domain/traffic.ts";
import type { Clock } from "../../ports/clock.ts";
import type { BucketQuery, Router } from "../../ports/router.ts";
import { type Call, callDeadlineMs, callRouter } from "./control-client.ts";
import type { Answers, CommandBody, CommandName, RouteStatus } from "./protocol.ts";
import { sha256Of } from "./routing.ts";
import { readRecord, recordPath } from "./run-time.ts";

export { ensureBuiltinRouter, type LaunchOptions, type RunningRouter, stopBuiltinRouter } from "./launch.ts";

export interface BuiltinRouterOptions {
  /** Where `ensureBuiltinRouter` started it. */
  readonly stateFolder: string;
  /** Name of the route, e.g. `production/web`. */
  readonly route: string;
  readonly host: string;
  readonly port: number;
  /** Users who keep a version, and testers who choose one. Absent: the weights alone decide. */
  readonly sticky?: StickySettings | undefined;
  readonly testers?: RouteTesters | undefined;
  readonly clock: Clock;
}

export interface RouteTesters {
  readonly header: string;
  /** Asked for when the route is made or steered; only its digest goes to the router. Null: none is needed. */
  token(): Secret | null;
}

export interface BuiltinRouter extends Router {
  buckets(query: BucketQuery, signal: AbortSignal): Promise<RouterBuckets>;
  /** The route with its deadline, its retries, and whether it reverted by itself. Undefined: not made yet. */
  status(signal: AbortSignal): Promise<RouteStatus | undefined>;
}

export function builtinRouter(options: BuiltinRouterOptions): BuiltinRouter {
  const { stateFolder, route, host, port, clock } = options;

  async function ask<Name extends CommandName>(
    command: Name,
    body: CommandBody<Name>,
    signal: AbortSignal,
    deadlineMs = callDeadlineMs,
  ): Promise<Answers[Name]> {
    signal.throwIfAborted();
    const record = await readRecord(stateFolder);
    if (record === undefined) throw neverStarted(stateFolder);
    const call: Call = { socket: record.socket, clock, signal, deadlineMs };
    return callRouter(call, command, body);
  }

  async function status(signal: AbortSignal): Promise<RouteStatus | undefined> {
    const { routes } = await ask("status", {}, signal);
    return routes.find((candidate) => candidate.route === route);
  }

  /** Reading a route that nobody has made yet is no error: no revision serves there. */
  const exists = async (signal: AbortSignal): Promise<boolean> => (await status(signal)) !== undefined;

  const ensure = (attempt: Attempt, signal: AbortSignal) =>
    ask("ensureRoute", { route, host, port, ...routingOf(options), attempt }, signal);

  return {
    kind: "builtin",
    fencing: "enforced",
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    async fence(signal): Promise<FenceRecord | undefined> {
      return (await status(signal))?.fence ?? undefined;
    },
    async claim(attempt, signal) {
      await ensure(attempt, signal);
      await ask("claim", { route, attempt }, signal);
    },
    async disown(reason, signal) {
      if (await exists(signal)) await ask("disown", { route, reason }, signal);
    },
    async shift(to, attempt, signal, shiftOptions) {
      await ensure(attempt, signal);
      const split = plain(to);
      const unattended = shiftOptions?.unattended;
      await ask("shift", { route, split, attempt, ...(unattended === undefined ? {} : { unattended }) }, signal);
    },
    observe: async (signal): Promise<Split> => (await status(signal))?.split ?? [],
    async drain(revision, timeoutMs, attempt, signal) {
      const body = { route, revision, timeoutMs, attempt };
      return (await ask("drain", body, signal, timeoutMs + callDeadlineMs)).closed;
    },
    async counters(signal): Promise<ReadonlyMap<RevisionId, Counters>> {
      if (!(await exists(signal))) return new Map();
      return new Map(Object.entries((await ask("counters", { route }, signal)).revisions));
    },
    async buckets(query, signal) {
      const answer = await ask("buckets", { route, ...query }, signal);
      const buckets = answer.buckets.map((bucket) => ({
        ...bucket,
        revisions: new Map(Object.entries(bucket.revisions)),
      }));
      return { ...answer, buckets };
    },
    status,
    instructions: (to) => instructions(stateFolder, route, to),
  };
}

/** Left out where nothing is configured, so that a router of an earlier version is still understood. */
function routingOf({ sticky, testers }: BuiltinRouterOptions): Pick<CommandBody<"ensureRoute">, "routing"> {
  if (sticky === undefined && testers === undefined) return {};
  const token = testers?.token() ?? null;
  const digest = token === null ? null : sha256Of(token.reveal());
  return {
    routing: {
      sticky: sticky ?? null,
      testers: testers === undefined ? null : { header: testers.header, tokenSha256: digest },
    },
  };
}

type PlainSplit = CommandBody<"shift">["split"];

const plain = (split: Split): PlainSplit =>
  split.map(({ revision, percent, endpoints }) => ({ revision, percent, endpoints: [...endpoints] }));

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Works with nothing but curl: the router lives apart from Sluice and takes a person's word, with a reason. */
function instructions(stateFolder: string, route: string, to: Split): readonly string[] {
  const body = JSON.stringify({ route, split: plain(to), force: true, reason: "by hand, Sluice is down" });
  const curl = `curl --fail-with-body --unix-socket ${quoted(socketOf(stateFolder))}`;
  return [`${curl} -X POST -d ${quoted(body)} http://router/shift`, `${curl} http://router/status`];
}

/** Read when the instructions are written: they must name a path that a person can type. */
function socketOf(stateFolder: string): string {
  try {
    return (JSON.parse(readFileSync(recordPath(stateFolder), "utf8")) as { socket: string }).socket;
  } catch (cause) {
    throw neverStarted(stateFolder, cause);
  }
}

const neverStarted = (stateFolder: string, cause?: unknown): SluiceError =>
  new SluiceError({
    code: "ROUTER_UNREACHABLE",
    remedy: "operator",
    at: "builtin-router",
    message: `No built-in router was ever started in ${stateFolder}.`,
    hint: "A deployment starts it. To see what was deployed: sluice status",
    ...(cause === undefined ? {} : { cause }),
  });
