/**
 * Z5: any release, killed anywhere, cancelled at any time, with late and double messages, outages and take-overs of the living:
 * whatever happens, it ends, and what it says of its end is what the world looks like.
 *
 * SLUICE_SEEDS=<count> runs more, SLUICE_SEED=<seed> replays one: the command stands in each failure.
 */
import { expect, test } from "vitest";
import type { FailureAction } from "../../src/domain/settings.ts";
import { fail } from "../../src/domain/verdict.ts";
import type { Fate } from "../../src/engine/simulated/world.ts";
import { quick } from "./quick.ts";
import { mulberry32, scenarioWorld, type World } from "./world.ts";
import { hour, minute, type SettingsChange, second } from "./world-settings.ts";
import type { ReleaseBehaviour } from "./world-sources.ts";

type Chance = () => number;

const among = <T>(chance: Chance, choices: readonly T[]): T => choices[Math.floor(chance() * choices.length)] as T;

const adds = { id: "001_add", sql: "ALTER TABLE orders ADD COLUMN note text" };

const releasesToChoose: readonly ReleaseBehaviour[] = [
  {},
  {},
  { migrations: [adds] },
  { errorRate: 0.5 },
  { errorRate: 0.08 },
  { start: { kind: "crashes", afterMs: 300, lastLines: "no" } },
  { start: { kind: "never-ready" } },
  { start: { kind: "ready", afterMs: 5_000 } },
  { buildFails: true },
  { health: () => fail("sick") },
  { smoke: () => fail("checkout is broken"), migrations: [adds] },
];

function settingsFor(chance: Chance): SettingsChange {
  const smoke = among<FailureAction>(chance, ["roll-back", "hold", "alert"]);
  const observation = among<FailureAction>(chance, ["roll-back", "alert"]);
  return {
    ...quick,
    build: among(chance, ["before-plan", "with-migrations"]),
    approvals: { required: among(chance, [0, 0, 1]), timeoutMs: 10 * minute, remindEveryMs: 2 * minute },
    rollback: { on: { health: "roll-back", smoke, observation, rollout: "roll-back" } },
    rollout: { ...quick.rollout, keepStableMs: among(chance, [0, 60_000]) },
  };
}

/** Things that happen to a deployment, each at a random time. */
const mishaps: readonly ((world: World, id: string, chance: Chance) => unknown)[] = [
  (world, id) => world.cancel(id),
  (world, id) => world.takeOver(id),
  (world, id) => world.crash(id),
  (world, id) => world.approve(id, "bob"),
  (world, id) => world.promote(id),
  (world) => outage(world, "ledgerAway", 20 * second),
  (world) => outage(world, "targetDown", 4 * second),
  (world) => outage(world, "targetDown", 40 * second),
  (world) => outage(world, "routerDown", 40 * second),
  (world) => outage(world, "routerDown", 4 * second),
  (world) => outage(world, "channelDown", minute),
  (world) => outage(world, "channelHangs", minute),
  (world) => outage(world, "recordsFolderDown", minute),
];

async function outage(world: World, what: keyof World["faults"], forMs: number): Promise<void> {
  world.faults[what] = true;
  await world.clock.sleep(forMs);
  world.faults[what] = false;
}

async function walk(seed: number): Promise<string> {
  const chance = mulberry32(seed);
  const deaths = new Set(Array.from({ length: Math.floor(chance() * 4) }, () => Math.floor(chance() * 120)));
  let armed = false;
  let calls = 0;
  const onJournalCall = (): Fate => {
    if (!armed || !deaths.has(++calls)) return "go";
    return among(chance, ["die-before", "die-after"]);
  };
  const world = scenarioWorld({
    releases: { "v1.0.0": {}, "v1.1.0": among(chance, releasesToChoose) },
    settings: settingsFor(chance),
    requestsPerSecond: among(chance, [1, 20, 20]),
    seed,
    supervised: true,
    onJournalCall,
    onSend: () => among(chance, [[0], [0, 500], [3_000], [2_000, 0]]),
  });
  try {
    const first = await firstDeployment(world);
    armed = true;
    const { id, outcome } = await secondDeployment(world, chance, () => {
      armed = false;
    });
    await invariants(world, id, outcome, first);
    return outcome ?? "none";
  } finally {
    world.dispose();
  }
}

