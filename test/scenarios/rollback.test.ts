/** Back by hand: to the version before, to a named one, of one component. */
import { expect, test } from "vitest";
import type { Serving } from "../../src/domain/serving.ts";
import { fail, pass } from "../../src/domain/verdict.ts";
import { inServingWorld, inWorld } from "./in-world.ts";
import type { World, WorldOptions } from "./world.ts";
import { second } from "./world-settings.ts";

const releases = { "v1.0.0": {}, "v1.1.0": {}, "v1.2.0": {} };

async function withThree(more: WorldOptions = {}): Promise<World> {
  const world = await inServingWorld({ releases, ...more });
  for (const version of ["v1.1.0", "v1.2.0"]) expect((await world.deploy(version)).outcome).toBe("succeeded");
  return world;
}

test("X3 back to the version before, at once and without losing a request", async () => {
  const world = await withThree();
  const before = world.at().shifts.length;
  const startedAtMs = world.clock.now();

  const { outcome, record } = await world.rollback();

  expect({ outcome, kind: record.kind, version: record.version }).toEqual({
    outcome: "succeeded",
    kind: "rollback",
    version: "v1.1.0",
  });
  const shifts = world.at().shifts.slice(before);
  expect(shifts.map(({ component, weights }) => `${component}: ${weights.join()}`)).toEqual([
    "api: v1.1.0 100 %",
    "web: v1.1.0 100 %",
  ]);
  expect((shifts.at(-1)?.atMs ?? 0) - startedAtMs).toBeLessThan(15 * second);
  expect(await world.at().running()).toEqual(["api v1.1.0", "api v1.1.0", "web v1.1.0", "jobs v1.1.0"]);
  expect(world.at().lost).toEqual([]);
});

test("X4 back to a named version", async () => {
  const world = await withThree();

  const { outcome } = await world.rollback({ toVersion: "v1.0.0" });

  expect(outcome).toBe("succeeded");
  expect(await world.at().weights("api")).toEqual(["v1.0.0 100 %"]);
});

test("X4 one component goes back, the others stay as they are", async () => {
  const world = await withThree();
  const spawned = world.at().target.effects.filter(({ effect }) => effect === "spawned").length;

  const { outcome, failure } = await world.rollback({ component: "web" });

  expect({ outcome, failure }).toEqual({ outcome: "succeeded", failure: null });
  expect(await world.at().weights("web")).toEqual(["v1.1.0 100 %"]);
  expect(await world.at().weights("api")).toEqual(["v1.2.0 100 %"]);
  expect((await world.at().running()).toSorted()).toEqual(["api v1.2.0", "api v1.2.0", "jobs v1.2.0", "web v1.1.0"]);
  expect(world.at().target.effects.filter(({ effect }) => effect === "spawned")).toHaveLength(spawned + 1);
  expect(world.at().lost).toEqual([]);
});

test("X4 after one component went back, the next release replaces them all", async () => {
  const world = await inServingWorld({ releases });
  await world.deploy("v1.1.0");
  await world.rollback({ component: "web" });

  const { outcome } = await world.deploy("v1.2.0");

  expect(outcome).toBe("succeeded");
  expect((await world.at().running()).toSorted()).toEqual(["api v1.2.0", "api v1.2.0", "jobs v1.2.0", "web v1.2.0"]);
});

test("X2 X4 a release that fails after one component went back leaves exactly that state", async () => {
  const world = await inServingWorld({ releases: { ...releases, "v1.2.0": { errorRate: 0.9 } } });
  await world.deploy("v1.1.0");
  await world.rollback({ component: "web" });

  const { outcome } = await world.deploy("v1.2.0");

  expect(outcome).toBe("rolled-back");
  expect(await world.at().weights("web")).toEqual(["v1.0.0 100 %"]);
  expect(await world.at().weights("api")).toEqual(["v1.1.0 100 %"]);
});

test("X6 a version whose artifact is gone is refused before anything is touched", async () => {
  const world = await withThree();
  const [, before] = await world.ledger.servingHistory("production", 2);
  const { components } = (before?.detail ?? { components: [] }) as unknown as Pick<Serving, "components">;
  world.at().target.spoil(components[1]?.artifact.digest ?? "", "gone");
  const shifts = world.at().shifts.length;

  const begun = world.beginRollback();

  await expect(begun).rejects.toMatchObject({ failure: { code: "ROLLBACK_UNAVAILABLE" } });
  expect(world.at().shifts).toHaveLength(shifts);
});

test("X4 a version that never served is refused, naming those that did", async () => {
  const world = await withThree();

  const begun = world.beginRollback({ toVersion: "v0.9.0" });

  await expect(begun).rejects.toMatchObject({ failure: { message: expect.stringContaining("v1.1.0, v1.0.0") } });
});

test("X3 where nothing serves there is nothing to roll back", async () => {
  const world = inWorld();

  await expect(world.beginRollback()).rejects.toMatchObject({ failure: { code: "ROLLBACK_UNAVAILABLE" } });
});

test("X2 a rollback by hand to a version that is not well goes forward again", async () => {
  let sick = false;
  const world = await inServingWorld({
    releases: { "v1.0.0": { health: () => (sick ? fail("503") : pass) }, "v1.1.0": {} },
  });
  await world.deploy("v1.1.0");
  sick = true;

  const { outcome } = await world.rollback();

  expect(outcome).toBe("rolled-back");
  expect(await world.at().weights("web")).toEqual(["v1.1.0 100 %"]);
  expect(world.at().lost).toEqual([]);
});

test("X3 a second rollback returns to the version before the rollback", async () => {
  const world = await withThree();
  await world.rollback();

  const { record } = await world.rollback();

  expect(record.version).toBe("v1.2.0");
});

test("R3 X3 a version that was kept running gets its traffic back without a start", async () => {
  const world = await inServingWorld({ releases, settings: { rollout: { keepStableMs: 60_000 } } });
  await world.deploy("v1.1.0");
  const spawned = world.at().target.effects.filter(({ effect }) => effect === "spawned").length;

  const { outcome } = await world.rollback();

  expect(outcome).toBe("succeeded");
  expect(world.at().target.effects.filter(({ effect }) => effect === "spawned")).toHaveLength(spawned);
});

test("X3 a rollback that waited while another version took over is refused: it would go to a version that nobody meant", async () => {
  const world = await inServingWorld({
    releases,
    settings: { lock: { onBusy: "queue" } },
  });
  await world.deploy("v1.1.0");
  const newer = await world.begin("v1.2.0");
  await world.untilTold(newer, /^5 % on/);
  const id = await world.beginRollback();
  await world.untilTold(id, /^waiting for deployment/);

  const [deployed, rolledBack] = [await world.ended(newer), await world.ended(id)];

  expect(deployed.outcome).toBe("succeeded");
  expect(rolledBack.failure).toMatchObject({
    code: "PLAN_REFUSED",
    message: expect.stringContaining("production now serves"),
  });
  expect(await world.at().weights("web")).toEqual(["v1.2.0 100 %"]);
  expect((await world.ledger.serving("production"))?.version).toBe("v1.2.0");
  expect(await world.ledger.lock("production")).toBeUndefined();
});

test("X3 a rollback from a version that serves no longer is refused, whatever it would have gone back to", async () => {
  const world = await withThree();
  const [, before] = await world.ledger.servingHistory("production", 2);

  const asked = world.beginRollback({ from: before?.deploymentId ?? "" });

  await expect(asked).rejects.toMatchObject({
    failure: { code: "ROLLBACK_UNAVAILABLE", message: expect.stringContaining("v1.2.0 serves production by now") },
  });
});
