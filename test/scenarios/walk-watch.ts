/**
 * What must hold at every moment of a walk, checked as each effect happens. It knows what the fakes tell (effects of the target,
 * weights of the routers, calls of the processes), and nothing of the ledger's rows. A broken promise is kept until the end, with
 * what it was seen at: thrown here it would look like a fault of the part that was called.
 */
import semver from "semver";
import type { Attempt } from "../../src/domain/attempt.ts";
import { versionOfRevision } from "../../src/domain/ids.ts";
import type { Split } from "../../src/domain/traffic.ts";
import type { Verdict } from "../../src/domain/verdict.ts";
import type { Instance } from "../../src/ports/target.ts";
import type { TargetEffect } from "../../src/testing/memory-target.ts";
import { Violation } from "./walk-violation.ts";
import type { World } from "./world.ts";
import { liveTables, wholeDump } from "./world-fakes.ts";
import type { FaultName } from "./world-faults.ts";
import type { Witness } from "./world-place.ts";
import type { Releases } from "./world-sources.ts";

export interface Asked {
  readonly id: string;
  readonly kind: "deploy" | "rollback";
  readonly version: string;
}

interface Begun {
  readonly n: number;
  readonly executorId: string;
  /** Troubles of target, routers and network so far, when it began. */
  readonly troubles: number;
  /** It went on behind its claims, and nothing hindered them. */
  claimed: boolean;
}

const troubling: readonly FaultName[] = [
  "routerDown",
  "targetDown",
  "targetThrottles",
  "routerThrottles",
  "networkSlow",
  "ledgerAway",
  "ledgerAnswersLost",
];
const behindClaims = new Set(["assertInCharge", "append", "start", "stop", "drain", "acquireLock", "counters"]);
const guarded = new Set(["start", "stop", "apply"]);
/** A guard asks twice; whoever is replaced between the two and the effect is for the fence to refuse. */
const graceMs = 500;
const failureLimit = 2;

const soundDump = await wholeDump(liveTables);

export type Watch = ReturnType<typeof openWatch>;

