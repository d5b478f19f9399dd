/** Who may act: of several processes and deployments one at a time, and none that was replaced or has ended. */
import semver from "semver";
import type { Attempt } from "../../src/domain/attempt.ts";
import type { FaultName, Faults } from "./world-faults.ts";

export interface Asked {
  readonly id: string;
  readonly kind: "deploy" | "rollback";
  readonly version: string;
}

export type Broken = (invariant: string, message: string) => void;

interface Begun {
  readonly n: number;
  readonly executorId: string;
  /** Troubles of target, routers and network so far, when it began. */
  readonly troubles: number;
  /** Whoever lost the lock claims nothing: what its predecessor still has under way is for the lock's next holder to shut out. */
  claims: boolean;
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
/** Of the scenarios (world-settings.ts), and of whoever has just begun. */
const leaseMs = 3_000;

export interface ActorsWorld {
  readonly now: () => number;
  readonly faults: () => Faults | undefined;
  readonly broken: Broken;
  /** Somebody told it to take over. */
  readonly isByHand: (executorId: string) => boolean;
}

export function watchActors({ now, faults, broken, isByHand }: ActorsWorld) {
  const asked: Asked[] = [];
  const acted: string[] = [];
  const over = new Set<string>();
  const begun = new Map<string, Begun>();
  const replacedAtMs = new Map<string, number>();
  const guards = openGuards(now);
  /** Process → when the ledger last heard that it lives; a process that hands its deployment back is not in it. */
  const beatAtMs = new Map<string, number>();
  const highest = new Map<string, number>();
  let fenceForgotten = false;

  const troubles = () => troubling.reduce((sum, name) => sum + (faults()?.met.get(name) ?? 0), 0);

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

  function judgeNumber(place: string, n: number): void {
    const before = highest.get(place) ?? 0;
    if (n < before) broken("only the newest attempt acts", `${place} obeyed attempt ${n} after ${before}`);
    highest.set(place, Math.max(before, n));
  }

  function judgeCharge(place: string, deploymentId: string, n: number): void {
    const newest = begun.get(deploymentId);
    if (!newest?.claimed) return;
    if (n < newest.n)
      broken("whoever was replaced has no effect", `${place} obeyed attempt ${n}, ${newest.n} is in charge`);
    if (over.has(deploymentId)) {
      broken("nothing is done after the end", `${place} obeyed attempt ${n} of ${deploymentId}`);
    }
  }

  function judgeTakeOver(before: string, executorId: string): void {
    const heardMs = now() - (beatAtMs.get(before) ?? 0);
    if (heardMs > leaseMs || replacedAtMs.has(before) || isByHand(executorId)) return;
    broken("nobody is replaced within its lease", `${executorId} replaces ${before}, heard of ${heardMs} ms ago`);
  }

  return {
    asked,
    /** A target that lost its fence cannot refuse anybody: nothing is promised from then on. */
    forgot(): void {
      fenceForgotten = true;
    },
    /** `place` obeyed it. */
    obeyed(place: string, deploymentId: string, n: number): void {
      if (fenceForgotten) return;
      judgeNumber(place, n);
      judgeCharge(place, deploymentId, n);
      judgeTurn(place, deploymentId);
    },
    beat: (executorId: string): void => void beatAtMs.set(executorId, now()),
    handedBack: (executorId: string): void => void beatAtMs.delete(executorId),
    ended: (deploymentId: string): void => void over.add(deploymentId),
    began(executorId: string, { n, deploymentId }: Attempt): void {
      const before = begun.get(deploymentId)?.executorId;
      if (before !== undefined && before !== executorId) {
        judgeTakeOver(before, executorId);
        replacedAtMs.set(before, now());
      }
      beatAtMs.set(executorId, now());
      begun.set(deploymentId, { n, executorId, troubles: troubles(), claims: false, claimed: false });
    },
    calls(what: string, executorId: string): void {
      const own = [...begun.values()].find((each) => each.executorId === executorId);
      if (own && what === "claim") own.claims = true;
      if (own?.claims && !own.claimed && behindClaims.has(what)) own.claimed = own.troubles === troubles();
      guards.calls(what, executorId);
      const replaced = replacedAtMs.get(executorId);
      if (guarded.has(what) && replaced !== undefined && guards.lastAtMs(executorId) > replaced + graceMs) {
        broken("whoever was replaced begins nothing", `${executorId} calls ${what}, replaced at ${replaced}`);
      }
    },
  };
}

/** When each process last began to ask whether it is in charge: it asks for that, then for the lock. */
function openGuards(now: () => number) {
  const begunAtMs = new Map<string, number>();
  const doneAtMs = new Map<string, number>();
  return {
    lastAtMs: (executorId: string): number => doneAtMs.get(executorId) ?? 0,
    calls(what: string, executorId: string): void {
      if (what === "assertInCharge") begunAtMs.set(executorId, now());
      if (what !== "lock") return;
      doneAtMs.set(executorId, begunAtMs.get(executorId) ?? now());
      begunAtMs.delete(executorId);
    },
  };
}

/** Where the versions say so. */
function isNewer(later: Asked, earlier: Asked | undefined): boolean {
  if (earlier === undefined || later.kind === "rollback" || earlier.kind === "rollback") return false;
  return semver.gt(later.version, earlier.version);
}
