/** Releases with dbmate's migrations on a real PostgreSQL, deployed by the command line: planned, applied, refused, failed, and kept waiting. */
import { delimiter, join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { until } from "../../src/testing/real-clock.ts";
import { installed } from "../heavy/installed.ts";
import { jsonLines, type Ran, type TinyProject, textBelow, tinyProject, told } from "./project.ts";

const binFolder = await serverBinaries();
const packages = await installed("migration-tools");
if (binFolder === undefined) console.warn("skipped: dbmate through the command line needs PostgreSQL (postgresql)");

const up = (sql: string, options = "") => `-- migrate:up${options}\n${sql}\n\n-- migrate:down\nSELECT 'down';\n`;
const first = {
  "1_guests.sql": up(
    "CREATE TABLE guests (id int PRIMARY KEY, name text);\nINSERT INTO guests VALUES (1, 'Ada'), (2, 'Ada');",
  ),
};
const second = { ...first, "2_note.sql": up("ALTER TABLE guests ADD COLUMN note text;") };
const rename = { ...second, "3_full_name.sql": up("ALTER TABLE guests RENAME COLUMN name TO full_name;") };
const half = {
  ...second,
  "3_one_ada.sql": up("CREATE UNIQUE INDEX CONCURRENTLY one_ada ON guests (name);", " transaction:false"),
};
const gift = { ...second, "3_gift.sql": up("ALTER TABLE guests ADD COLUMN gift boolean;") };

const releases = [
  { tag: "v1.0.0", behaviour: "healthy", sql: first },
  { tag: "v1.1.0", behaviour: "healthy", sql: second },
  { tag: "v1.2.0", behaviour: "healthy", sql: rename },
  { tag: "v1.3.0", behaviour: "healthy", sql: half },
  { tag: "v1.4.0", behaviour: "healthy", sql: gift },
] as const;

describe.skipIf(binFolder === undefined || packages === undefined)("dbmate, deployed", { timeout: 240_000 }, () => {
  let server: TestServer;
  let project: TinyProject;
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
    await server.run("postgres", "CREATE DATABASE shop");
    project = await tinyProject({
      releases,
      load: 20,
      variables: {
        PATH: [join(packages!, "node_modules", ".bin"), process.env.PATH].join(delimiter),
        SHOP_DATABASE_URL: `${server.urlOf("shop").reveal()}?sslmode=disable`,
      },
      more: [
        "secrets: { SHOP_DATABASE_URL: { env: SHOP_DATABASE_URL } }",
        "databases: { main: { kind: postgres, url: { secret: SHOP_DATABASE_URL } } }",
        "migrations: { main: { kind: dbmate, tool: [dbmate], lockTimeout: 300ms, retries: 20, cleanUp: safe } }",
      ],
      environment: {
        checks: "{ ci: off, load: off, memory: off, clean-tree: block, migration-lint: block }",
        backup: "{ policy: none }",
        // Nobody sends requests here: how a candidate is judged is proved elsewhere.
        rollout:
          "{ steps: [{ percent: 100, bake: 300ms }], checkEvery: 100ms, drainTimeout: 2s, unknownFor: 500ms, onUnknown: continue, unattended: 5s, keepStable: 0s }",
      },
    });
  }, 120_000);
  afterAll(async () => {
    await project.stop();
    await server.stop();
  }, 120_000);

  const deploy = (version: string): Promise<Ran> =>
    project.sluice("deploy", "production", version, "--foreground", "--json");
  const run = (statement: string) => server.run("shop", statement);
  const applied = async () =>
    (await run("SELECT version FROM schema_migrations ORDER BY version")).map(({ version }) => version);
  const columns = async () =>
    (
      await run("SELECT attname FROM pg_attribute WHERE attrelid = 'guests'::regclass AND attnum > 0 ORDER BY attnum")
    ).map(({ attname }) => attname);
  const titles = (ran: Ran) => jsonLines(ran).map(({ title }) => title ?? "");
  const failureIn = (ran: Ran) => jsonLines(ran).findLast(({ failure }) => failure)?.failure;

  test("P2 M1 the plan shows the pending SQL and changes nothing; the deployment applies it, once", async () => {
    const begun = await deploy("v1.0.0");
    expect(begun.exitCode, told(begun)).toBe(0);

    const plan = await project.sluice("plan", "production", "v1.1.0");
    expect(plan.exitCode, told(plan)).toBe(0);
    expect(plan.stdout).toContain("2_note");
    expect(plan.stdout).toContain("ALTER TABLE guests ADD COLUMN note text");
    expect(plan.stdout).not.toContain("1_guests");
    expect(await applied()).toEqual(["1"]);

    const deployed = await deploy("v1.1.0");
    expect(deployed.exitCode, told(deployed)).toBe(0);
    const again = await deploy("v1.1.0");
    expect(again.exitCode, told(again)).toBe(0);

    expect(await applied()).toEqual(["1", "2"]);
    expect(await columns()).toEqual(["id", "name", "note"]);
    expect(await run("SELECT name FROM guests")).toEqual([{ name: "Ada" }, { name: "Ada" }]);
    expect(titles(deployed)).toContain("applied 2_note");
    expect(titles(again).join("\n")).not.toContain("applied 2_note");
  });

  test("M4 a rename of a column in use is refused with the recipe, before anything is touched", async () => {
    const refused = await deploy("v1.2.0");

    expect(refused.exitCode, told(refused)).toBe(3);
    const failure = failureIn(refused);
    expect(failure?.code).toBe("MIGRATION_INCOMPATIBLE");
    expect(failure?.message).toContain("3_full_name rename-column: ALTER TABLE guests RENAME COLUMN name TO full_name");
    expect(failure?.hint).toContain("Release 1: add the column under its new form, beside the present one");
    expect(await columns()).toEqual(["id", "name", "note"]);
    expect(await applied()).toEqual(["1", "2"]);
  });

  test("M2 one that fails half-way is explained in dbmate's words, and the broken index that it left is named and goes", async () => {
    const failed = await deploy("v1.3.0");

    expect(failed.exitCode, told(failed)).toBe(1);
    const failure = failureIn(failed);
    expect(failure?.code).toBe("MIGRATION_FAILED");
    expect(failure?.message).toContain('3_one_ada.sql: could not create unique index "one_ada"');
    expect(failure?.message).toContain("3_one_ada not applied as a whole; taken away again: index one_ada on guests");
    expect(titles(failed)).toContain("main: 3_one_ada left behind: index one_ada on guests (made by 3_one_ada)");
    expect(failure?.hint).toMatch(/: sluice migrate production v1\.3\.0 --dry-run$/);
    expect(await run("SELECT to_regclass('one_ada') AS found")).toEqual([{ found: null }]);
    expect(await applied()).toEqual(["1", "2"]);
    expect((await project.ask("/"))?.version).toBe("v1.1.0");
  });

  test("M2 a table that a long transaction holds: told and tried again with longer and longer pauses, and applied once it is free", async () => {
    const report = new pg.Client({
      connectionString: server.urlOf("shop").reveal(),
      application_name: "a long report",
    });
    report.on("error", () => undefined);
    await report.connect();
    await report.query("BEGIN; SELECT count(*) FROM guests");
    const deploying = project.start(["deploy", "production", "v1.4.0", "--foreground", "--json"]);
    let text = "";
    deploying.child.stdout?.on("data", (chunk: string) => {
      text += chunk;
    });

    await until(() => text.includes("trying again in 2 s (2 of 20)"), "a second pause, longer than the first", 120_000);
    expect(await columns()).toEqual(["id", "name", "note"]);
    await report.query("COMMIT");
    await report.end();
    const deployed = await deploying.ended;

    expect(deployed.exitCode, told(deployed)).toBe(0);
    expect(text).toContain(
      "main: a table was locked by others for longer than 300 ms; nothing was applied, trying again in 1 s (1 of 20)",
    );
    expect(await columns()).toEqual(["id", "name", "note", "gift"]);
    expect(await applied()).toEqual(["1", "2", "3"]);
  });

  test("K1 the database's password stands in no file that a deployment wrote", () => {
    expect(textBelow(project.logsFolder)).not.toContain("s3cret-of");
    expect(textBelow(project.logsFolder)).toContain("3_one_ada");
  });
});
