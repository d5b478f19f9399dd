/**
 * What must hold at every moment of a walk, checked as each effect happens (walk-actors.ts, walk-traffic.ts, and the rounds of
 * checks here). It knows what the fakes tell (effects of the target, weights of the routers, calls of the processes), and nothing
 * of the ledger's rows. A broken promise is kept until the end: thrown here it would look like a fault of the part that was called.
 */
import type { Attempt } from "../../src/domain/attempt.ts";
import type { Verdict } from "../../src/domain/verdict.ts";
import { watchActors } from "./walk-actors.ts";
import { watchTraffic } from "./walk-traffic.ts";
import { Violation } from "./walk-violation.ts";
import type { World } from "./world.ts";
import { liveTables, wholeDump } from "./world-fakes.ts";
import type { Witness } from "./world-place.ts";
import type { Releases } from "./world-sources.ts";

const soundDump = await wholeDump(liveTables);
const failureLimit = 2;

export type Watch = ReturnType<typeof openWatch>;

export function openWatch(releases: Releases) {
  const violations: Violation[] = [];
  const promotedAtMs = new Map<string, number>();
  const unsafeMigrations: string[] = [];
  let world: World | undefined;
  let spoiltLater = false;

  const now = () => world?.clock.now() ?? 0;
  const { promise: broke, reject: giveUp } = Promise.withResolvers<never>();
  broke.catch(() => undefined);
  const broken = (invariant: string, message: string) => {
    const violation = new Violation(invariant, `${message} (at ${now()})`);
    violations.push(violation);
    giveUp(violation);
  };
  const faults = () => world?.faults;
  const isKilled = (component: string, revision: string) => world?.at().isKilled(component, revision) ?? false;
  const isByHand = (executorId: string) =>
    world?.processes.some((each) => each.executorId === executorId && each.byHand) ?? false;
  const actors = watchActors({ now, faults, broken, isByHand });
  const servedBy = (version: string) => {
    const all = [...(world?.at().served ?? [])].filter(([name]) => name.endsWith(` ${version}`));
    const sum = (what: "requests" | "failed") => all.reduce((so, [, counts]) => so + counts[what], 0);
    return { requests: sum("requests"), failed: sum("failed") };
  };
  const traffic = watchTraffic({ now, faults, broken, releases, isKilled, servedBy });

  const witness: Witness = {
    effect(effect) {
      const { attempt, deploymentId } = effect;
      if (effect.effect === "forgot") actors.forgot();
      if (attempt !== undefined && deploymentId !== undefined) actors.obeyed("the target", deploymentId, attempt);
      traffic.effect(effect);
    },
    split(component, to, by) {
      traffic.split(component, to, by?.n ?? null);
      if (by) actors.obeyed(`the router of ${component}`, by.deploymentId, by.n);
    },
  };

  /** The deployment's own, byte by byte what the database holds; in the walks no rows come or go. */
  const hasSoundBackup = (deploymentId: string): boolean =>
    spoiltLater ||
    [...(world as World).backups.objects].some(([key, bytes]) => key.includes(deploymentId) && soundDump.equals(bytes));

  function before(what: string, executorId: string, deploymentId: string): void {
    actors.calls(what, executorId);
    if (what === "apply" && !hasSoundBackup(deploymentId)) unsafeMigrations.push(`${deploymentId} at ${now()}`);
    if (what === "setServing") promotedAtMs.set(deploymentId, now());
  }

  function after(what: string, executorId: string, deploymentId: string, answer: unknown): void {
    if (what === "beginAttempt") actors.began(executorId, answer as Attempt);
    if (what === "heartbeat") actors.beat(executorId);
    if (what === "release") actors.handedBack(executorId);
    if (what === "finish") actors.ended(deploymentId);
  }

  return {
    violations: violations as readonly Violation[],
    /** Rejects with the first of them: what happens after it is of no interest, and may go on for ever. */
    broke,
    witness,
    asked: actors.asked,
    promotedAtMs: promotedAtMs as ReadonlyMap<string, number>,
    unsafeMigrations: unsafeMigrations as readonly string[],
    roseAtMs: traffic.roseAtMs,
    rises: traffic.rises,
    serves: traffic.serves,
    /** Somebody spoils the backups in their store. */
    spoils: () => {
      spoiltLater = true;
    },
    attend: (its: World) => {
      world = its;
    },
    onCall(what: string, executorId: string, when: "before" | "after", answer?: unknown): void {
      const deploymentId = world?.deploymentOf(executorId) ?? "";
      if (when === "before") before(what, executorId, deploymentId);
      else after(what, executorId, deploymentId, answer);
    },
    onAnswer: watchRounds(now, broken),
  };
}

/** As many failed rounds in a row as configured end a step: there is no further one. */
function watchRounds(now: () => number, broken: (invariant: string, message: string) => void) {
  const rounds = new Map<string, { readonly atMs: number; failed: boolean; readonly failedBefore: number }>();
  return (executorId: string, _instance: unknown, { kind }: Verdict): void => {
    const failed = kind === "fail";
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
  };
}
