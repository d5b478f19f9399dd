/** node-pg-migrate itself, from npm, on a real PostgreSQL. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { nodePgMigrateTool } from "../../src/adapters/node-pg-migrate/migrator.ts";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { until } from "../../src/testing/real-clock.ts";
import { installed } from "../heavy/installed.ts";
import { failureOf, type MigrationWorld, migrationWorld } from "./migration-world.ts";

const binFolder = await serverBinaries();
const packages = await installed("migration-tools");
if (binFolder === undefined) console.warn("skipped: the node-pg-migrate suite needs PostgreSQL (postgresql)");

const signal = new AbortController().signal;
const tool = nodePgMigrateTool({
  program: ["node_modules/.bin/node-pg-migrate"],
  migrationsFolder: "migrations",
  table: "pgmigrations",
});
let server: TestServer;
let world: MigrationWorld;

const sql = (name: string, up: string) =>
  world.write(`migrations/${name}.sql`, `-- Up Migration\n${up}\n\n-- Down Migration\nSELECT 'down';\n`);
const ids = async () => (await world.migrator.pending(world.tree, signal)).map(({ id }) => id);
const hasTable = async (name: string) =>
  (await world.run("SELECT to_regclass($1) IS NOT NULL AS there", [name]))[0]?.["there"];

describe.skipIf(binFolder === undefined || packages === undefined)(
  "migrations by node-pg-migrate",
  { timeout: 120_000 },
  () => {
    beforeAll(async () => {
      server = await startTestServer(binFolder!);
    });
    afterAll(() => server.stop());
    beforeEach(async () => {
      world = await migrationWorld(server, tool, packages!);
      await world.write("package.json", '{ "type": "module" }');
    });
    afterEach(() => world.end());

    test("P2 M2 the SQL of files and of programs is in the plan before anything runs, and afterwards nothing is pending", async () => {
      await sql("1760000000000_users", "CREATE TABLE users (id int);");
      await world.apply();
      await world.write(
        "migrations/1760000000001_age.js",
        `export const up = (pgm) => { pgm.addColumn("users", { age: { type: "int" } }); pgm.sql("SELECT 'seen'"); };\nexport const down = false;\n`,
      );
      await sql("1760000000002_name", "ALTER TABLE users ADD name text;");

      const pending = await world.migrator.pending(world.tree, signal);

      expect(pending.map(({ id }) => id)).toEqual(["1760000000001_age", "1760000000002_name"]);
      expect(pending[0]?.sql).toMatch(/ALTER TABLE "users"\s+ADD "age" integer;\s+SELECT 'seen';?$/);
      expect(pending[1]?.sql).toMatch(/^-- Up Migration\nALTER TABLE users ADD name text;$/);
      expect(await world.run("SELECT 1 FROM information_schema.columns WHERE table_name = 'users'")).toHaveLength(1);

      await world.apply();

      expect(await ids()).toEqual([]);
      expect(world.log.join("\n")).toContain("### MIGRATION 1760000000001_age (UP) ###");
    });

    test("P2 to be asked for its SQL a program may not write: what it tries is not done, and its SQL is not known", async () => {
      await sql("1_users", "CREATE TABLE users (id int);");
      await world.apply();
      await world.write(
        "migrations/2_writes.js",
        `export const up = async (pgm) => { await pgm.db.query("CREATE TABLE sneaked (id int)"); };\nexport const down = false;\n`,
      );

      const [pending] = await world.migrator.pending(world.tree, signal);

      expect(pending).toEqual({ id: "2_writes", transaction: true });
      expect(await hasTable("sneaked")).toBe(false);
    });

    test("M1 limits are in force inside the migration itself", async () => {
      await sql(
        "1_limits",
        "CREATE TABLE limits AS SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement, current_setting('application_name') AS name;",
      );

      await world.apply();

      expect(await world.run("SELECT * FROM limits")).toEqual([
        { lock: "5s", statement: "10min", name: "sluice migrate 1795276800-abcdef123456" },
      ]);
    });

    test("M2 one that fails takes the others of its release back with it, and that is said", async () => {
      await sql("1_good", "CREATE TABLE good (id int);");
      await sql("2_bad", "CREATE TABLE half (id int);\nINSERT INTO nowhere VALUES (1);");

      const failure = await failureOf(world.apply());

      expect(failure).toMatchObject({ code: "MIGRATION_FAILED", at: "migrations.shop" });
      expect(failure.message).toContain(`relation "nowhere" does not exist`);
      expect(await ids()).toEqual(["1_good", "2_bad"]);
      expect(await hasTable("good")).toBe(false);
    });

    test("M2 a locked table: tried again, then refused with nothing applied", async () => {
      await sql("1_users", "CREATE TABLE users (id int);");
      await world.apply();
      await sql("2_age", "CREATE TABLE before (id int);\nALTER TABLE users ADD age int;");
      const report = await world.session();
      await report.query("BEGIN; SELECT count(*) FROM users");

      const failure = await failureOf(world.apply(world.migratorWith({ lockTimeoutMs: 200, retries: 1 })));

      expect(world.story).toHaveLength(1);
      expect(failure.message).toContain("2 times in a row");
      expect(await hasTable("before")).toBe(false);
      expect(await ids()).toEqual(["2_age"]);
    });

    test("M1 a run of somebody else's is found before anybody approves, and refused by the tool itself", async () => {
      await sql("1_users", "CREATE TABLE users (id int);");
      const other = await world.session();
      await other.query("SELECT pg_advisory_lock(7241865325823964)");

      const troubles = await world.migrator.troubles(world.tree, signal);
      const failure = await failureOf(world.apply());

      expect(troubles).toHaveLength(1);
      expect(troubles[0]).toMatchObject({ severity: "stop" });
      expect(troubles[0]?.detail).toMatch(/another run of node-pg-migrate holds its lock: a long report \(pid \d+\)/);
      expect(failure.message).toContain("another run of node-pg-migrate holds its lock; nothing was applied");
    });

    test("M1 a migration that comes before an applied one is refused before anybody approves", async () => {
      await sql("1760000000001_users", "CREATE TABLE users (id int);");
      await world.apply();
      await sql("1760000000000_earlier", "CREATE TABLE earlier (id int);");

      const [trouble] = await world.migrator.troubles(world.tree, signal);

      expect(trouble?.detail).toContain(
        "1760000000000_earlier comes before 1760000000001_users, which is applied already",
      );
    });

    test("M2 cancelled in the middle of a statement: its session is waited for, and nothing is half there", async () => {
      await sql("1_slow", "CREATE TABLE slow (id int);\nSELECT pg_sleep(30);");
      const cancel = new AbortController();
      const applying = world.apply(world.migrator, cancel.signal).catch(() => undefined);
      const backends = () =>
        world.run(
          "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice migrate %' AND query LIKE '%pg_sleep%'",
        );
      await until(async () => (await backends()).length > 0, "the slow statement runs");

      cancel.abort(new Error("a person cancelled"));
      await applying;
      await world.migrator.settle("end", signal);

      expect(await backends()).toEqual([]);
      expect(await ids()).toEqual(["1_slow"]);
      expect(await hasTable("slow")).toBe(false);
    });
  },
);
