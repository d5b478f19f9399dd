/**
 * Where a simulated deployment goes: a target and routers in memory, and clients that send requests through them in virtual
 * time. Which requests fail is drawn from a seeded generator, so that the same simulation ends the same way every time.
 */
import type { Attempt } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import { versionOfRevision } from "../../domain/ids.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { type Counters, percentOf, type RevisionId } from "../../domain/traffic.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Router } from "../../ports/router.ts";
import type { Target } from "../../ports/target.ts";
import { type MemoryRouter, memoryRouter } from "../../testing/memory-router.ts";
import { type MemoryTarget, memoryTarget } from "../../testing/memory-target.ts";
import type { Mishaps } from "./mishaps.ts";

export interface PlaceOptions {
  readonly settings: EnvironmentSettings;
  readonly clock: Clock;
  readonly broken: Mishaps;
  /** The version whose behaviour `broken` describes. */
  readonly candidate: string;
  /** Of every other version, 0 to 1. */
  readonly usualErrorRate: number;
  /** Only its instructions are used. */
  readonly realTarget: Pick<Target, "instructions">;
}

export interface ServedRequests {
  requests: number;
  failed: number;
  /** Of the failed: met no running version. */
  lost: number;
}

export interface SimulatedPlace {
  readonly target: Target;
  readonly routers: ReadonlyMap<string, Router>;
  readonly served: Readonly<ServedRequests>;
  /** One second's worth of requests. */
  serveOneSecond(): void;
  /** Requests of the time before: the routers have counted them, `served` does not. */
  warmUp(seconds: number): void;
  restartRouters(): Promise<void>;
  revertRouters(): Promise<void>;
  /** The version with most of a component's traffic, or the one that runs where it has no route. */
  mainVersion(component: string): Promise<string | undefined>;
  /** Whether it runs now, past every simulated outage. */
  runs(component: string, revision: RevisionId): boolean;
}

const usualLatencyMs = 20;
const never = new AbortController().signal;

export function simulatedPlace(options: PlaceOptions): SimulatedPlace {
  const { settings, clock, broken, candidate, usualErrorRate } = options;
  const target = memoryTarget({
    clock,
    environment: settings.environment,
    behaviour: ({ version }) => (version === candidate ? broken.start : { kind: "ready", afterMs: 1_000 }),
  });
  const routes = settings.components.flatMap(({ name, route }) => (route ? [{ name, route }] : []));
  const routers = new Map(routes.map(({ name }) => [name, memoryRouter({ route: name, clock })]));
  const restartable = new Map(
    routes.map(({ name, route }) => {
      const router = routers.get(name) as MemoryRouter;
      return [name, restartableRouter(router, `http://${route.host}:${route.port}`)];
    }),
  );
  const served: ServedRequests = { requests: 0, failed: 0, lost: 0 };
  const runs = runningBy(target);
  const chance = seededChance();

  const failsThere = (isCandidate: boolean) => chance() < (isCandidate ? broken.errorRate : usualErrorRate);
  const request = (component: string, router: MemoryRouter) => {
    const serving = router.begin();
    const revision = serving?.revision ?? "";
    const isThere = runs(component, revision);
    const isCandidate = versionOfRevision(revision) === candidate;
    const failed = !isThere || failsThere(isCandidate);
    serving?.end({ failed, durationMs: isCandidate ? broken.latencyMs : usualLatencyMs });
    served.requests++;
    if (failed) served.failed++;
    if (!isThere) served.lost++;
  };

  const serveOneSecond = () => {
    for (const [component, router] of routers) {
      for (let n = 0; n < broken.requestsPerSecond; n++) request(component, router);
    }
  };

  return {
    target: {
      ...failing(target, () => broken.targetAway, targetUnreachable),
      instructions: (spec) => options.realTarget.instructions(spec),
    },
    routers: new Map([...restartable].map(([name, { router }]) => [name, router])),
    served,
    runs,
    serveOneSecond,
    warmUp(seconds) {
      for (let second = 0; second < seconds; second++) serveOneSecond();
      Object.assign(served, { requests: 0, failed: 0, lost: 0 });
    },
    async restartRouters() {
      for (const { restart } of restartable.values()) await restart();
    },
    async revertRouters() {
      for (const router of routers.values()) await revert(router);
    },
    async mainVersion(component) {
      const split = (await routers.get(component)?.observe(never)) ?? [];
      const [most] = [...split].sort((a, b) => percentOf(split, b.revision) - percentOf(split, a.revision));
      if (most !== undefined) return versionOfRevision(most.revision);
      const running = (await target.observe(never)).filter(({ state }) => state === "running");
      return running.findLast((instance) => instance.component === component)?.version;
    },
  };
}