export function openWatch(releases: Releases) {
  const violations: Violation[] = [];
  const asked: Asked[] = [];
  const acted: string[] = [];
  const over = new Set<string>();
  const begun = new Map<string, Begun>();
  const replacedAtMs = new Map<string, number>();
  const askedInChargeAtMs = new Map<string, number>();
  const guardedAtMs = new Map<string, number>();
  const highest = new Map<string, number>();
  const copies = new Map<string, { running: number; readyAtMs: number }>();
  const splits = new Map<string, Split>();
  const edited = new Map<string, { readonly before: string; readonly by: number }>();
  const lastBy = new Map<string, number>();
  const rounds = new Map<string, { atMs: number; failed: boolean; failedBefore: number }>();
  const promotedAtMs = new Map<string, number>();
  const unsafeMigrations: string[] = [];
  let world: World | undefined;
  let stableServes = false;
  let fenceForgotten = false;
  let spoiltLater = false;
  let roseAtMs = 0;

  const now = () => world?.clock.now() ?? 0;
  const broken = (invariant: string, message: string) =>
    violations.push(new Violation(invariant, `${message} (at ${now()})`));
  const troubles = () => troubling.reduce((sum, name) => sum + (world?.faults.met.get(name) ?? 0), 0);
  const keyOf = (component: string, revision: string) => `${component} ${revision}`;
  const isKilled = (component: string, revision: string) => world?.at().isKilled(component, revision) ?? false;
  const isReady = (component: string, revision: string) => {
    const there = copies.get(keyOf(component, revision));
    return (there !== undefined && there.running > 0 && there.readyAtMs <= now()) || isKilled(component, revision);
  };
  const percentOn = (component: string, revision: string) =>
    splits.get(component)?.find((share) => share.revision === revision)?.percent ?? 0;

  /** Numbers never fall, deployments never take turns, and nobody acts who is replaced or has ended. */
  function judgeActor(place: string, deploymentId: string, n: number): void {
    if (fenceForgotten) return;
    const before = highest.get(place) ?? 0;
    if (n < before) broken("only the newest attempt acts", `${place} obeyed attempt ${n} after ${before}`);
    highest.set(place, Math.max(before, n));
    const newest = begun.get(deploymentId);
    if (newest?.claimed && n < newest.n) {
      broken("whoever was replaced has no effect", `${place} obeyed attempt ${n}, ${newest.n} is in charge`);
    }
    if (over.has(deploymentId) && newest?.claimed) {
      broken("nothing is done after the end", `${place} obeyed attempt ${n} of ${deploymentId}`);
    }
    judgeTurn(place, deploymentId);
  }

  function judgeTurn(place: string, deploymentId: string): void {
    if (acted.at(-1) === deploymentId) return;
    if (acted.includes(deploymentId)) {
      broken("one holder acts at a time", `${place} obeyed ${deploymentId} again after ${acted.at(-1)}`);
    }
    const own = asked.findIndex(({ id }) => id === deploymentId);
    const newer = asked.slice(own + 1).find((later) => acted.includes(later.id) && isNewer(later, asked[own]));
    if (newer) broken("an older release never deploys after a newer one", `${deploymentId} acts after ${newer.id}`);
    acted.push(deploymentId);
  }

  function noteCopy({ effect, component = "", revision = "", atMs }: TargetEffect): void {
    const there = copies.get(keyOf(component, revision)) ?? { running: 0, readyAtMs: 0 };
    copies.set(keyOf(component, revision), there);
    if (effect === "spawned") {
      const start = releases[versionOfRevision(revision)]?.start ?? { kind: "ready", afterMs: 1_000 };
      there.readyAtMs = start.kind === "ready" ? atMs + start.afterMs : Number.POSITIVE_INFINITY;
      there.running++;
    }
    if (effect === "stopped" || effect === "crashed") there.running--;
  }

  function judgeStop(component: string, revision: string): void {
    const percent = percentOn(component, revision);
    if (percent > 0 && !world?.faults.routerPretends) {
      broken("nothing is stopped that has traffic", `${component} ${revision} has ${percent} %`);
    }
    const others = [...copies].some(([key, { running }]) => running > 0 && key.startsWith(`${component} `));
    const killed = [...copies.keys()].some(
      (key) => key.startsWith(`${component} `) && isKilled(component, key.slice(component.length + 1)),
    );
    if (stableServes && !others && !killed) {
      broken("the last healthy copy is never stopped", `${component} ${revision} was the last one`);
    }
  }

  const witness: Witness = {
    effect(effect) {
      const { component = "", revision = "", attempt, deploymentId } = effect;
      if (effect.effect === "forgot") fenceForgotten = true;
      if (attempt !== undefined && deploymentId !== undefined) judgeActor("the target", deploymentId, attempt);
      noteCopy(effect);
      if (effect.effect === "stopped") judgeStop(component, revision);
    },
    split(component, to, by: Attempt | null) {
      const before = JSON.stringify(splits.get(component) ?? []);
      for (const { revision, percent } of to) {
        if (percent > 0 && !isReady(component, revision)) {
          broken("traffic only on what is ready", `${component} ${revision} gets ${percent} %`);
        }
      }
      if (to.some(({ revision, percent }) => percent > percentOn(component, revision))) roseAtMs = now();
      splits.set(component, to);
      if (by === null) {
        edited.set(component, { before, by: lastBy.get(component) ?? 0 });
        return;
      }
      const was = edited.get(component);
      const isSame = was?.before === JSON.stringify(to) && was.by === by.n && before !== was.before;
      if (isSame && !world?.faults.met.get("networkSlow") && !world?.faults.met.get("routerPretends")) {
        broken("what somebody else set is not turned back unseen", `${component} by attempt ${by.n}`);
      }
      if (before !== JSON.stringify(to)) edited.delete(component);
      lastBy.set(component, by.n);
      judgeActor(`the router of ${component}`, by.deploymentId, by.n);
    },
  };

  function noteAttempt(executorId: string, { n, deploymentId }: Attempt): void {
    const before = begun.get(deploymentId)?.executorId;
    if (before !== undefined && before !== executorId) replacedAtMs.set(before, now());
    begun.set(deploymentId, { n, executorId, troubles: troubles(), claimed: false });
  }

  /** Byte by byte what the database holds; in the walks no rows come or go. */
  function hasSoundBackup(): boolean {
    const { objects } = (world as World).backups;
    return spoiltLater || [...objects.values()].some((bytes) => soundDump.equals(bytes));
  }

  function noteCall(what: string, executorId: string): void {
    const own = [...begun.values()].find((each) => each.executorId === executorId);
    if (own && !own.claimed && behindClaims.has(what)) own.claimed = own.troubles === troubles();
    if (what === "assertInCharge") askedInChargeAtMs.set(executorId, now());
    if (what === "lock") {
      guardedAtMs.set(executorId, askedInChargeAtMs.get(executorId) ?? now());
      askedInChargeAtMs.delete(executorId);
    }
    const replaced = replacedAtMs.get(executorId);
    if (!guarded.has(what) || replaced === undefined) return;
    if ((guardedAtMs.get(executorId) ?? 0) > replaced + graceMs) {
      broken("whoever was replaced begins nothing", `${executorId} calls ${what}, replaced at ${replaced}`);
    }
  }

  return {
    violations: violations as readonly Violation[],
    witness,
    asked,
    unsafeMigrations: unsafeMigrations as readonly string[],
    /** Somebody spoils the backups in their store. */
    spoils: () => {
      spoiltLater = true;
    },
    promotedAtMs: promotedAtMs as ReadonlyMap<string, number>,
    /** When some version last got more traffic. */
    roseAtMs: () => roseAtMs,
    attend: (its: World) => {
      world = its;
    },
    serves: () => {
      stableServes = true;
    },
    onCall(what: string, executorId: string, when: "before" | "after", answer?: unknown): void {
      const deploymentId = world?.deploymentOf(executorId) ?? "";
      if (when === "before") {
        noteCall(what, executorId);
        if (what === "apply" && !hasSoundBackup()) unsafeMigrations.push(`${deploymentId} at ${now()}`);
        if (what === "setServing") promotedAtMs.set(deploymentId, now());
        return;
      }
      if (what === "beginAttempt") noteAttempt(executorId, answer as Attempt);
      if (what === "finish") over.add(deploymentId);
    },
    /** As many failed rounds in a row as configured end a step: there is no further one. */
    onAnswer(executorId: string, _instance: Instance, verdict: Verdict): void {
      const failed = verdict.kind === "fail";
      const round = rounds.get(executorId);
      if (round?.atMs === now()) {
        round.failed ||= failed;
        return;
      }
      const failedBefore = round?.failed ? round.failedBefore + 1 : 0;
      if (failedBefore >= failureLimit) {
        broken("failed rounds are not borne", `${failedBefore} in a row, and ${executorId} goes on`);
      }
      rounds.set(executorId, { atMs: now(), failed, failedBefore });
    },
  };
}

/** Where the versions say so. */
function isNewer(later: Asked, earlier: Asked | undefined): boolean {
  if (earlier === undefined || later.kind === "rollback" || earlier.kind === "rollback") return false;
  return semver.gt(later.version, earlier.version);
}
