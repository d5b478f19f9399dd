/** Backups and migrations: what happens to the data, and what is said of it. */
import { describe, expect, test } from "vitest";
import { inServingWorld, inWorld } from "./in-world.ts";
import type { World, WorldOptions } from "./world.ts";
import { minute } from "./world-settings.ts";

const add = { id: "001_add", sql: "ALTER TABLE orders ADD COLUMN note text" };
const fill = { id: "002_fill", sql: "UPDATE orders SET note = ''" };
const drop = { id: "003_drop", sql: "ALTER TABLE orders DROP COLUMN note" };

const inFresh = (more: WorldOptions = {}): World =>
  inWorld({ releases: { "v1.0.0": { migrations: [add, fill] }, "v1.1.0": {} }, ...more });

const dumpFails = (): WorldOptions => {
  let asked = 0;
  return {
    databaseFault: (operation) => {
      if (operation === "dump.bytes" && ++asked > 0) throw new Error("connection reset by peer");
    },
  };
};

describe("B8 a backup that fails", () => {
  test.each(["always", "verified"] as const)("stops before the migration where the policy is %s", async (policy) => {
    const world = inFresh({ ...dumpFails(), settings: { backup: { policy } } });

    const { outcome, failure } = await world.deploy("v1.0.0");

    expect(outcome).toBe("failed");
    expect(failure?.message).toContain("connection reset by peer");
    expect(world.applied).toEqual([]);
    expect(await world.at().running()).toEqual([]);
    expect(await world.backups.list(new AbortController().signal)).toEqual([]);
  });

  test("is told and borne where the policy is optional", async () => {
    const world = inFresh({ ...dumpFails(), settings: { backup: { policy: "optional" } } });

    const { outcome, events } = await world.deploy("v1.0.0");

    expect(outcome).toBe("succeeded");
    expect(events.find(({ title }) => title.startsWith("no backup of main"))?.tone).toBe("warn");
  });

  test("is not even tried where the policy is none", async () => {
    const world = inFresh({ ...dumpFails(), settings: { backup: { policy: "none" } } });

    const { outcome, record } = await world.deploy("v1.0.0");

    expect({ outcome, backups: record.backups }).toEqual({ outcome: "succeeded", backups: [] });
  });
});

describe("B3 B8 the policy verified", () => {
  test("restores every backup and compares it before anything changes", async () => {
    const world = inFresh({ settings: { backup: { policy: "verified" } } });

    const { outcome, record } = await world.deploy("v1.0.0");

    expect(outcome).toBe("succeeded");
    expect(record.backups).toMatchObject([{ database: "main", level: "equal" }]);
  });

  test("a backup that cannot be restored stops the deployment", async () => {
    const world = inFresh({
      settings: { backup: { policy: "verified" } },
      databaseFault: (operation) => {
        if (operation === "rehearse") throw new Error("no space for a scratch database");
      },
    });

    const { outcome, failure } = await world.deploy("v1.0.0");

    expect(outcome).toBe("failed");
    expect(failure?.message).toContain("no space for a scratch database");
    expect(world.applied).toEqual([]);
  });
});