/** Approved where that is needed; it may end undecided where hardly anybody comes. Returns whether something serves. */
async function firstDeployment(world: World): Promise<boolean> {
  const id = await world.begin("v1.0.0");
  void world.clock.sleep(5 * second).then(() => world.approve(id, "bob"));
  return (await world.ended(id)).outcome === "succeeded";
}

async function secondDeployment(world: World, chance: Chance, calm: () => void) {
  const id = await world.begin("v1.1.0");
  if (chance() < 0.8) void world.clock.sleep(8 * second).then(() => world.approve(id, "bob"));
  for (let n = Math.floor(chance() * 4); n > 0; n--) {
    const mishap = among(chance, mishaps);
    void world.clock.sleep(chance() * 40 * second).then(() => mishap(world, id, chance));
  }
  // From here on nothing new goes wrong: a held or waiting deployment ends by its own limits.
  void world.clock.sleep(2 * minute).then(calm);
  void world.clock.sleep(hour).then(() => world.release(id));
  return world.ended(id, 4 * hour);
}

async function invariants(world: World, id: string, outcome: string | null, hadStable: boolean): Promise<void> {
  await world.clock.sleep(2 * minute);
  const row = await world.ledger.deployment(id);
  const record = (await world.ledger.record(id)) as { readonly outcome: string } | undefined;
  expect(row?.state).toBe("ended");
  expect(await world.ledger.lock("production"), "the lock is free at the end").toBeUndefined();
  expect(record?.outcome, "the record says what the row says").toBe(outcome);

  const serves = (await world.ledger.serving("production"))?.version ?? null;
  const stable = hadStable ? "v1.0.0" : null;
  expect(serves, `what serves after ${outcome}`).toBe(outcome === "succeeded" ? "v1.1.0" : stable);
  await trafficFits(world, outcome, serves);
  expect(world.at().lost, "requests that met nobody").toEqual([]);
  expect(new Set(world.applied).size).toBe(world.applied.length);
  expect(world.channel.told().length).toBe(new Set(world.channel.deliveries.map(({ key }) => key)).size);
}

/** What could not be undone is left to a person, but no traffic is ever left on something that is not there. */
async function trafficFits(world: World, outcome: string | null, serves: string | null): Promise<void> {
  const undone = outcome !== "rollback-failed" && outcome !== "quarantined";
  const running = await world.at().running();
  const weights = [await world.at().weights("api"), await world.at().weights("web")];
  for (const weight of weights.flat()) {
    expect(
      running.some((name) => name.endsWith(` ${weight.split(" ")[0]}`)),
      `${weight} runs`,
    ).toBe(true);
  }
  if (!undone) return;
  const all = serves ? [`${serves} 100 %`] : [];
  expect(weights, `traffic after ${outcome}`).toEqual([all, all]);
  const others = running.filter((name) => !name.endsWith(` ${serves}`) && !name.endsWith(" v1.0.0"));
  expect(others, `running after ${outcome}`).toEqual([]);
}

const only = Number(process.env.SLUICE_SEED ?? 0);
const count = Number(process.env.SLUICE_SEEDS ?? 300);

test("Z5 Z1 whatever happens to a deployment, it ends, and tells the truth about its end", async () => {
  const startedAtMs = performance.now();
  const seeds = only > 0 ? [only] : Array.from({ length: count }, (_, n) => n + 1);
  const outcomes = new Map<string, number>();
  for (const seed of seeds) {
    const outcome = await walk(seed).catch((thrown: Error) => {
      thrown.message = `seed ${seed}: ${thrown.message}\nSee it again: SLUICE_SEED=${seed} npx vitest run test/scenarios/random-walk.test.ts`;
      throw thrown;
    });
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  const perSecond = (1_000 * seeds.length) / (performance.now() - startedAtMs);
  const seen = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(", ");
  console.info(`${seeds.length} seeds, ${perSecond.toFixed(0)} per second: ${seen}`);
  // A walk that always takes the same way would prove little.
  if (seeds.length >= 100) expect(outcomes.size).toBeGreaterThanOrEqual(6);
}, 300_000);
