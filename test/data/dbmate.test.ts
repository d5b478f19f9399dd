/** dbmate itself, from npm, on a real PostgreSQL. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { dbmateTool } from "../../src/adapters/dbmate/migrator.ts";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { until } from "../../src/testing/real-clock.ts";
import { installed } from "../heavy/installed.ts";
import { failureOf, type MigrationWorld, migrationWorld } from "./migration-world.ts";

const binFolder = await serverBinaries();
const packages = await installed("migration-tools");
if (binFolder === undefined) console.warn("skipped: the dbmate suite needs PostgreSQL (postgresql)");

const signal = new AbortController().signal;
const tool = dbmateTool({
  program: ["node_modules/.bin/dbmate"],
  migrationsFolder: "db/migrations",
  table: "schema_migrations",
});
let server: TestServer;
let world: MigrationWorld;

const migration = (name: string, up: string, options = "") =>
  world.write(`db/migrations/${name}.sql`, `-- migrate:up${options}\n${up}\n\n-- migrate:down\nSELECT 'down';\n`);
const ids = async (pending = world.migrator.pending(world.tree, signal)) => (await pending).map(({ id }) => id);
const tables = async () =>
  (await world.run("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")).map(
    ({ relname }) => relname,
  );

describe.skipIf(binFolder === undefined || packages === undefined)("migrations by dbmate", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    world = await migrationWorld(server, tool, packages!, (url) => `${url}?sslmode=disable`);
  });
  afterEach(() => world.end());

  test("P2 M2 what is pending is known with its SQL, nothing is run to find out, and afterwards nothing is pending", async () => {
    await migration("20260101000000_users", "CREATE TABLE users (id int);");
    await migration("20260102000000_index", "CREATE INDEX CONCURRENTLY users_id ON users (id);", " transaction:false");

    expect(await world.migrator.pending(world.tree, signal)).toEqual([
      { id: "20260101000000_users", sql: "CREATE TABLE users (id int);", transaction: true },
      { id: "20260102000000_index", sql: "CREATE INDEX CONCURRENTLY users_id ON users (id);", transaction: false },
    ]);
    expect(await tables()).toEqual([]);

    await world.apply();

    expect(await ids()).toEqual([]);
    expect(world.log.join("\n")).toContain("Applied: 20260102000000_index.sql");
    expect(await world.migrator.applied(world.tree, signal)).toMatchObject([
      { id: "20260101000000_users" },
      { id: "20260102000000_index" },
    ]);
  });

  test("M1 limits, and a name to be found by, are in force inside the migration itself", async () => {
    const asked = ["lock_timeout", "statement_timeout", "client_connection_check_interval", "application_name"];
    const columns = asked.map((name) => `current_setting('${name}') AS ${name}`).join(", ");
    await migration("1_limits", `CREATE TABLE limits AS SELECT ${columns};`);

    await world.apply();

    expect(await world.run("SELECT * FROM limits")).toEqual([
      {
        lock_timeout: "5s",
        statement_timeout: "10min",
        client_connection_check_interval: "1s",
        application_name: "sluice migrate 1795276800-abcdef123456",
      },
    ]);
  });

  test("M1 limits of the project's own URL stay, and `off` sets none", async () => {
    const own = await migrationWorld(
      server,
      tool,
      packages!,
      (url) => `${url}?sslmode=disable&options=-c%20lock_timeout%3D7s`,
    );
    await own.write(
      "db/migrations/1_limits.sql",
      "-- migrate:up\nCREATE TABLE limits AS SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement;\n-- migrate:down\n",
    );

    await own.apply(own.migratorWith({ statementTimeoutMs: 0 }));

    expect(await own.run("SELECT * FROM limits")).toEqual([{ lock: "7s", statement: "0" }]);
    await own.end();
  });

  test("M2 a migration that fails half-way: its own words, what is applied and what is not", async () => {
    await migration("1_good", "CREATE TABLE good (id int);");
    await migration("2_bad", "CREATE TABLE half (id int);\nINSERT INTO nowhere VALUES (1);");

    const failure = await failureOf(world.apply());

    expect(failure).toMatchObject({ code: "MIGRATION_FAILED", at: "migrations.shop" });
    expect(failure.message).toContain(`The migrations of shop failed: 2_bad.sql: relation "nowhere" does not exist`);
    expect(failure.evidence).toContain("nowhere");
    expect(await ids()).toEqual(["2_bad"]);
    expect(await tables()).not.toContain("half");
  });

  test("M2 a locked table: the wait is short, nobody queues behind it, it is tried again, and then it is said who holds it", async () => {
    await migration("1_users", "CREATE TABLE users (id int);");
    await world.apply();
    await migration("2_age", "CREATE TABLE before (id int);\nALTER TABLE users ADD age int;");
    const report = await world.session();
    await report.query("BEGIN; SELECT count(*) FROM users");
    const visitor = await world.session();

    const failing = failureOf(world.apply(world.migratorWith({ lockTimeoutMs: 200, retries: 1 })));
    let longestMs = 0;
    const visits = until(
      async () => {
        const began = performance.now();
        await visitor.query("SELECT count(*) FROM users");
        longestMs = Math.max(longestMs, performance.now() - began);
        return world.story.length > 0;
      },
      "a second try",
      15_000,
    );
    const [failure] = await Promise.all([failing, visits]);

    expect(world.story[0]).toMatch(/^shop: a table was locked by others .* trying again in 1 s \(1 of 1\)$/);
    expect(failure.message).toContain("for longer than 200 ms, 2 times in a row");
    expect(failure.message).toMatch(/Open for longest: a long report \(pid \d+\)/);
    expect(failure.hint).toMatch(/pg_terminate_backend\(\d+\)"$/);
    expect(longestMs).toBeLessThan(5_000);
    expect(await ids()).toEqual(["2_age"]);
    expect(await tables()).not.toContain("before");
  });

  test("M2 a lock that is given back in time: the next try applies it, once", async () => {
    await migration("1_users", "CREATE TABLE users (id int);");
    await world.apply();
    await migration("2_age", "ALTER TABLE users ADD age int;");
    const report = await world.session();
    await report.query("BEGIN; SELECT count(*) FROM users");

    const applying = world.apply(world.migratorWith({ lockTimeoutMs: 200, retries: 3 }));
    await until(() => world.story.length > 0, "a first try that failed");
    await report.query("COMMIT");
    await applying;

    expect(await ids()).toEqual([]);
  });

  test("M2 without a transaction nothing is tried again, since its first statements would run twice", async () => {
    await migration("1_users", "CREATE TABLE users (id int);\nCREATE TABLE visits (id int);");
    await world.apply();
    await migration("2_both", "INSERT INTO visits VALUES (1);\nALTER TABLE users ADD age int;", " transaction:false");
    const report = await world.session();
    await report.query("BEGIN; SELECT count(*) FROM users");

    const failure = await failureOf(world.apply(world.migratorWith({ lockTimeoutMs: 200, retries: 3 })));

    expect(failure.code).toBe("MIGRATION_FAILED");
    expect(world.story).toEqual([]);
    expect(world.log.filter((line) => line.startsWith("Applying"))).toHaveLength(2);
  });

  test("M2 dbmate killed with -9 in the middle of an ALTER: its session is waited for, and nothing is half there", async () => {
    await migration("1_users", "CREATE TABLE users (id int);");
    await world.apply();
    await migration("2_slow", "ALTER TABLE users ADD age int;\nSELECT pg_sleep(30);\nALTER TABLE users ADD name text;");
    const applying = world.apply().catch(() => undefined);
    const backends = () =>
      world.run(
        "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice migrate %' AND query LIKE '%pg_sleep%' AND state = 'active'",
      );
    await until(async () => (await backends()).length === 1, "the slow statement runs");

    await killGoBinary(world.tree);
    await world.migrator.settle("wait", signal, {
      deploymentId: "x",
      tell: async (line) => void world.story.push(line),
    });

    expect(await backends()).toEqual([]);
    expect(world.story[0]).toMatch(
      /an earlier migration \(sluice migrate 1795276800-abcdef123456, pid \d+\) is still at work/,
    );
    expect(await ids()).toEqual(["2_slow"]);
    expect(await world.run("SELECT 1 FROM information_schema.columns WHERE table_name = 'users'")).toHaveLength(1);
    // npm's wrapper reports 0 for a program that was killed: success is what the table says, nothing else.
    await applying;
  });

  test("M2 a session that goes on although its tool is dead is ended", async () => {
    const left = await world.session();
    await left.query("SET application_name = 'sluice migrate 1795276800-abcdef123456'");
    const statement = left.query("SELECT pg_sleep(60)").catch((error: Error) => error.message);

    await world.migrator.settle("end", signal, {
      deploymentId: "x",
      tell: async (line) => void world.story.push(line),
    });

    expect(await statement).toContain("terminating connection");
    expect(world.story.at(-1)).toContain("was ended");
  });

  test("M1 a database that is not there is named, not made", async () => {
    await migration("1_users", "CREATE TABLE users (id int);");
    const wrong = await migrationWorld(server, tool, packages!, (url) =>
      url.replace(/\/dbmate_\d+$/, "/nowhere?sslmode=disable"),
    );

    const failure = await failureOf(wrong.migrator.pending(world.tree, signal));

    expect(failure.code).toBe("DATABASE_UNREACHABLE");
    expect(failure.message).toContain("nowhere");
    expect(JSON.stringify(failure)).not.toContain("s3cret");
    await wrong.end();
  });

  test("M1 a release without the tool is found out before anybody approves, and a pooler too", async () => {
    const bare = dbmateTool({ program: ["bin/dbmate"], migrationsFolder: "db/migrations", table: "schema_migrations" });
    const poor = await migrationWorld(server, bare, packages!, (url) => `${url}?sslmode=disable&pgbouncer=true`);
    await poor.write("db/migrations/1_users.sql", "-- migrate:up\nSELECT 1;\n");
    await writeFile(join(poor.tree, "dbmate"), "");

    const troubles = await poor.migrator.troubles(poor.tree, signal);

    expect(troubles.map(({ severity }) => severity)).toEqual(["stop", "stop"]);
    expect(troubles.map(({ detail }) => detail).join()).toMatch(/there is no bin\/dbmate.*pooler/);
    await poor.end();
  });
});

/** The program itself, and not npm's wrapper around it: a child of the wrapper, whose working directory is the release. */
async function killGoBinary(tree: string): Promise<void> {
  const { execa } = await import("execa");
  const { stdout } = await execa("ps", ["-eo", "pid=,args="]);
  const pids = stdout
    .split("\n")
    .filter((line) => line.includes("/@dbmate/") && line.includes("--migrations-dir"))
    .map((line) => Number(line.trim().split(" ")[0]));
  const { readlink } = await import("node:fs/promises");
  for (const pid of pids) {
    if ((await readlink(`/proc/${pid}/cwd`)) === tree) process.kill(pid, "SIGKILL");
  }
}
