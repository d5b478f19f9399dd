/** What a random walk is made of: releases good and bad, settings, and the things that go wrong, each counted where it happens. */
import type { FailureAction } from "../../src/domain/settings.ts";
import { fail } from "../../src/domain/verdict.ts";
import { quick } from "./quick.ts";
import type { World } from "./world.ts";
import { minute, type SettingsChange, second } from "./world-settings.ts";
import type { ReleaseBehaviour } from "./world-sources.ts";

export type Chance = () => number;

export const among = <T>(chance: Chance, choices: readonly T[]): T =>
  choices[Math.floor(chance() * choices.length)] as T;

export interface WalkRelease extends ReleaseBehaviour {
  /** What every deployment of it must notice, whatever is configured for smoke and observation. */
  readonly neverServes?: boolean;
  /** What the smoke suite must notice: it may serve where a failed smoke suite does not send it back. */
  readonly smokeFails?: boolean;
}

const adds = { id: "001_add", sql: "ALTER TABLE orders ADD COLUMN note text" };

export const releasesToChoose: readonly WalkRelease[] = [
  {},
  {},
  { migrations: [adds] },
  { errorRate: 0.5, neverServes: true },
  { errorRate: 0.08 },
  { start: { kind: "crashes", afterMs: 300, lastLines: "no" }, neverServes: true },
  { start: { kind: "never-ready" }, neverServes: true },
  { start: { kind: "ready", afterMs: 5_000 } },
  { buildFails: true, neverServes: true },
  { health: () => fail("sick"), neverServes: true },
  { smoke: () => fail("checkout is broken"), migrations: [adds], smokeFails: true },
];

export function settingsFor(chance: Chance) {
  const smoke = among<FailureAction>(chance, ["roll-back", "hold", "alert"]);
  const observation = among<FailureAction>(chance, ["roll-back", "alert"]);
  return {
    ...quick,
    build: among(chance, ["before-plan", "with-migrations"]),
    approvals: { required: among(chance, [0, 0, 1]), timeoutMs: 10 * minute, remindEveryMs: 2 * minute },
    rollback: { on: { health: "roll-back", smoke, observation, rollout: "roll-back" } },
    rollout: { ...quick.rollout, keepStableMs: among(chance, [0, 60_000]) },
  } as const satisfies SettingsChange;
}

interface Mishap {
  readonly name: string;
  readonly happen: (world: World, id: string) => unknown;
}

async function outage(world: World, what: keyof World["faults"], forMs: number): Promise<void> {
  world.faults[what] = true;
  await world.clock.sleep(forMs);
  world.faults[what] = false;
}

const outageOf = (name: string, what: keyof World["faults"], forMs: number): Mishap => ({
  name,
  happen: (world) => outage(world, what, forMs),
});

/** Things that happen to a deployment, each at a random time. */
export const mishaps: readonly Mishap[] = [
  { name: "cancelled", happen: (world, id) => world.cancel(id) },
  { name: "taken over while it lives", happen: (world, id) => world.takeOver(id) },
  { name: "process killed", happen: (world, id) => world.crash(id) },
  { name: "approved once more", happen: (world, id) => world.approve(id, "bob") },
  { name: "vote of its starter", happen: (world, id) => world.approve(id, "ada") },
  { name: "vote of a stranger", happen: (world, id) => world.approve(id, "mallory") },
  { name: "vote for another plan", happen: (world, id) => world.vote(id, "bob", { planDigest: "another" }) },
  { name: "vote with a forged proof", happen: (world, id) => world.vote(id, "eve", { comment: "forged" }) },
  { name: "promoted by hand", happen: (world, id) => world.promote(id) },
  outageOf("ledger away 20 s", "ledgerAway", 20 * second),
  outageOf("target down 4 s", "targetDown", 4 * second),
  outageOf("target down 40 s", "targetDown", 40 * second),
  outageOf("router down 40 s", "routerDown", 40 * second),
  outageOf("router down 4 s", "routerDown", 4 * second),
  outageOf("channel down", "channelDown", minute),
  outageOf("channel hangs", "channelHangs", minute),
  outageOf("records folder down", "recordsFolderDown", minute),
  outageOf("checkpoints away", "checkpointsAway", minute),
  outageOf("network slow 10 s", "networkSlow", 10 * second),
  {
    name: "taken over with calls under way",
    happen: async (world, id) => {
      const slow = outage(world, "networkSlow", 2 * second);
      await world.clock.sleep(second);
      world.takeOver(id);
      await slow;
    },
  },
];
