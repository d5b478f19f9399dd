/** What a migration may take away from the version that serves, and from one that may come back (M4). */
import { expect, test } from "vitest";
import { checkActionsOf } from "../../src/domain/checks.ts";
import { inServingWorld } from "./in-world.ts";
import type { World, WorldOptions } from "./world.ts";
import { hour, minute } from "./world-settings.ts";

const strict: WorldOptions["settings"] = { checks: checkActionsOf("standard", { "migration-lint": "block" }) };
const drop = "ALTER TABLE orders DROP COLUMN note";

/** v1.1.0 serves, v1.2.0 wants to take a column away. */
async function inTakingWorld(sql: string): Promise<World> {
  const releases = { "v1.0.0": {}, "v1.1.0": {}, "v1.2.0": { migrations: [{ id: "001_drop", sql }] } };
  const world = await inServingWorld({ releases, settings: { ...strict } });
  expect((await world.deploy("v1.1.0")).outcome).toBe("succeeded");
  return world;
}

test("M4 a column is not dropped while a rollback may bring back a version that needs it, and the plan says until when", async () => {
  const world = await inTakingWorld(`-- sluice: safe since v1.1.0\n${drop}`);
  const [row] = await world.ledger.servingHistory("production", 1);

  const { outcome, failure } = await world.deploy("v1.2.0");

  const endsMs = (row?.sinceMs ?? 0) + hour;
  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "MIGRATION_INCOMPATIBLE" });
  expect(failure?.message).toContain(`until ${new Date(endsMs).toISOString().slice(0, 16).replace("T", " ")} UTC`);
  expect(failure?.hint).toContain("sluice plan production <version>");
  expect(world.applied).toEqual([]);
});

test("M4 once the rollback window is over the same migration runs, and the record shows what was taken away", async () => {
  const world = await inTakingWorld(`-- sluice: safe since v1.1.0\n${drop}`);
  await world.clock.sleep(hour + minute);

  const { outcome, events } = await world.deploy("v1.2.0");

  expect(outcome).toBe("succeeded");
  expect(world.applied).toEqual(["001_drop"]);
  expect(JSON.stringify(events.find(({ title }) => title.startsWith("plan ")))).toContain("Declared safe since v1.1.0");
});

test("M4 without a word of the team a drop stays refused, however long the version serves", async () => {
  const world = await inTakingWorld(drop);
  await world.clock.sleep(hour + minute);

  const { outcome, failure } = await world.deploy("v1.2.0");

  expect(outcome).toBe("refused");
  expect(failure?.message).toContain("-- sluice: safe since v1.1.0");
});

test("M4 a release that brings the code and the drop at once is refused: the version that serves needs the column", async () => {
  const world = await inTakingWorld(`-- sluice: safe since v1.2.0\n${drop}`);
  await world.clock.sleep(hour + minute);

  const { outcome, failure } = await world.deploy("v1.2.0");

  expect(outcome).toBe("refused");
  expect(failure?.message).toContain("v1.1.0 serves and still needs it");
});

test("M4 an edited applied migration is refused, although nothing is pending", async () => {
  const world = await inTakingWorld(drop);
  const applied = async () => [{ id: "000_first", checksum: "a", releasedChecksum: "b" }];
  Object.assign(world.shared.migrator, { applied });

  const { outcome, failure } = await world.deploy("v1.1.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "MIGRATION_INCOMPATIBLE" });
  expect(failure?.message).toContain("000_first edited-migration");
});

test("M4 what an earlier release left behind is a remark for one that does not know it, not a refusal", async () => {
  const world = await inTakingWorld(drop);
  Object.assign(world.shared.migrator, { applied: async () => [{ id: "000_other", releasedChecksum: null }] });

  const { outcome, record } = await world.deploy("v1.1.0");

  expect(outcome).toBe("succeeded");
  const checks = record.checks as readonly { check: string; detail: string }[];
  expect(checks.find(({ check }) => check === "migration-lint")?.detail).toContain("000_other lost-migration");
});