test("B3 a backup that reads back differently is no backup", async () => {
  const world = inFresh({ spoilBackup: (bytes) => bytes.map((byte, at) => (at === 70 ? byte ^ 1 : byte)) });

  const { outcome, failure } = await world.deploy("v1.0.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "failed", code: "BACKUP_UNVERIFIED" });
  expect(failure?.message).toMatch(/reads back as/);
  expect(await world.backups.list(new AbortController().signal)).toEqual([]);
  expect(world.applied).toEqual([]);
});

test("B3 an empty backup is no backup", async () => {
  const world = inFresh({ spoilBackup: () => new Uint8Array() });

  const { failure } = await world.deploy("v1.0.0");

  expect(failure?.code).toBe("BACKUP_UNVERIFIED");
});

test("B1 B4 the backup is taken before the migrations, and its facts are recorded", async () => {
  let appliedAtMs = 0;
  const world: World = inFresh({
    migrationFault: () => {
      appliedAtMs ||= world.clock.now();
    },
  });

  const { id, record } = await world.deploy("v1.0.0");

  const [manifest] = await world.backups.list(new AbortController().signal);
  expect(manifest?.takenAtMs).toBeLessThan(appliedAtMs);
  expect(manifest).toMatchObject({ environment: "production", database: "main", deploymentId: id, level: "readable" });
  expect(manifest?.id).toMatch(new RegExp(`^production-main-2026\\d{4}T\\d{6}Z-${id}$`));
  expect(record.backups).toEqual([manifest]);
});

test("M1 migrations run before the code of their release starts", async () => {
  const world: World = inFresh();
  const id = await world.begin("v1.0.0");
  await world.untilTold(id, /^api .* is ready$/);

  const applied = [...world.applied];
  const { outcome, events } = await world.ended(id);

  expect({ applied, outcome }).toEqual({ applied: ["001_add", "002_fill"], outcome: "succeeded" });
  const spawned = world.at().target.effects.find(({ effect }) => effect === "spawned")?.atMs ?? 0;
  const migrated = events.find(({ step, phase }) => step === "migrate" && phase === "end")?.atMs ?? spawned + 1;
  expect(migrated).toBeLessThanOrEqual(spawned);
});

test("M2 a migration that fails half-way lists what stays", async () => {
  const world = inFresh({
    migrationFault: ({ id }) => {
      if (id === "002_fill") throw new Error("deadlock detected");
    },
  });

  const { outcome, failure, record, files } = await world.deploy("v1.0.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "failed", code: "MIGRATION_FAILED" });
  expect(failure?.message).toMatch(/deadlock detected.*001_add applied; 002_fill not/);
  expect(record.remains).toEqual([
    "migration 001_add stays applied",
    "main may hold the first statements of 002_fill",
    expect.stringMatching(/^backup production-main-.* is kept$/),
  ]);
  expect(files.get("migration.log")).toContain("applying 002_fill");
  expect(world.at().target.effects.filter(({ effect }) => effect === "spawned")).toEqual([]);
});

test("M2 a migration stays applied when the code is rolled back, and the record says so", async () => {
  const world = await inServingWorld({
    releases: { "v1.0.0": {}, "v1.1.0": { errorRate: 0.9, migrations: [add] } },
  });

  const { outcome, record } = await world.deploy("v1.1.0");

  expect(outcome).toBe("rolled-back");
  expect(record.remains).toContain("migration 001_add stays applied");
  expect(world.applied).toEqual(["001_add"]);
});

test("a migration that appeared after the approval is not applied", async () => {
  const releases = { "v1.0.0": { migrations: [add] }, "v1.1.0": { migrations: [fill] } };
  const world = inWorld({ releases, settings: { approvals: { waitMs: minute } } });
  const id = await world.begin("v1.0.0");
  await world.untilTold(id, /until then/);
  // Whoever undoes by hand what was applied elsewhere makes something pending again that the plan did not name.
  const { shared } = world;
  const pending = shared.migrator.pending;
  Object.assign(shared.migrator, {
    pending: async (...given: Parameters<typeof pending>) => [...(await pending(...given)), { id: "000_by_hand" }],
  });

  const { outcome, failure } = await world.ended(id);

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "failed", code: "PLAN_REFUSED" });
  expect(failure?.message).toContain("000_by_hand");
  expect(world.applied).toEqual([]);
});

describe("M3 migrations beside the build", () => {
  const overlapOf = async (migration: typeof add): Promise<boolean> => {
    const world = inWorld({
      releases: { "v1.0.0": { migrations: [migration] } },
      settings: { build: "with-migrations" },
    });
    const { outcome, events } = await world.deploy("v1.0.0");
    expect(outcome).toBe("succeeded");
    const at = (step: string, phase: string) =>
      events.find((event) => event.step === step && event.phase === phase)?.atMs ?? 0;
    return at("migrate", "begin") < at("build", "end");
  };

  test("run side by side where every migration merely expands the schema", async () => {
    expect(await overlapOf(add)).toBe(true);
  });

  test("wait for the build where one contracts it", async () => {
    expect(await overlapOf(drop)).toBe(false);
  });

  test("both have ended before anything is undone when one of them fails", async () => {
    const world = inWorld({
      releases: { "v1.0.0": { buildFails: true, migrations: [add] } },
      settings: { build: "with-migrations" },
    });

    const { outcome, failure, record } = await world.deploy("v1.0.0");

    expect({ outcome, code: failure?.code }).toEqual({ outcome: "failed", code: "BUILD_FAILED" });
    expect(world.applied).toEqual(["001_add"]);
    expect(record.remains).toContain("migration 001_add stays applied");
  });
});
