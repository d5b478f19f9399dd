/** Prisma itself, from npm, with its JavaScript engine (the native one is a download), on a real PostgreSQL. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { postgresSchemaCare } from "../../src/adapters/postgres/schema-care.ts";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { prismaTool } from "../../src/adapters/prisma/migrator.ts";
import { schemaChanges } from "../../src/domain/migrations/schema-things.ts";
import { installed } from "../heavy/installed.ts";
import { failureOf, type MigrationWorld, migrationWorld } from "./migration-world.ts";

const binFolder = await serverBinaries();
const packages = await installed("prisma");
if (binFolder === undefined) console.warn("skipped: the Prisma suite needs PostgreSQL (postgresql)");

const signal = new AbortController().signal;
const tool = prismaTool({
  program: ["node_modules/.bin/prisma"],
  schemaFile: null,
  migrationsFolder: null,
  databaseSchema: () => "public",
});
let server: TestServer;
let world: MigrationWorld;

const schema = `generator client {
  provider   = "prisma-client-js"
  engineType = "client"
}
datasource db {
  provider = "postgresql"
  url      = env("SHOP_URL")
}
`;
/** After success the pool, and a timer of the engine's that nobody clears, would keep the process for ten seconds each. */
const config = `const timer = globalThis.setTimeout;
globalThis.setTimeout = (work, ms, ...rest) => (ms === 10_000 ? timer(work, ms, ...rest).unref() : timer(work, ms, ...rest));
import { PrismaPg } from "@prisma/adapter-pg";
import { defineConfig } from "prisma/config";
export default defineConfig({
  experimental: { adapter: true },
  engine: "js",
  schema: "prisma/schema.prisma",
  adapter: async () => new PrismaPg({ connectionString: process.env.SHOP_URL, idleTimeoutMillis: 50 }),
});
`;

const migration = (name: string, sql: string) => world.write(`prisma/migrations/${name}/migration.sql`, `${sql}\n`);
const ids = async () => (await world.migrator.pending(world.tree, signal)).map(({ id }) => id);
const details = async () => (await world.migrator.troubles(world.tree, signal)).map(({ detail }) => detail);
const hasTable = async (name: string) =>
  (await world.run("SELECT to_regclass($1) IS NOT NULL AS there", [name]))[0]?.["there"];

