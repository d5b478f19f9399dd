/**
 * One environment of a scenario: its target, routers, database, store and people's channel, all in memory, and the clients
 * that use it. What is asserted is read from here, never from the ledger.
 */
import type { Attempt } from "../../src/domain/attempt.ts";
import { versionOfRevision } from "../../src/domain/ids.ts";
import type { EnvironmentSettings } from "../../src/domain/settings.ts";
import { percentOf, type RevisionId, type Split } from "../../src/domain/traffic.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Router } from "../../src/ports/router.ts";
import type { Instance, RunSpec, Target } from "../../src/ports/target.ts";
import { type MemoryRouter, memoryRouter } from "../../src/testing/memory-router.ts";
import { type Behaviour, type MemoryTarget, memoryTarget, type TargetEffect } from "../../src/testing/memory-target.ts";
import {
  type Faults,
  failing,
  late,
  lying,
  routerUnreachable,
  targetUnreachable,
  throttled,
  twice,
} from "./world-faults.ts";
import type { Releases } from "./world-sources.ts";
import { seenThrough } from "./world-wrap.ts";

/** Told at once of everything that happens in a place, in order. */
export interface Witness {
  readonly effect: (effect: TargetEffect) => void;
  /** `by` is null where nobody asked the router for it. */
  readonly split: (component: string, to: Split, by: Attempt | null) => void;
}

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
  /** An instance dies by itself while it runs, which is nobody's fault; what is lost on it is not counted. */
  kill(component: string, revision: RevisionId, index: number): void;
  /** Killed so, and not started again since. */
  isKilled(component: string, revision: RevisionId): boolean;
  /** The routers no longer lie. */
  comeToSenses(): void;
  /** One second's worth of requests. */
  serveOneSecond(requestsPerSecond: number, chance: () => number): void;
  weights(component: string): Promise<readonly string[]>;
  running(): Promise<readonly string[]>;
  isRunning(component: string, revision: RevisionId): boolean;
}

const never = new AbortController().signal;

const nobody: Witness = { effect: () => undefined, split: () => undefined };

export function openPlace(
  settings: EnvironmentSettings,
  clock: Clock,
  releases: Releases,
  faults: Faults,
  witness = nobody,
): Place {
  const shifts: Shift[] = [];
  const served = new Map<string, { requests: number; failed: number }>();
  const lost: string[] = [];
  const running = runningCopies();
  const target = memoryTarget({
    clock,
    environment: settings.environment,
    behaviour: behaviourBy(releases),
    onEffect(effect) {
      running.note(effect);
      witness.effect(effect);
    },
  });
  const routed = settings.components.filter(({ route }) => route !== null).map(({ name }) => name);
  const routers = new Map(
    routed.map((route) => [route, memoryRouter({ route, clock, onSplit: (to, by) => witness.split(route, to, by) })]),
  );
  const liars = new Map([...routers].map(([name, router]) => [name, lying(router, faults)]));
  let everServed = false;

  /** How requests to a component go in this second; looked up once for each revision. */
  const outcomeOn = (component: string, chance: () => number) => {
    const answers = new Map<RevisionId, () => { failed: boolean; durationMs: number }>();
    const answersOf = (revision: RevisionId) => {
      const there = running.any(component, revision);
      const excused = there || faults.routerPretends || running.isKilled(component, revision);
      const version = versionOfRevision(revision);
      const rate = there ? errorRateOf(releases, version) : 1;
      const durationMs = releases[version]?.answersInMs ?? 20;
      const counts = served.get(`${component} ${version}`) ?? { requests: 0, failed: 0 };
      served.set(`${component} ${version}`, counts);
      return () => {
        if (!excused) lost.push(`${component}: ${revision} is not running at ${clock.now()}`);
        const failed = chance() < rate;
        counts.requests++;
        counts.failed += failed ? 1 : 0;
        return { failed, durationMs };
      };
    };
    return (revision: RevisionId) => {
      const answer = answers.get(revision) ?? answersOf(revision);
      answers.set(revision, answer);
      return answer();
    };
  };

  return {
    target,
    routers,
    isRunning: running.any,
    shifts,
    served,
    lost,
    faultyTarget: late(
      throttled(
        failing(twice<Target>(target, faults), faults, "targetDown", targetUnreachable),
        faults,
        "targetThrottles",
        targetUnreachable,
      ),
      faults,
      clock,
    ),
    faultyRouters: new Map(
      [...liars].map(([name, { seen }]) => {
        const noted = twice(notingShifts(seen, name, clock, shifts), faults);
        const faulty = failing(noted, faults, "routerDown", routerUnreachable);
        return [name, late(throttled(faulty, faults, "routerThrottles", routerUnreachable), faults, clock)];
      }),
    ),
    serveOneSecond(requestsPerSecond, chance) {
      for (const [component, router] of routers) {
        const outcome = outcomeOn(component, chance);
        for (let n = 0; n < requestsPerSecond; n++) {
          const met = router.serve(outcome) !== undefined;
          if (!met && everServed && !running.hasKilled(component))
            lost.push(`${component}: no version at ${clock.now()}`);
          everServed ||= met;
        }
      }
    },
    weights: async (component) => inWords((await routers.get(component)?.observe(never)) ?? []),
    running: async () => (await target.observe(never)).filter(({ state }) => state === "running").map(nameOf),
    kill(component, revision, index) {
      running.kill(component, revision);
      target.crash(component, revision, index);
    },
    isKilled: running.isKilled,
    comeToSenses() {
      for (const { comeToSenses } of liars.values()) comeToSenses();
    },
  };
}

/** How many copies of a component's revision run, from the target's own log. */
function runningCopies() {
  const copies = new Map<string, number>();
  const killed = new Set<string>();
  const add = (key: string, n: number) => copies.set(key, (copies.get(key) ?? 0) + n);
  return {
    note({ effect, component, revision }: TargetEffect) {
      const key = `${component} ${revision}`;
      if (effect === "spawned") killed.delete(key);
      if (effect === "spawned") add(key, 1);
      if (effect === "stopped" || effect === "crashed") add(key, -1);
    },
    any: (component: string, revision: RevisionId) => (copies.get(`${component} ${revision}`) ?? 0) > 0,
    hasKilled: (component: string) => [...killed].some((key) => key.startsWith(`${component} `)),
    kill: (component: string, revision: RevisionId) => void killed.add(`${component} ${revision}`),
    isKilled: (component: string, revision: RevisionId) => killed.has(`${component} ${revision}`),
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
function notingShifts(router: Router, component: string, clock: Clock, shifts: Shift[]): Router {
  return seenThrough(router, (call, name) => {
    if (name !== "shift") return undefined;
    return async (...given) => {
      const [to, attempt, signal] = given as Parameters<Router["shift"]>;
      const before = inWords(await router.observe(signal)).join();
      await call(...given);
      const weights = inWords(to);
      if (before !== weights.join()) shifts.push({ atMs: clock.now(), component, weights, attempt: attempt.n });
    };
  });
}
