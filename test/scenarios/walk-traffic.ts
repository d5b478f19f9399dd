/** What runs and what has traffic, from the target's and the routers' own logs alone; and what must hold between the two. */
import { versionOfRevision } from "../../src/domain/ids.ts";
import type { Split } from "../../src/domain/traffic.ts";
import type { TargetEffect } from "../../src/testing/memory-target.ts";
import type { ActorsWorld } from "./walk-actors.ts";
import type { Releases } from "./world-sources.ts";

/** A version gets more traffic, and what the clients have had from it until then, in all components. */
export interface Rise {
  readonly version: string;
  readonly percent: number;
  readonly requests: number;
  readonly failed: number;
}

interface TrafficWorld extends Omit<ActorsWorld, "isByHand"> {
  readonly servedBy: (version: string) => { readonly requests: number; readonly failed: number };
  readonly releases: Releases;
  /** It died by itself: nobody is to blame that it does not run. */
  readonly isKilled: (component: string, revision: string) => boolean;
}

export function watchTraffic({ now, faults, broken, releases, isKilled, servedBy }: TrafficWorld) {
  const copies = new Map<string, { component: string; revision: string; running: number; readyAtMs: number }>();
  const splits = new Map<string, Split>();
  const edits = watchEdits(now, broken);
  const rises: Rise[] = [];
  let stableServes = false;
  let roseAtMs = 0;

  const percentOn = (component: string, revision: string) =>
    splits.get(component)?.find((share) => share.revision === revision)?.percent ?? 0;
  const isReady = (component: string, revision: string) => {
    const there = copies.get(`${component} ${revision}`);
    return (there !== undefined && there.running > 0 && there.readyAtMs <= now()) || isKilled(component, revision);
  };

  function judgeStop(component: string, revision: string): void {
    const percent = percentOn(component, revision);
    if (percent > 0 && !faults()?.routerPretends) {
      broken("nothing is stopped that has traffic", `${component} ${revision} has ${percent} %`);
    }
    const left = [...copies.values()].filter((each) => each.component === component);
    const isLast = left.every((each) => each.running === 0 && !isKilled(component, each.revision));
    if (stableServes && isLast) {
      broken("the last healthy copy is never stopped", `${component} ${revision} was the last one`);
    }
  }

  return {
    serves: () => {
      stableServes = true;
    },
    /** When some version last got more traffic. */
    roseAtMs: () => roseAtMs,
    rises: rises as readonly Rise[],
    effect({ effect, component = "", revision = "", atMs }: TargetEffect): void {
      const key = `${component} ${revision}`;
      const there = copies.get(key) ?? { component, revision, running: 0, readyAtMs: 0 };
      copies.set(key, there);
      if (effect === "spawned") {
        there.readyAtMs = readyAtMs(releases, revision, atMs);
        there.running++;
      }
      if (effect === "stopped" || effect === "crashed") there.running--;
      if (effect === "stopped") judgeStop(component, revision);
    },
    /** `n` is the attempt that asked for it; null where nobody did. */
    split(component: string, to: Split, n: number | null): void {
      const before = splits.get(component) ?? [];
      const unready = to.filter(({ revision, percent }) => percent > 0 && !isReady(component, revision));
      for (const { revision } of unready) broken("traffic only on what is ready", `${component} ${revision}`);
      for (const { revision, percent } of to.filter((each) => each.percent > percentOn(component, each.revision))) {
        roseAtMs = now();
        rises.push({ version: versionOfRevision(revision), percent, ...servedBy(versionOfRevision(revision)) });
      }
      splits.set(component, to);
      const excused = (faults()?.met.get("networkSlow") ?? 0) + (faults()?.met.get("routerPretends") ?? 0) > 0;
      edits.split(component, JSON.stringify(before), JSON.stringify(to), excused ? null : n);
    },
  };
}

function readyAtMs(releases: Releases, revision: string, startedAtMs: number): number {
  const start = releases[versionOfRevision(revision)]?.start ?? { kind: "ready", afterMs: 1_000 };
  return start.kind === "ready" ? startedAtMs + start.afterMs : Number.POSITIVE_INFINITY;
}

/** Weights that somebody else has set: the attempt that had set them before must not set the same again as if nothing was. */
function watchEdits(now: () => number, broken: ActorsWorld["broken"]) {
  const edited = new Map<string, { readonly was: string; readonly by: number; readonly atMs: number }>();
  const lastBy = new Map<string, number>();
  return {
    split(component: string, before: string, to: string, n: number | null): void {
      if (n === null) {
        edited.set(component, { was: before, by: lastBy.get(component) ?? 0, atMs: now() });
        return;
      }
      const edit = edited.get(component);
      // Between a look and the call that follows it nobody can see anything.
      const couldSee = edit !== undefined && edit.atMs < now();
      if (couldSee && edit.was === to && edit.by === n && before !== to) {
        broken("what somebody else set is not turned back unseen", `${component} by attempt ${n}`);
      }
      if (before !== to) edited.delete(component);
      lastBy.set(component, n);
    },
  };
}