/** Reads the target's log of effects, which is cheaper than asking it at every request. */
function runningBy(target: MemoryTarget): SimulatedPlace["runs"] {
  const running = new Map<string, number>();
  let read = 0;
  return (component, revision) => {
    for (const effect of read < target.effects.length ? target.effects.slice(read) : []) {
      const key = `${effect.component} ${effect.revision}`;
      running.set(key, (running.get(key) ?? 0) + (changes[effect.effect] ?? 0));
    }
    read = target.effects.length;
    return (running.get(`${component} ${revision}`) ?? 0) > 0;
  };
}

const changes: Readonly<Record<string, number>> = { spawned: 1, stopped: -1, crashed: -1 };

/** The first share is the stable version's (domain/rollout.ts). */
async function revert(router: MemoryRouter): Promise<void> {
  const split = await router.observe(never);
  const inCharge = (await router.fence(never)) as Attempt;
  await router.shift(
    split.map((share, at) => ({ ...share, percent: at === 0 ? 100 : 0 })),
    inCharge,
    never,
  );
}

/** A restart forgets what was counted, and nothing else. */
function restartableRouter(router: MemoryRouter, url: string) {
  let before: ReadonlyMap<RevisionId, Counters> = new Map();
  let startedAtMs = 0;
  const counted: Router = {
    kind: router.kind,
    fencing: router.fencing,
    url,
    fence: (signal) => router.fence(signal),
    claim: (attempt, signal) => router.claim(attempt, signal),
    disown: (reason, signal) => router.disown(reason, signal),
    shift: (to, attempt, signal, shift) => router.shift(to, attempt, signal, shift),
    observe: (signal) => router.observe(signal),
    drain: (revision, timeoutMs, attempt, signal) => router.drain(revision, timeoutMs, attempt, signal),
    instructions: (to) => router.instructions(to),
    async buckets(query, signal) {
      const answer = await router.buckets(query, signal);
      const isKnown = (index: number) => index * answer.bucketMs >= startedAtMs;
      const buckets = answer.buckets.map((bucket) =>
        isKnown(bucket.index) ? bucket : { ...bucket, resetSeen: true, revisions: new Map() },
      );
      return { ...answer, startedAtMs: Math.max(startedAtMs, answer.startedAtMs), buckets };
    },
    async counters(signal) {
      const all = await router.counters(signal);
      return new Map([...all].map(([revision, counters]) => [revision, since(before.get(revision), counters)]));
    },
  };
  return {
    router: counted,
    async restart() {
      before = await router.counters(never);
      startedAtMs = (await router.buckets({ bucketMs: 250, fromIndex: 0, toIndex: 0 }, never)).nowMs;
    },
  };
}

const since = (before: Counters | undefined, now: Counters): Counters => ({
  ...now,
  requests: now.requests - (before?.requests ?? 0),
  errors: now.errors - (before?.errors ?? 0),
  durationSumMs: now.durationSumMs - (before?.durationSumMs ?? 0),
  latencyCounts: now.latencyCounts.map((count, bin) => count - (before?.latencyCounts[bin] ?? 0)),
});

/** Every method rejects while `away()`. */
export function failing<T extends object>(part: T, away: () => boolean, error: () => Error): T {
  const entries = Object.entries(part).map(([name, member]: [string, unknown]) => {
    if (typeof member !== "function") return [name, member];
    const call = (...given: unknown[]): unknown =>
      away() ? Promise.reject(error()) : Reflect.apply(member as () => unknown, part, given);
    return [name, call];
  });
  return Object.fromEntries(entries) as T;
}

export const unreachable = (code: "TARGET_UNREACHABLE" | "LEDGER_UNREACHABLE", what: string) => (): SluiceError =>
  new SluiceError({
    code,
    remedy: "operator",
    at: "simulation",
    message: `The ${what} does not answer (simulated).`,
    hint: "See what would happen without it: sluice simulate",
  });

const targetUnreachable = unreachable("TARGET_UNREACHABLE", "target");

/** A small generator with a fixed seed. */
function seededChance(): () => number {
  let state = 1;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