describe.skipIf(binFolder === undefined || packages === undefined)("migrations by Prisma", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    world = await migrationWorld(server, tool, packages!);
    await world.write("package.json", '{ "type": "module" }');
    await world.write("prisma/schema.prisma", schema);
    await world.write("prisma.config.ts", config);
    await world.write("prisma/migrations/migration_lock.toml", 'provider = "postgresql"\n');
  });
  afterEach(() => world.end());

  test("P2 M1 M2 what is pending is known with its SQL; limits are in force; afterwards nothing is pending, and an edit is seen", async () => {
    const limits = `CREATE TABLE limits AS SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement, current_setting('application_name') AS name;`;
    await migration("20260101000000_limits", limits);

    expect(await details()).toEqual([]);
    expect(await world.migrator.pending(world.tree, signal)).toEqual([
      { id: "20260101000000_limits", sql: `${limits}\n`, transaction: false },
    ]);
    expect(await hasTable("_prisma_migrations")).toBe(false);

    await world.apply();

    expect(await ids()).toEqual([]);
    expect(await world.run("SELECT * FROM limits")).toEqual([
      { lock: "5s", statement: "10min", name: "sluice migrate 1795276800-abcdef123456" },
    ]);
    const [asApplied] = await world.migrator.applied(world.tree, signal);
    expect(asApplied?.checksum).toMatch(/^[0-9a-f]{64}$/);
    expect(asApplied?.releasedChecksum).toBe(asApplied?.checksum);

    await migration("20260101000000_limits", `-- Copyright\n${limits}`);

    const [edited] = await world.migrator.applied(world.tree, signal);
    expect(edited?.checksum).toBe(asApplied?.checksum);
    expect(edited?.releasedChecksum).not.toBe(asApplied?.checksum);
  });

  test("M2 one that fails half-way is explained; from then on P3009 is found before anybody approves, and never resolved by itself", async () => {
    await migration("1_good", "CREATE TABLE good (id int);");
    await migration("2_bad", "CREATE TABLE half (id int);\nINSERT INTO nowhere VALUES (1);");
    await migration("3_later", "CREATE TABLE later (id int);");

    const failure = await failureOf(world.apply());

    expect(failure.code).toBe("MIGRATION_FAILED");
    expect(failure.message).toContain("the migration 2_bad failed, and Prisma counts it as failed from now on");
    expect(failure.hint).toMatch(/npx prisma migrate resolve --applied 2_bad \(or --rolled-back 2_bad\)$/);
    expect(failure.evidence).toContain("nowhere");
    expect(await ids()).toEqual(["2_bad", "3_later"]);
    // Prisma runs without a transaction: this is what "its first statements may be applied" means.
    expect(await hasTable("half")).toBe(true);

    expect((await details()).join()).toMatch(/P3009: the migration 2_bad failed earlier \(No such table: nowhere\)/);
    const again = await failureOf(world.apply());
    expect(again.message).toContain("the migration 2_bad failed earlier (P3009)");
    expect(await hasTable("later")).toBe(false);
  });

  test("M2 what a failed one left is found and taken away; once a person has told Prisma, it applies what is there now", {
    timeout: 120_000,
  }, async () => {
    const care = postgresSchemaCare({ database: "shop", url: () => world.url, toolTables: ["_prisma_migrations"] });
    await migration(
      "20260101000000_users",
      "CREATE TABLE users (name text);\nINSERT INTO users VALUES ('Ada'), ('Ada');",
    );
    await world.apply();
    const before = await care.things(signal);
    const name = "20260102000000_one_ada";
    await migration(name, "CREATE UNIQUE INDEX CONCURRENTLY one_ada ON users (name);");
    await failureOf(world.apply());

    const { added, changed, gone } = schemaChanges(before, await care.things(signal));
    expect({ added: added.map(({ label, broken }) => ({ label, broken })), changed, gone }).toEqual({
      added: [{ label: "one_ada on users", broken: true }],
      changed: [],
      gone: [],
    });
    expect(await care.takeAway(added[0]!, signal)).toBeUndefined();
    expect(schemaChanges(before, await care.things(signal)).added).toEqual([]);
    // Sluice itself never resolves: its table says what it said.
    expect((await details()).join()).toContain("P3009");

    expect(tool.sayUndone?.(name)).toMatch(/: npx prisma migrate resolve --rolled-back 20260102000000_one_ada$/);
    // Simulated: `resolve` needs Prisma's native engine, which is a download. According to its documentation this is what it writes.
    await world.run("UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = $1", [name]);
    await world.run("DELETE FROM users");
    await world.apply();

    expect(await ids()).toEqual([]);
    expect((await care.things(signal)).find(({ label }) => label === "one_ada on users")?.broken).toBe(false);
  });

  test("M1 a database with tables that Prisma did not make is P3005, before anybody approves", async () => {
    await world.run("CREATE TABLE older (id int)");
    await migration("1_users", "CREATE TABLE users (id int);");

    expect((await details()).join()).toContain("P3005");
    const failure = await failureOf(world.apply());

    expect(failure.message).toContain("(P3005)");
    expect(failure.hint).toContain("npx prisma migrate resolve --applied");
    expect(await hasTable("users")).toBe(false);
  });

  test("M1 a run of somebody else's is found before anybody approves; Prisma itself gives up after 10 s (P1002)", {
    timeout: 120_000,
  }, async () => {
    await migration("1_users", "CREATE TABLE users (id int);");
    const other = await world.session();
    await other.query("SELECT pg_advisory_lock(72707369)");

    expect((await details()).join()).toMatch(/another run of Prisma holds its lock: a long report \(pid \d+\)/);
    const limited = await failureOf(world.apply(world.migratorWith({ lockTimeoutMs: 300, retries: 1 })));
    const unlimited = await failureOf(world.apply(world.migratorWith({ lockTimeoutMs: 0 })));

    expect(world.story).toHaveLength(1);
    expect(limited.message).toMatch(
      /another run of Prisma holds its lock: a long report \(pid \d+\).*Nothing was applied/,
    );
    expect(unlimited.message).toContain("(P1002)");
    // Prisma has given up, its session has not: it would have the lock next. Ended, it is out of the way.
    await world.migrator.settle("end", signal);
    expect(await details()).toHaveLength(1);
    expect(await hasTable("users")).toBe(false);
  });

  test("M2 a locked table is noticed before Prisma runs, which would count the lock timeout as a failed migration", async () => {
    await migration("1_users", "CREATE TABLE users (id int);");
    await world.apply();
    await migration("2_age", `CREATE TABLE before (id int);\n-- ALTER TABLE nothing\nALTER TABLE "users" ADD age int;`);
    const report = await world.session();
    await report.query("BEGIN; SELECT count(*) FROM users");

    const failure = await failureOf(world.apply(world.migratorWith({ lockTimeoutMs: 200, retries: 1 })));

    expect(world.story[0]).toMatch(/^shop: the table "users" was locked by others .* trying again in 1 s \(1 of 1\)$/);
    expect(failure.message).toMatch(/2 times in a row; the tool was not started.*a long report \(pid \d+\)/);
    expect(await hasTable("before")).toBe(false);
    expect(await details()).toEqual([]);

    await report.query("COMMIT");
    await world.apply();

    expect(await ids()).toEqual([]);
  });

  test("M1 the variables are those of the schema file, and a release without Prisma or without migrations is named", async () => {
    const bare = prismaTool({
      program: ["node_modules/.bin/prisma-of-nobody"],
      schemaFile: "prisma/schema.prisma",
      migrationsFolder: "nowhere",
      databaseSchema: () => "public",
    });
    await world.write(
      "prisma/schema.prisma",
      schema.replace("url      =", 'directUrl = env("DIRECT_URL")\n  url      ='),
    );
    const poor = await migrationWorld(server, bare, packages!);

    expect(await tool.urlVariables(world.tree)).toEqual(["DIRECT_URL", "SHOP_URL"]);
    const failure = await failureOf(poor.migrator.pending(poor.tree, signal));

    expect(failure.message).toContain("nowhere");
    expect(failure.hint).toMatch(/sluice validate$/);
    await poor.end();
  });
});
