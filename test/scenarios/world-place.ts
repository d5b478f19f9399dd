/**
 * One environment of a scenario: its target, routers, database, store and people's channel, all in memory, and the clients
 * that use it. What is asserted is read from here, never from the ledger.
 */
import { SluiceError } from "../../src/domain/errors.ts";
import { versionOfRevision } from "../../src/domain/ids.ts";
import type { EnvironmentSettings } from "../../src/domain/settings.ts";
import { percentOf, type RevisionId, type Split } from "../../src/domain/traffic.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Router } from "../../src/ports/router.ts";
import type { Instance, RunSpec, Target } from "../../src/ports/target.ts";
import { type MemoryRouter, memoryRouter, type Serving } from "../../src/testing/memory-router.ts";
import { type Behaviour, type MemoryTarget, memoryTarget } from "../../src/testing/memory-target.ts";
import type { Releases } from "./world-sources.ts";

/** What is broken now; a test switches it on and off. */
export interface Faults {
  routerDown: boolean;
  targetDown: boolean;
  /** What is asked of target and routers arrives late: also when whoever asked has died, or was replaced, meanwhile. */
  networkSlow: boolean;
  ledgerAway: boolean;
  channelDown: boolean;
  /** The channel takes a notification and never answers. */
  channelHangs: boolean;
  recordsFolderDown: boolean;
  checkpointsAway: boolean;
}

export const noFaults = (): Faults => ({
  routerDown: false,
  targetDown: false,
  networkSlow: false,
  ledgerAway: false,
  channelDown: false,
  channelHangs: false,
  recordsFolderDown: false,
  checkpointsAway: false,
});

export interface Shift {
  readonly atMs: number;
  readonly component: string;
  /** `v1.1.0 5 %`; revisions without weight are left out. */
  readonly weights: readonly string[];
  readonly attempt: number;
}

export interface Place {
  readonly target: MemoryTarget;
  readonly routers: ReadonlyMap<string, MemoryRouter>;
  /** The parts as the pipeline gets them: with faults, and every change of weights noted. */
  readonly faultyTarget: Target;
  readonly faultyRouters: ReadonlyMap<string, Router>;
  readonly shifts: readonly Shift[];
  /** Requests by component and version, as the clients counted them. */
  readonly served: ReadonlyMap<string, { requests: number; failed: number }>;
  /** Requests that met nobody: no version had weight, or it was not running. Empty is what everybody wants. */
  readonly lost: readonly string[];
  /** One second's worth of requests. */
  serveOneSecond(requestsPerSecond: number, chance: () => number): void;
  weights(component: string): Promise<readonly string[]>;
  running(): Promise<readonly string[]>;
}

const never = new AbortController().signal;

export function openPlace(settings: EnvironmentSettings, clock: Clock, releases: Releases, faults: Faults): Place {
  const shifts: Shift[] = [];
  const served = new Map<string, { requests: number; failed: number }>();
  const lost: string[] = [];
  const target = memoryTarget({ clock, environment: settings.environment, behaviour: behaviourBy(releases) });
  const routed = settings.components.filter(({ route }) => route !== null).map(({ name }) => name);
  const routers = new Map(routed.map((name) => [name, memoryRouter({ route: name, clock })]));
  const runningNow = new Set<string>();
  let effectsRead = 0;
  let everServed = false;

  const countRunning = () => {
    for (const { effect, component, revision, index } of target.effects.slice(effectsRead)) {
      const key = `${component} ${revision} ${index}`;
      if (effect === "spawned") runningNow.add(key);
      if (effect === "stopped" || effect === "crashed") runningNow.delete(key);
    }
    effectsRead = target.effects.length;
  };
  const isRunning = (component: string, revision: RevisionId) =>
    [...runningNow].some((key) => key.startsWith(`${component} ${revision} `));

  const serveOne = (component: string, serving: Serving, chance: () => number) => {
    const there = isRunning(component, serving.revision);
    if (!there) lost.push(`${component}: ${serving.revision} is not running at ${clock.now()}`);
    const version = versionOfRevision(serving.revision);
    const failed = !there || chance() < errorRateOf(releases, version);
    serving.end({ failed, durationMs: 20 });
    const counts = served.get(`${component} ${version}`) ?? { requests: 0, failed: 0 };
    const failures = counts.failed + (failed ? 1 : 0);
    served.set(`${component} ${version}`, { requests: counts.requests + 1, failed: failures });
  };
  const request = (component: string, router: MemoryRouter, chance: () => number) => {
    const serving = router.begin();
    if (serving) serveOne(component, serving, chance);
    else if (everServed) lost.push(`${component}: no version at ${clock.now()}`);
    everServed ||= serving !== undefined;
  };

  return {
    target,
    routers,
    shifts,
    served,
    lost,
    faultyTarget: late(
      failing(target, () => faults.targetDown, targetUnreachable),
      () => faults.networkSlow,
      clock,
    ),
    faultyRouters: new Map(
      [...routers].map(([name, router]) => {
        const noted = notingShifts(router, name, clock, shifts);
        const faulty = failing(noted, () => faults.routerDown, routerUnreachable);
        return [name, late(faulty, () => faults.networkSlow, clock)];
      }),
    ),
    serveOneSecond(requestsPerSecond, chance) {
      countRunning();
      for (const [component, router] of routers) {
        for (let n = 0; n < requestsPerSecond; n++) request(component, router, chance);
      }
    },
    weights: async (component) => inWords((await routers.get(component)?.observe(never)) ?? []),
    running: async () => (await target.observe(never)).filter(({ state }) => state === "running").map(nameOf),
  };
}

