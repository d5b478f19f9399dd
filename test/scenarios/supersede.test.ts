/** Those that wait, for people or for the lock: who comes next, and who no longer has to. */
import { expect, test } from "vitest";
import { inServingWorld } from "./in-world.ts";
import { quick } from "./quick.ts";
import type { World, WorldOptions } from "./world.ts";
import { hour, minute, type SettingsChange } from "./world-settings.ts";

const releases = { "v1.0.0": {}, "v1.1.0": {}, "v1.2.0": {}, "v1.3.0": {} };
const queueing: SettingsChange = { lock: { onBusy: "queue", queueTimeoutMs: 6 * hour } };

/** `v1.0.0` serves; from now on a deployment may ask for approvals by itself. */
const served = (more: WorldOptions = {}): Promise<World> => inServingWorld({ releases, ...more });

/** `v1.1.0` holds the lock and is in the middle of its rollout. */
async function busy(more: WorldOptions = {}): Promise<{ readonly world: World; readonly holder: string }> {
  const world = await served({ settings: queueing, ...more });
  const holder = await world.begin("v1.1.0");
  await world.untilTold(holder, /^5 % on/);
  return { world, holder };
}

async function waitsForPeople(world: World, version: string): Promise<string> {
  const id = await world.begin(version, { approvals: 1 });
  await world.untilTold(id, /^waiting for 1 more approval/);
  return id;
}

async function queues(world: World, version: string): Promise<string> {
  const id = await world.begin(version);
  await world.untilTold(id, /^waiting for deployment/);
  return id;
}

const endOf = async (world: World, id: string) => {
  const { outcome, failure } = await world.ended(id);
  return { outcome, code: failure?.code };
};

const superseded = { outcome: "superseded", code: "SUPERSEDED" };

test("P3 L1 one that waits for approval is superseded by a newer release, at once and visibly", async () => {
  const world = await served();
  const older = await waitsForPeople(world, "v1.1.0");

  const newer = await waitsForPeople(world, "v1.2.0");
  const startedAtMs = world.clock.now();
  const { failure, events } = await world.ended(older);

  expect(await endOf(world, older)).toEqual(superseded);
  expect(world.clock.now() - startedAtMs).toBeLessThan(minute);
  expect(failure?.message).toContain(`v1.2.0 (deployment ${newer})`);
  expect(events.map(({ title }) => title)).toContain(`Superseded by v1.2.0 (deployment ${newer})`);
  expect((await world.ledger.events(newer, 0)).map(({ title }) => title)).toContain(
    `takes the place of v1.1.0 (deployment ${older}, started by ada)`,
  );
  expect(world.told()).toContain("superseded");
  await world.approve(newer, "bob");
  expect((await world.ended(newer)).outcome).toBe("succeeded");
});

test("P3 a vote that comes too late does not bring back what was superseded", async () => {
  const world = await served();
  const older = await waitsForPeople(world, "v1.1.0");
  world.crash(older);
  const newer = await waitsForPeople(world, "v1.2.0");
  await world.approve(older, "bob");

  world.takeOver(older);

  expect(await endOf(world, older)).toEqual(superseded);
  expect((await world.ledger.deployment(newer))?.outcome).toBeNull();
});

test("P3 L1 an older version, asked for on purpose while a newer one waits, supersedes nothing and is not superseded", async () => {
  const world = await served();
  const newer = await waitsForPeople(world, "v1.2.0");

  const { outcome } = await world.deploy("v1.1.0");
  await world.clock.sleep(minute);

  expect(outcome).toBe("succeeded");
  expect((await world.ledger.deployment(newer))?.superseded).toBeNull();
});

test("L1 an older version, asked for after the newer one was deployed, is deployed", async () => {
  const world = await served();
  await world.deploy("v1.2.0");

  const { outcome } = await world.deploy("v1.1.0");

  expect(outcome).toBe("succeeded");
  expect(await world.at().weights("web")).toEqual(["v1.1.0 100 %"]);
});

test("P3 a release that its plan forbids takes nobody's place", async () => {
  const world = await served();
  const older = await waitsForPeople(world, "v1.1.0");
  await world.ledger.acquireManualLock("production", "kim", "incident 42");

  const { outcome } = await world.deploy("v1.2.0");
  await world.clock.sleep(minute);

  expect(outcome).toBe("refused");
  expect((await world.ledger.deployment(older))?.superseded).toBeNull();
});

test("L1 one that holds the lock is never superseded", async () => {
  const { world, holder } = await busy();

  await queues(world, "v1.2.0");
  const { outcome, events } = await world.ended(holder);

  expect(outcome).toBe("succeeded");
  expect(events.filter(({ title }) => title.startsWith("Superseded"))).toEqual([]);
  expect((await world.ledger.deployment(holder))?.superseded).toBeNull();
});

test("L1 a queued older release never deploys last: a newer one takes its place in the queue", async () => {
  const { world, holder } = await busy();
  const older = await queues(world, "v1.2.0");
  const newer = await queues(world, "v1.3.0");

  await world.cancel(holder);

  expect(await endOf(world, older)).toEqual(superseded);
  expect((await world.ended(newer)).outcome).toBe("succeeded");
  expect(await world.at().weights("web")).toEqual(["v1.3.0 100 %"]);
  expect(world.at().shifts.some(({ weights }) => weights.join().includes("v1.2.0"))).toBe(false);
  expect(world.at().lost).toEqual([]);
});

