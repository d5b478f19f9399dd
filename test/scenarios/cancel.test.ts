/** Cancel is a message: waits end at once, what happened is undone in reverse, the lock goes last. */
import { describe, expect, test } from "vitest";
import { inServingWorld } from "./in-world.ts";
import type { World, WorldOptions } from "./world.ts";
import { minute, second } from "./world-settings.ts";

const add = { id: "001_add", sql: "ALTER TABLE orders ADD COLUMN note text" };
const releases = { "v1.0.0": {}, "v1.1.0": { migrations: [add] } };

const inPlace = (more: WorldOptions = {}): Promise<World> => inServingWorld({ releases, ...more });

async function asBefore(world: World): Promise<void> {
  for (const component of ["api", "web"]) expect(await world.at().weights(component)).toEqual(["v1.0.0 100 %"]);
  expect(await world.at().running()).toEqual(["api v1.0.0", "api v1.0.0", "web v1.0.0", "jobs v1.0.0"]);
  expect(await world.ledger.lock("production")).toBeUndefined();
  expect(world.at().lost).toEqual([]);
}

describe("P4 X1 cancelled at any stage, everything is as before", () => {
  test.each([
    ["while it builds", "build"],
    ["while pre-flight runs", "preflight"],
    ["while it takes the backup", "backup"],
    ["while it migrates", "migrate"],
    ["while the candidate starts", "start"],
    ["while it shifts traffic", "rollout"],
    ["while smoke checks run", "smoke"],
    ["while it is watched", "observe"],
  ])("%s", async (_when, stage) => {
    const world = await inPlace();
    const id = await world.begin("v1.1.0");
    const begun = async () =>
      (await world.ledger.events(id, 0)).some(({ step, phase }) => step === stage && phase === "begin");
    // Looked at more often than anything takes: stages without a wait end within the same instant.
    await world.until(`${stage} has begun`, begun);

    await world.cancel(id);
    const { outcome, record } = await world.ended(id);

    expect(outcome).toBe("cancelled");
    expect(record.status).toBe("cancelled");
    await asBefore(world);
  });
});

test("rule 4 it is undone in reverse, and the lock goes last", async () => {
  const world = await inPlace();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);
  // Requests that take long keep the candidate from being stopped for a while.
  for (let n = 0; n < 10; n++) world.at().routers.get("web")?.begin();

  await world.cancel(id);
  await world.untilTold(id, "traffic is back on v1.0.0, read back from the router");
  await world.clock.sleep(5 * second);
  const lockedWhileUndone = (await world.ledger.lock("production"))?.deploymentId === id;
  const { record, events } = await world.ended(id);

  expect(record.undone).toEqual(["rollout", "start"]);
  expect(lockedWhileUndone).toBe(true);
  const stopped = world
    .at()
    .target.effects.filter(({ effect, revision }) => effect === "stopped" && revision?.startsWith("v1.1.0"));
  const back = events.find(({ title }) => title.startsWith("traffic is back"))?.atMs ?? 0;
  for (const { atMs } of stopped) expect(atMs).toBeGreaterThanOrEqual(back);
});

test("a cancel is obeyed within seconds, in the middle of a bake", async () => {
  const world = await inPlace();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);
  const askedAtMs = world.clock.now();

  await world.cancel(id);
  await world.ended(id);

  expect(world.clock.now() - askedAtMs).toBeLessThan(10 * second);
});

test("a cancel that comes after the promotion is too late, and changes nothing", async () => {
  const world = await inPlace({ settings: { observation: { extendedMs: minute } } });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, "v1.1.0 is the stable version");

  await world.cancel(id);
  const { outcome } = await world.ended(id);

  expect(outcome).toBe("succeeded");
  expect(await world.at().weights("web")).toEqual(["v1.1.0 100 %"]);
  expect(world.at().lost).toEqual([]);
});

test("a cancel while nobody runs it is obeyed by whoever takes over", async () => {
  const world = await inPlace();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);
  world.crash(id);
  await world.cancel(id);
  await world.clock.sleep(5 * second);

  world.takeOver(id);
  const { outcome } = await world.ended(id);

  expect(outcome).toBe("cancelled");
  await asBefore(world);
});

describe("rule 4 a cancel that cannot be undone", () => {
  async function quarantined(): Promise<{ readonly world: World; readonly id: string }> {
    const world = await inPlace();
    const id = await world.begin("v1.1.0");
    await world.untilTold(id, /^50 % on/);
    world.faults.targetDown = true;
    await world.cancel(id);
    await world.until("quarantined", async () => (await world.ledger.deployment(id))?.state === "quarantined");
    return { world, id };
  }

  test("is quarantined with the lock held, and a person is told", async () => {
    const { world, id } = await quarantined();
    await world.clock.sleep(10 * minute);

    const lock = await world.ledger.lock("production");

    expect(lock?.deploymentId).toBe(id);
    expect(world.told().at(-1)).toBe("quarantined");
    expect(await world.at().weights("web")).toEqual(["v1.0.0 100 %"]);
  });

  test("ends when a person says so, and only then frees the lock", async () => {
    const { world, id } = await quarantined();

    await world.release(id);
    const { outcome, record } = await world.ended(id);

    expect(outcome).toBe("quarantined");
    expect(record.undo_failures).toMatchObject([{ code: "TARGET_UNREACHABLE" }]);
    expect(await world.ledger.lock("production")).toBeUndefined();
  });

  test("stays quarantined through the death of its process", async () => {
    const { world, id } = await quarantined();
    world.crash(id);
    await world.clock.sleep(minute);
    world.takeOver(id);
    await world.clock.sleep(minute);
    const lock = await world.ledger.lock("production");

    await world.release(id);
    const { outcome } = await world.ended(id);

    expect({ holder: lock?.deploymentId, outcome }).toEqual({ holder: id, outcome: "quarantined" });
  });
});

test("an undo is tried again while the target does not answer for a moment", async () => {
  const world = await inPlace();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);
  world.faults.targetDown = true;
  await world.cancel(id);
  await world.clock.sleep(8 * second);

  world.faults.targetDown = false;
  const { outcome } = await world.ended(id);

  expect(outcome).toBe("cancelled");
  await asBefore(world);
});