export const nameOf = ({ component, version }: Instance): string => `${component} ${version}`;

const inWords = (split: Split): readonly string[] =>
  split
    .filter(({ percent }) => percent > 0)
    .map(({ revision }) => `${versionOfRevision(revision)} ${percentOf(split, revision)} %`);

function errorRateOf(releases: Releases, version: string): number {
  const rate = releases[version]?.errorRate ?? 0;
  return typeof rate === "number" ? rate : rate();
}

const behaviourBy =
  (releases: Releases) =>
  (spec: RunSpec): Behaviour =>
    releases[spec.version]?.start ?? { kind: "ready", afterMs: 1_000 };

/** A renewal of the same weights is no shift. */
function notingShifts(router: MemoryRouter, component: string, clock: Clock, shifts: Shift[]): Router {
  const shift: Router["shift"] = async (to, attempt, signal, options) => {
    const before = inWords(await router.observe(signal)).join();
    await router.shift(to, attempt, signal, options);
    const weights = inWords(to);
    if (before !== weights.join()) shifts.push({ atMs: clock.now(), component, weights, attempt: attempt.n });
  };
  return new Proxy<Router>(router, {
    get(_target, key) {
      if (key === "shift") return shift;
      const member: unknown = Reflect.get(router, key, router);
      return typeof member === "function" ? member.bind(router) : member;
    },
  });
}

/** Longer than a lease: a successor may be at work when it arrives. */
const lateByMs = 6_000;

function late<T extends object>(part: T, slow: () => boolean, clock: Clock): T {
  return new Proxy(part, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function" || key === "instructions") return member;
      return (...given: unknown[]) => {
        const call = () => Reflect.apply(member, target, given) as unknown;
        return slow() ? clock.sleep(lateByMs).then(call) : call();
      };
    },
  });
}

/** Every method but the pure ones rejects while `down()`. */
export function failing<T extends object>(part: T, down: () => boolean, error: () => Error): T {
  return new Proxy(part, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function" || key === "instructions") return member;
      return (...given: unknown[]) =>
        down() ? Promise.reject(error()) : (Reflect.apply(member, target, given) as unknown);
    },
  });
}

const unreachable = (code: "ROUTER_UNREACHABLE" | "TARGET_UNREACHABLE" | "LEDGER_UNREACHABLE", what: string) => () =>
  new SluiceError({
    code,
    remedy: "operator",
    at: "scenario",
    message: `The ${what} does not answer.`,
    hint: "Try again: sluice doctor",
  });
const routerUnreachable = unreachable("ROUTER_UNREACHABLE", "router");
const targetUnreachable = unreachable("TARGET_UNREACHABLE", "target");
export const ledgerUnreachable = unreachable("LEDGER_UNREACHABLE", "ledger");
