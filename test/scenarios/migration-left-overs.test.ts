/** A migration that fails half-way: what it left behind is named, and goes where that is wanted and harmless (M2). The schema is in memory here. */
import { expect, test } from "vitest";
import { SluiceError } from "../../src/domain/errors.ts";
import type { CleanUp } from "../../src/domain/migration-settings.ts";
import type { SchemaThing } from "../../src/domain/migrations/schema-things.ts";
import type { Migrator } from "../../src/ports/migrator.ts";
import type { SchemaCare } from "../../src/ports/schema-care.ts";
import { inWorld } from "./in-world.ts";
import type { World } from "./world.ts";
import { minute } from "./world-settings.ts";

const first = { id: "001_first", sql: "CREATE TABLE orders (id int)" };
const half = {
  id: "002_half",
  sql: "CREATE TABLE reviews (id int); ALTER TABLE orders ADD COLUMN note text; SELECT nothing",
};

const thing = (kind: SchemaThing["kind"], ...path: string[]): SchemaThing => ({
  ...{ kind, path: ["public", ...path], label: path.join("."), name: path.at(-1) ?? "" },
  ...{ of: path.length > 1 ? (path[0] ?? "") : null, id: path.join("/"), like: "", broken: false },
  drop: `DROP ${kind} ${path.join(".")}`,
});

interface Half {
  readonly world: World;
  readonly schema: SchemaThing[];
  /** What was tried for, in order. */
  readonly tried: string[];
}

/** The second migration makes a table and a column, and fails; the column has values in it. */
function halfWorld(cleanUp: CleanUp, more: Partial<SchemaCare> & Pick<Migrator, "sayUndone"> = {}): Half {
  const command = { apply: ["migrate"], pending: ["pending"], environment: {}, timeoutMs: minute };
  const world = inWorld({
    releases: { "v1.0.0": { migrations: [first, half] } },
    settings: { migrations: [{ database: "main", cleanUp, ...command }] },
  });
  const [schema, tried]: [SchemaThing[], string[]] = [[], []];
  const { apply } = world.shared.migrator;
  const { sayUndone, ...care } = more;
  Object.assign(world.shared.migrator, {
    apply: async (...given: Parameters<typeof apply>) => {
      // Only what this run applies for the first time: a second run of the step finds the half of it.
      if (schema.length === 0) schema.push(thing("table", "orders"));
      if (schema.length === 1) schema.push(thing("table", "reviews"), thing("column", "orders", "note"));
      return apply(...given);
    },
    schema: {
      kind: "postgres",
      things: async () => [...schema],
      takeAway: async (gone) => {
        tried.push(gone.label);
        if (gone.kind === "column") return "some row has a value in it";
        schema.splice(
          schema.findIndex(({ label }) => label === gone.label),
          1,
        );
        return undefined;
      },
      command: (statement) => `psql -c "${statement}"`,
      ...care,
    },
    ...(sayUndone === undefined ? {} : { sayUndone }),
  } satisfies Partial<Migrator>);
  return { world, schema, tried };
}

function failing(world: World, times = Number.POSITIVE_INFINITY): void {
  const { apply, pending } = world.shared.migrator;
  let failed = 0;
  const applied = new Set<string>();
  Object.assign(world.shared.migrator, {
    pending: async (...given: Parameters<typeof pending>) =>
      (await pending(...given)).filter(({ id }) => !applied.has(id)),
    apply: async (...given: Parameters<typeof apply>) => {
      if (failed++ >= times) return apply(...given);
      await apply(given[0].concat("/none"), ...(given.slice(1) as [(typeof given)[1], (typeof given)[2]]));
      applied.add(first.id);
      throw new SluiceError({
        ...{ code: "MIGRATION_FAILED", remedy: "operator", at: "test", message: "nothing is unknown." },
        hint: "See: sluice migrate <environment> <version> --dry-run",
      });
    },
  } satisfies Partial<Migrator>);
}

test("M2 with cleanUp: safe the plan says so, what is nobody's goes, and what has values stays with its command", async () => {
  const { world, schema, tried } = halfWorld("safe");
  failing(world);

  const { outcome, failure, record, events } = await world.deploy("v1.0.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "failed", code: "MIGRATION_FAILED" });
  expect(tried).toEqual(["orders.note", "reviews"]);
  expect(schema.map(({ label }) => label)).toEqual(["orders", "orders.note"]);
  expect(failure?.message).toContain(
    "001_first applied; 002_half not; taken away again: table reviews; column orders.note is left behind (some row has a value in it)",
  );
  expect(failure?.hint).toContain('psql -c "DROP column orders.note"');
  expect(record.remains).toEqual([
    "migration 001_first stays applied",
    "main: table reviews was made and taken away again",
    'main: column orders.note is left behind (some row has a value in it): psql -c "DROP column orders.note"',
    expect.stringMatching(/^backup /),
  ]);
  expect(JSON.stringify(events.find(({ title }) => title.startsWith("plan ")))).toContain("(cleanUp: safe)");
});

test("M2 without a word about it nothing goes: everything is named with its command", async () => {
  const { world, schema, tried } = halfWorld("off");
  failing(world);

  const { failure, events } = await world.deploy("v1.0.0");

  expect({ tried, left: schema.length }).toEqual({ tried: [], left: 3 });
  expect(failure?.message).toContain("table reviews is left behind (migrations.main.cleanUp is off)");
  expect(failure?.hint).toContain('psql -c "DROP column orders.note" · psql -c "DROP table reviews"');
  expect(JSON.stringify(events.find(({ title }) => title.startsWith("plan ")))).not.toContain("(cleanUp: safe)");
});

test("M2 Sluice killed between the half and the look: whoever takes over compares with what was there before", async () => {
  let [looks, killed] = [0, false];
  const half = halfWorld("safe", { things: async () => look() });
  const { world, schema } = half;
  // The second look is the one after the failure.
  const look = async () => {
    if (++looks === 2) {
      killed = true;
      await world.clock.sleep(60 * minute);
    }
    return [...schema];
  };
  failing(world);
  const id = await world.begin("v1.0.0");
  while (!killed) await world.clock.sleep(100);

  world.crash(id);
  world.takeOver(id);
  const { failure } = await world.ended(id);

  expect(failure?.message).toContain("taken away again: table reviews");
});

test("M2 a schema that cannot be looked at hides no failure", async () => {
  const { world } = halfWorld("safe", {
    things: async () => {
      throw new Error("connection refused");
    },
  });
  failing(world);

  const { failure, record, events } = await world.deploy("v1.0.0");

  expect(failure?.message).toContain("nothing is unknown.");
  expect(record.remains).toContain("main may hold the first statements of 002_half");
  expect(events.map(({ title }) => title)).toContain(
    "main: its schema could not be looked at before its migrations: connection refused",
  );
});

test("M2 a tool that remembers failures is told by a person, who reads how once nothing is left", async () => {
  const { world } = halfWorld("safe", {
    takeAway: async () => undefined,
    sayUndone: (id) => `Say so: npx prisma migrate resolve --rolled-back ${id}`,
  });
  const { schema } = world.shared.migrator;
  let looks = 0;
  Object.assign(schema!, { things: async () => (++looks === 2 ? [thing("table", "reviews")] : []) });
  failing(world);

  const { failure } = await world.deploy("v1.0.0");

  expect(failure?.message).toContain("taken away again: table reviews; nothing of what failed is left in the schema");
  expect(failure?.hint).toBe("Say so: npx prisma migrate resolve --rolled-back 002_half");
});
