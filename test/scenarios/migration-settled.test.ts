/** What a killed migration leaves at work in a database, and what stands against migrations before anybody approves. */
import { expect, test } from "vitest";
import { checkActionsOf } from "../../src/domain/checks.ts";
import type { Migrator } from "../../src/ports/migrator.ts";
import { inWorld } from "./in-world.ts";
import type { World } from "./world.ts";

const add = { id: "001_add", sql: "ALTER TABLE orders ADD COLUMN note text" };
const releases = { "v1.0.0": { migrations: [add] } };

/** Writes down what the migrator is asked, in order, and from when on. */
function listening(world: World): string[] {
  const asked: string[] = [];
  const { pending, apply } = world.shared.migrator;
  Object.assign(world.shared.migrator, {
    pending: (...given: Parameters<typeof pending>) => {
      asked.push("pending");
      return pending(...given);
    },
    apply: (...given: Parameters<typeof apply>) => {
      asked.push(`apply for ${given[3]?.deploymentId}`);
      return apply(...given);
    },
    settle: async (...[how, , run]: Parameters<NonNullable<Migrator["settle"]>>) => {
      asked.push(`settle: ${how}`);
      await run?.tell(`settled (${how})`);
    },
  } satisfies Partial<Migrator>);
  return asked;
}

test("M2 nobody asks what is pending while an earlier migration may still be at work", async () => {
  const world = inWorld({ releases });
  const asked = listening(world);

  const { id, outcome, events } = await world.deploy("v1.0.0");

  expect(outcome).toBe("succeeded");
  const steps = asked.slice(asked.indexOf("settle: wait"));
  expect(steps).toEqual(["settle: wait", "pending", `apply for ${id}`, "settle: end", "pending"]);
  expect(events.filter(({ title }) => title.startsWith("settled"))).toHaveLength(2);
});

test("M2 Sluice killed while a migration runs: the next process settles what it left, and nothing is applied twice", async () => {
  const world = inWorld({ releases });
  const asked = listening(world);
  const id = await world.begin("v1.0.0");
  await world.untilTold(id, /^settled \(wait\)$/);

  world.crash(id);
  world.takeOver(id);
  const { outcome } = await world.ended(id);

  expect(outcome).toBe("succeeded");
  expect(asked.filter((line) => line === "settle: wait")).toHaveLength(2);
  const again = asked.lastIndexOf("settle: wait");
  expect(asked[again + 1]).toBe("pending");
  expect(world.applied).toEqual(["001_add"]);
});

test("M2 a cancelled migration is settled before the story says what is applied", async () => {
  const world = inWorld({ releases });
  const asked = listening(world);
  const { apply } = world.shared.migrator;
  Object.assign(world.shared.migrator, {
    apply: async (tree, log, signal, run) => {
      await apply(tree, log, signal, run);
      await world.clock.sleep(60_000, signal);
    },
  } satisfies Partial<Migrator>);
  const id = await world.begin("v1.0.0");
  await world.untilTold(id, /^settled \(wait\)$/);

  await world.cancel(id);
  const { outcome, events } = await world.ended(id);

  expect(outcome).toBe("cancelled");
  const settled = asked.indexOf("settle: end");
  expect(asked[settled + 1]).toBe("pending");
  expect(events.find(({ title }) => title.startsWith("the migration of"))?.title).toContain("was interrupted");
});

test("M1 what stands against a migration is refused before anybody is asked; what is merely remarked does not stop it", async () => {
  const world = inWorld({ releases });
  const hint = "Say which: npx prisma migrate resolve --applied 000_old";
  Object.assign(world.shared.migrator, {
    troubles: async () => [
      { severity: "remark", detail: "port 6543", hint: "" },
      { severity: "stop", detail: "P3009: 000_old failed earlier", hint },
    ],
  } satisfies Partial<Migrator>);

  const refused = await world.deploy("v1.0.0");

  expect({ outcome: refused.outcome, code: refused.failure?.code }).toEqual({
    outcome: "refused",
    code: "PREFLIGHT_FAILED",
  });
  expect(refused.failure?.message).toContain("migrations: main: port 6543; main: P3009: 000_old failed earlier");
  expect(refused.failure?.hint).toContain(hint);

  Object.assign(world.shared.migrator, {
    troubles: async () => [{ severity: "remark", detail: "port 6543", hint: "" }],
  } satisfies Partial<Migrator>);

  expect((await world.deploy("v1.0.0")).outcome).toBe("succeeded");
});

/** v1.0.0 serves with the migration as it was applied; v1.1.0 brings it with another text. */
async function deployEdited(sql: string) {
  const world = inWorld({
    releases: { "v1.0.0": {}, "v1.1.0": {} },
    settings: { checks: checkActionsOf("standard", { "migration-lint": "block" }) },
  });
  const trees = new Set<string>();
  Object.assign(world.shared.migrator, {
    applied: async (tree) => {
      trees.add(tree);
      const original = tree === [...trees][0];
      return [
        {
          id: "000_old",
          checksum: "a",
          releasedChecksum: original ? "a" : "b",
          sql: original ? "SELECT 1;" : sql,
        },
      ];
    },
  } satisfies Partial<Migrator>);
  expect((await world.deploy("v1.0.0")).outcome).toBe("succeeded");
  return world.deploy("v1.1.0");
}

test("M4 an applied migration whose comments alone were edited is remarked, and any other edit is refused", async () => {
  const remarked = await deployEdited("-- Copyright\nSELECT 1;");

  expect(remarked.outcome).toBe("succeeded");
  expect(JSON.stringify(remarked.events)).toContain(
    "000_old edited-migration: Only comments and blanks differ from what was applied",
  );

  const refused = await deployEdited("SELECT 2;");

  expect({ outcome: refused.outcome, code: refused.failure?.code }).toEqual({
    outcome: "refused",
    code: "MIGRATION_INCOMPATIBLE",
  });
  expect(refused.failure?.message).toContain("000_old edited-migration");
});