test("L1 first come, first served: of two that queue the one that came first gets the lock", async () => {
  const { world, holder } = await busy();
  const first = await queues(world, "v1.3.0");
  const second = await queues(world, "v1.2.0");

  await world.cancel(holder);
  await world.untilTold(first, /holds the lock of production/);

  expect((await world.ledger.lock("production"))?.deploymentId).toBe(first);
  expect((await world.ended(first)).outcome).toBe("succeeded");
  // Its plan would have returned to a version that no longer serves.
  expect(await endOf(world, second)).toEqual({ outcome: "refused", code: "PLAN_REFUSED" });
  expect(await world.at().weights("web")).toEqual(["v1.3.0 100 %"]);
});

test("L1 X3 a way back does not wait behind ways forward", async () => {
  const world = await served({ settings: queueing });
  await world.deploy("v1.1.0");
  const holder = await world.begin("v1.2.0");
  await world.untilTold(holder, /^5 % on/);
  const next = await queues(world, "v1.3.0");
  const back = await world.beginRollback();
  await world.untilTold(back, /^waiting for deployment/);

  await world.cancel(holder);
  const { outcome } = await world.ended(back);

  expect(outcome).toBe("succeeded");
  expect((await world.ledger.deployment(back))?.superseded).toBeNull();
  expect(await endOf(world, next)).toEqual({ outcome: "refused", code: "PLAN_REFUSED" });
  expect(await world.at().weights("web")).toEqual(["v1.0.0 100 %"]);
});

test("L1 Z1 nobody waits behind one that queued and died; back again, it is superseded where a newer one was deployed", async () => {
  const { world, holder } = await busy();
  const dead = await queues(world, "v1.2.0");
  world.crash(dead);
  const newer = await queues(world, "v1.3.0");

  await world.cancel(holder);
  expect((await world.ended(newer)).outcome).toBe("succeeded");
  world.takeOver(dead);

  expect(await endOf(world, dead)).toEqual(superseded);
  expect(await world.at().weights("web")).toEqual(["v1.3.0 100 %"]);
});

/** A world in which the next process that has taken this step dies before it is in the journal. */
async function deadly(step: string, more: WorldOptions = {}) {
  let armed = false;
  const world = await served({
    ...more,
    onJournalCall: (_n, what) => {
      const dies = armed && what.endsWith(`step ${step} record`);
      if (dies) armed = false;
      return dies ? "die-before" : "go";
    },
  });
  const arm = () => {
    armed = true;
  };
  return { world, arm };
}

test("L1 L3 one that lost the lock to a person before it did anything is superseded by what was deployed since", async () => {
  const { world, arm } = await deadly("lock", { settings: queueing });
  arm();
  const older = await world.begin("v1.1.0");
  await world.untilTold(older, "holds the lock of production");
  const newer = await queues(world, "v1.2.0");
  await world.ledger.forceUnlock("production", "kim", "it hangs");
  await world.ended(newer);
  const flagged = (await world.ledger.deployment(older))?.superseded;

  world.takeOver(older);

  expect(await endOf(world, older)).toEqual(superseded);
  expect(flagged).toBeNull();
  expect(await world.at().weights("web")).toEqual(["v1.2.0 100 %"]);
});

test("Z1 a process that dies while it takes others' places has taken them when it is back, once", async () => {
  const { world, arm } = await deadly("supersede");
  const older = await waitsForPeople(world, "v1.1.0");
  arm();
  const newer = await world.begin("v1.2.0", { approvals: 1 });
  expect(await endOf(world, older)).toEqual(superseded);

  world.takeOver(newer);
  await world.untilTold(newer, /^waiting for 1 more approval/);

  const titles = (await world.ledger.events(older, 0)).map(({ title }) => title);
  expect(titles.filter((title) => title.startsWith("Superseded by"))).toHaveLength(1);
});

test("P3 L1 no lock is held while it waits for people, nor in the wait timer after them", async () => {
  const world = await served({ settings: { approvals: { waitMs: 30 * minute } } });
  const id = await waitsForPeople(world, "v1.1.0");
  const whileAsking = await world.ledger.lock("production");
  await world.approve(id, "bob");
  await world.untilTold(id, /until then: sluice cancel/);

  const inTheTimer = await world.ledger.lock("production");
  await world.begin("v1.2.0");

  expect([whileAsking, inTheTimer]).toEqual([undefined, undefined]);
  expect(await endOf(world, id)).toEqual(superseded);
});

/** Both are killed and taken over: `atCall` counts the touches of both journals from the newer one's beginning. */
async function supersededWithDeath(atCall: number, how: "die-before" | "die-after") {
  let calls = Number.NEGATIVE_INFINITY;
  const world = await served({
    settings: quick,
    supervised: true,
    requestsPerSecond: 20,
    onJournalCall: () => (++calls === atCall ? how : "go"),
  });
  const older = await waitsForPeople(world, "v1.1.0");
  calls = 0;
  const newer = await world.begin("v1.2.0");
  const ends = [await endOf(world, older), await endOf(world, newer)];
  const untilThen = calls;
  world.dispose();
  return {
    ends,
    calls: untilThen,
    serves: await world.at().weights("web"),
    lock: await world.ledger.lock("production"),
  };
}

test("Z1 L1 killed at any instant, the older one ends as superseded and the newer one is deployed", {
  timeout: 180_000,
}, async () => {
  const { calls: all, ...undisturbed } = await supersededWithDeath(0, "die-before");
  expect(undisturbed).toEqual({
    ends: [superseded, { outcome: "succeeded", code: undefined }],
    serves: ["v1.2.0 100 %"],
    lock: undefined,
  });
  for (let atCall = 1; atCall <= all; atCall++) {
    for (const how of ["die-before", "die-after"] as const) {
      const { calls: _calls, ...end } = await supersededWithDeath(atCall, how);
      expect(end, `${how} ${atCall} of ${all}`).toEqual(undisturbed);
    }
  }
});
