/** Migrations by a command of the project's own, here psql, on a real PostgreSQL: limits inside it, and its end in the middle of an ALTER. */
import { mkdtemp, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type CommandMigratorOptions, commandMigrator } from "../../src/adapters/command/migrator.ts";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { Secret } from "../../src/domain/secret.ts";
import type { Migrator } from "../../src/ports/migrator.ts";
import { realClock, until } from "../../src/testing/real-clock.ts";
import { failureOf } from "./migration-world.ts";

const binFolder = await serverBinaries();
if (binFolder === undefined) console.warn("skipped: migrations by psql need PostgreSQL (postgresql)");

const signal = new AbortController().signal;
const deploymentId = "1795276800-abcdef123456";
let server: TestServer;
let tree: string;
let database: string;
let databases = 0;
let story: string[];

const run = (statement: string) => server.run(database, statement);
const told = { deploymentId, tell: async (title: string) => void story.push(title) };

/** The URL is Sluice's own; the command has the same place in libpq's variables, as such commands do. */
async function migratorOf(sql: string, more: Record<string, string> = {}, limits = { lockTimeoutMs: 5_000 }) {
  await writeFile(join(tree, "up.sql"), sql);
  const url = new URL(server.urlOf(database).reveal());
  const psql = [join(binFolder!, "psql"), "--no-psqlrc", "--set=ON_ERROR_STOP=1"];
  const options: CommandMigratorOptions = {
    name: "shop",
    database: "shop",
    pending: [...psql, "-At", "-c", "SELECT 'age' WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attname = 'age')"],
    apply: [...psql, "-f", "up.sql"],
    environment: {
      ...{ PGHOST: url.hostname, PGPORT: url.port, PGUSER: url.username, PGDATABASE: database },
      PGPASSWORD: new Secret("PGPASSWORD", server.password),
      ...more,
    },
    timeoutMs: 60_000,
    postgres: { url: () => server.urlOf(database), statementTimeoutMs: 600_000, clock: realClock(), ...limits },
  };
  return commandMigrator(options);
}

const apply = (migrator: Migrator) => migrator.apply(tree, () => undefined, signal, told);

const atWork = async () =>
  (
    await run(
      "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice migrate %' AND query LIKE '%pg_sleep%'",
    )
  ).length;

/** Of this test's psql, by its working directory. */
async function psqlPids(): Promise<readonly number[]> {
  const { stdout } = await execa("ps", ["-eo", "pid=,args="]);
  const pids = stdout
    .split("\n")
    .filter((line) => line.includes("psql") && line.includes("up.sql"))
    .map((line) => Number(line.trim().split(" ")[0]));
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => "")));
  return pids.filter((_, at) => folders[at] === tree);
}

const slow = "BEGIN;\nALTER TABLE users ADD age int;\nSELECT pg_sleep(120);\nCOMMIT;\n";

describe.skipIf(binFolder === undefined)("migrations by psql", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    story = [];
    tree = await mkdtemp(join(tmpdir(), "sluice-command-"));
    database = `command_${++databases}`;
    await server.run("postgres", `CREATE DATABASE ${database}`);
    await run("CREATE TABLE users (id int)");
  });
  afterEach(async () => {
    await server.run("postgres", `DROP DATABASE ${database} WITH (FORCE)`);
    await rm(tree, { recursive: true });
  });

  const asked = ["lock_timeout", "statement_timeout", "client_connection_check_interval", "application_name"];
  const limits = `CREATE TABLE limits AS SELECT ${asked.map((name) => `current_setting('${name}') AS ${name}`).join(", ")};`;

  test("M1 limits, and a name to be found by, are in force inside the command, and its own options win", async () => {
    await apply(await migratorOf(limits));

    const found = { client_connection_check_interval: "1s", application_name: `sluice migrate ${deploymentId}` };
    expect(await run("SELECT * FROM limits")).toEqual([{ lock_timeout: "5s", statement_timeout: "10min", ...found }]);

    await run("DROP TABLE limits");
    await apply(await migratorOf(limits, { PGOPTIONS: "-c lock_timeout=7s", PGAPPNAME: "mine" }));

    expect(await run("SELECT * FROM limits")).toEqual([{ lock_timeout: "7s", statement_timeout: "10min", ...found }]);
  });

  test("M2 psql killed with -9 in the middle of an ALTER: its session is waited for, nothing is half there, and it runs again", async () => {
    const migrator = await migratorOf(slow);
    const failing = failureOf(apply(migrator));
    await until(async () => (await atWork()) === 1, "the slow statement runs", 20_000);

    for (const pid of await psqlPids()) process.kill(pid, "SIGKILL");
    expect((await failing).message).toContain("ended with exit code 137");
    await migrator.settle?.("wait", signal, told);

    expect(await atWork()).toBe(0);
    expect((await migrator.pending(tree, signal)).map(({ id }) => id)).toEqual(["age"]);
    expect(await run("SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0")).toEqual([
      { attname: "id" },
    ]);
    await apply(await migratorOf(slow.replace("pg_sleep(120)", "1")));
    expect(await migrator.pending(tree, signal)).toEqual([]);
  });

  test("M2 a session whose psql lives but does not go on is ended, and what it had not committed is undone", async () => {
    const migrator = await migratorOf(slow);
    const failing = failureOf(apply(migrator));
    await until(async () => (await atWork()) === 1, "the slow statement runs", 20_000);
    const pids = await psqlPids();
    for (const pid of pids) process.kill(pid, "SIGSTOP");

    await migrator.settle?.("end", signal, told);

    expect(story[0]).toMatch(
      /an earlier migration \(sluice migrate 1795276800-abcdef123456, pid \d+\) is still at work/,
    );
    expect(story.at(-1)).toContain("was ended; what it had not committed is undone");
    expect((await migrator.pending(tree, signal)).map(({ id }) => id)).toEqual(["age"]);
    for (const pid of pids) process.kill(pid, "SIGCONT");
    expect((await failing).message).toContain("the database ended the migration's session");
  });

  test("M2 a table that somebody holds: the command gives up after its limit, and it is said who holds it", async () => {
    const migrator = await migratorOf("ALTER TABLE users ADD age int;", {}, { lockTimeoutMs: 200 });
    const somebody = new pg.Client({
      connectionString: server.urlOf(database).reveal(),
      application_name: "a long report",
    });
    somebody.on("error", () => undefined);
    await somebody.connect();
    await somebody.query("BEGIN; SELECT count(*) FROM users");

    const failure = await failureOf(apply(migrator));
    await somebody.end();

    expect(failure.message).toContain("was locked by others for longer than 200 ms");
    expect(failure.message).toMatch(/Open for longest: a long report \(pid \d+\)/);
    expect(failure.evidence).toContain("canceling statement due to lock timeout");
  });

  test("K1 neither the password nor the URL is in a failure", async () => {
    const failure = await failureOf(apply(await migratorOf("SELECT nothing;")));

    expect(failure.evidence).toContain('column "nothing" does not exist');
    expect(JSON.stringify(failure)).not.toContain("s3cret");
  });
});
