/** B7 Z1: a real process that restores by swap is killed with SIGKILL at each of its points, and the same command is run again. */
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { planSwap, restoreBySwap } from "../../src/app/restore-swap.ts";
import { settleUnfinished, unfinishedSwap } from "../../src/app/unfinished-swap.ts";
import { postgresLedger } from "../../src/engine/ledger/postgres-ledger.ts";
import { backupWorld, failureOf } from "./backup-world.ts";

const binFolder = await serverBinaries();
if (binFolder === undefined) console.warn("SKIPPED: swaps that are killed, because no `postgres` is installed.");

describe.skipIf(binFolder === undefined)("swaps that are killed", { timeout: 120_000 }, () => {
  let server: TestServer;
  let worlds = 0;
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });
  afterAll(() => server.stop());

  /** Backed up with 500 rows; 40 more since. */
  async function newWorld() {
    const name = `swapped_${++worlds}`;
    await server.run("postgres", "DROP DATABASE IF EXISTS ledger");
    await server.run("postgres", "CREATE DATABASE ledger");
    await server.run("postgres", `CREATE DATABASE ${name}`);
    await server.run(name, "CREATE TABLE visits (id serial PRIMARY KEY, who text)");
    await server.run(name, "INSERT INTO visits (who) SELECT md5(i::text) FROM generate_series(1, 500) i");
    const world = await backupWorld({ server, database: name });
    const ledger = await postgresLedger({ url: server.urlOf("ledger").reveal() });
    onTestFinished(async () => {
      await ledger.close();
      await world.dispose();
    });
    const manifest = await world.take();
    await server.run(name, "INSERT INTO visits (who) SELECT 'since' FROM generate_series(1, 40)");
    const parts = { ...world.parts, ledger };
    const reporter = { signal: new AbortController().signal, tell: () => undefined };
    const owned = async () => {
      const found = await server.run("postgres", "SELECT datname FROM pg_database WHERE datname LIKE $1 ORDER BY 1", [
        `${name}%`,
      ]);
      return found.map(({ datname }) => String(datname));
    };
    const rowsIn = async (database: string) =>
      (await server.run(database, "SELECT count(*)::int AS rows FROM visits"))[0]?.["rows"];
    return { ...world, parts, ledger, manifest, reporter, name, owned, rowsIn };
  }

  type World = Awaited<ReturnType<typeof newWorld>>;

  async function killedAt(point: string, { name, folder }: World): Promise<void> {
    const env = {
      URL_OF: server.urlOf("{database}").reveal().replace("%7Bdatabase%7D", "{database}"),
      ...{ DATABASE: name, FOLDER: folder, POINT: point },
    };
    const child = execa(process.execPath, [join(import.meta.dirname, "swap-process.ts")], { env, reject: false });
    if (point === "between the renames") {
      const second = `SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'ALTER DATABASE "${name}_restored_%'`;
      await expect.poll(() => server.run("postgres", second), { timeout: 60_000, interval: 20 }).toHaveLength(1);
      child.kill("SIGKILL");
    }
    const { signal, stderr } = await child;
    expect(signal, stderr).toBe("SIGKILL");
  }

  /** What `sluice restore <backup> --swap` does once more. */
  async function again({ parts, manifest, reporter }: World) {
    const standing = await settleUnfinished(parts, manifest, "ada", reporter);
    if (standing === "swapped") return standing;
    await restoreBySwap(parts, await planSwap(parts, manifest, reporter.signal), "ada", reporter);
    return standing;
  }

  test.each([
    ["restoring", "nothing"],
    ["before the first rename", "nothing"],
    ["between the renames", "nothing"],
    ["after both, before it is recorded", "swapped"],
  ] as const)(
    "B7 Z1 killed %s: the live name always has its rows, and the same command finishes",
    async (point, standing) => {
      const world = await newWorld();
      const { ledger, name, owned, parts, rowsIn } = world;

      await killedAt(point, world);
      const rowsAfterwards = standing === "swapped" ? 500 : 540;
      await expect.poll(() => rowsIn(name).catch(() => "not there"), { timeout: 120_000 }).toBe(rowsAfterwards);
      const left = await unfinishedSwap(parts, "shop");
      const found = await again(world);

      expect(left).toMatchObject({ by: "ada", backup: world.manifest.id });
      expect(found).toBe(standing);
      const [live, kept, ...others] = await owned();
      expect([live, others]).toEqual([name, []]);
      expect(kept).toMatch(new RegExp(`^${name}_before_\\d{8}t\\d{6}$`));
      expect([await rowsIn(name), await rowsIn(kept ?? "")]).toEqual([500, 540]);
      expect(await unfinishedSwap(parts, "shop")).toBeUndefined();
      expect(await ledger.lock("production")).toBeUndefined();
      const said = (await ledger.audit({ environment: "production" })).filter(({ step }) => step === "restore");
      expect(said.map(({ phase, tone }) => `${phase} ${tone}`).toReversed()).toEqual(
        standing === "swapped" ? ["begin warn", "end warn"] : ["begin warn", "end bad", "begin warn", "end warn"],
      );
    },
  );

  test("B7 Z1 a copy that somebody looks at is not dropped under them: it is named, with the command, which runs as printed", async () => {
    const world = await newWorld();
    await killedAt("before the first rename", world);
    const copy = (await world.owned()).find((database) => database.includes("_restored_")) ?? "";
    const { default: pg } = await import("pg");
    const visitor = new pg.Client({ connectionString: server.urlOf(copy).reveal() });
    await visitor.connect();

    const failure = await failureOf(settleUnfinished(world.parts, world.manifest, "ada", world.reporter));
    await visitor.end();
    const command = /(dropdb .*)$/.exec(failure.hint)?.[1] ?? "";
    await expect
      .poll(() => execa("sh", ["-ec", command], { env: { PGPASSWORD: server.password } }), { timeout: 120_000 })
      .toMatchObject({ exitCode: 0 });

    expect(failure).toMatchObject({ code: "RESTORE_FAILED", message: expect.stringContaining(copy) });
    expect(await world.owned()).toEqual([world.name]);
    expect(await again(world)).toBe("nothing");
    expect(await world.rowsIn(world.name)).toBe(500);
  });

  test("B7 a swap whose time is over drops what it restored, says so, and leaves the live one as it was", async () => {
    const world = await newWorld();
    const { default: pg } = await import("pg");
    const busy = new pg.Client({ connectionString: server.urlOf("postgres").reveal() });
    await busy.connect();
    await busy.query(`BEGIN; COMMENT ON DATABASE ${world.name} IS 'its name is not free for as long as this goes on'`);
    const plan = await planSwap(world.parts, world.manifest, world.reporter.signal);

    const refused = await failureOf(restoreBySwap(world.parts, plan, "ada", world.reporter));
    await busy.end();

    expect(refused).toMatchObject({ code: "RESTORE_FAILED", message: expect.stringContaining("lock timeout") });
    expect(refused.hint).toContain("what was restored was dropped again");
    expect(await world.owned()).toEqual([world.name]);
    expect(await world.rowsIn(world.name)).toBe(540);
    expect(await unfinishedSwap(world.parts, "shop")).toBeUndefined();
    expect(await world.ledger.lock("production")).toBeUndefined();
  });

  test("B7 where the name to keep it by is taken nothing is dropped that might be needed: both are named", async () => {
    const world = await newWorld();
    const plan = await planSwap(world.parts, world.manifest, world.reporter.signal);
    await server.run("postgres", `CREATE DATABASE "${plan.kept}"`);

    const refused = await failureOf(restoreBySwap(world.parts, plan, "ada", world.reporter));

    expect(refused.code).toBe("RESTORE_FAILED");
    expect(refused.message).toContain(`${plan.kept} is there as well`);
    expect(refused.hint).toContain(`dropdb --host=127.0.0.1`);
    expect(refused.hint).toContain(plan.into);
    expect(await world.owned()).toEqual([world.name, plan.kept, plan.into]);
    expect(await world.rowsIn(world.name)).toBe(540);
  });

  test("B7 a database that holds Sluice's own ledger is refused before the loss is even counted", async () => {
    const world = await newWorld();
    await server.run(world.name, "CREATE SCHEMA sluice");
    await server.run(world.name, "CREATE TABLE sluice.meta (version integer)");

    const refused = await failureOf(planSwap(world.parts, world.manifest, world.reporter.signal));

    expect(refused).toMatchObject({ code: "RESTORE_FAILED", message: expect.stringContaining("own ledger") });
    expect(await world.owned()).toEqual([world.name]);
  });
});
