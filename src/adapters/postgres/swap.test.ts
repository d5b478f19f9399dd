/** B7 on a real server: clients are connected while the live database is swapped, and find the restored one under its name. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postgresDatabase } from "./database.ts";
import { serverBinaries, startTestServer, type TestServer } from "./test-server.ts";

const binFolder = await serverBinaries();
if (binFolder === undefined) console.warn("SKIPPED: swaps of PostgreSQL, because no `postgres` is installed.");

const signal = new AbortController().signal;

/** Writes one row after the other, and connects again whenever it is thrown out; how an application's pool behaves. */
function startClient(url: string) {
  let [stopped, thrownOut, written] = [false, 0, 0];
  const work = (async () => {
    while (!stopped) {
      const client = new pg.Client({ connectionString: url });
      client.on("error", () => undefined);
      try {
        await client.connect();
        for (; !stopped; written++) await client.query("INSERT INTO visits DEFAULT VALUES");
      } catch {
        thrownOut++;
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await work;
      return { thrownOut, written };
    },
    written: () => written,
  };
}

describe.skipIf(binFolder === undefined)("swapping PostgreSQL databases", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });
  afterAll(() => server.stop());

  test("B7 clients that are connected are thrown out and go on in the restored database", {
    timeout: 120_000,
  }, async () => {
    await server.run("postgres", "CREATE DATABASE busy");
    await server.run("busy", "CREATE TABLE visits (id serial PRIMARY KEY)");
    await server.run("postgres", "CREATE ROLE reader");
    await server.run("postgres", "REVOKE ALL ON DATABASE busy FROM PUBLIC");
    await server.run("postgres", "GRANT CONNECT ON DATABASE busy TO reader");
    await server.run("postgres", "ALTER DATABASE busy SET search_path = audit, public");
    await server.run("postgres", "ALTER ROLE reader IN DATABASE busy SET work_mem = '8MB'");
    const database = postgresDatabase({ name: "shop", url: server.urlOf("busy") });
    const dump = await database.dump(signal);
    await database.restore(dump.format, dump.bytes, database.beside("restored"), signal);
    const clients = [1, 2, 3].map(() => startClient(server.urlOf("busy").reveal()));
    const writtenBy = async (least: number) => {
      while (clients.some((client) => client.written() < least)) await server.run("postgres", "SELECT pg_sleep(0.02)");
    };
    await writtenBy(20);

    await database.swapIn(database.beside("restored"), database.beside("before"), signal);
    const rowsBefore = await server.run("busy_before", "SELECT count(*)::int AS rows FROM visits");
    await writtenBy(Math.max(...clients.map((client) => client.written())) + 20);
    const ended = await Promise.all(clients.map((client) => client.stop()));

    const rowsNow = await server.run("busy", "SELECT count(*)::int AS rows FROM visits");
    const rows = (found: Record<string, unknown>[]) => Number(found[0]?.["rows"]);
    const acknowledged = ended.reduce((sum, { written }) => sum + written, 0);
    // A row may be written whose answer was cut off; none that was acknowledged is lost from both.
    expect(rows(rowsBefore) + rows(rowsNow)).toBeGreaterThanOrEqual(acknowledged);
    expect(rows(rowsBefore)).toBeGreaterThanOrEqual(60);
    expect(rows(rowsNow)).toBeGreaterThan(0);
    expect(ended.every(({ thrownOut }) => thrownOut > 0)).toBe(true);
    const [had] = await server.run(
      "postgres",
      `SELECT bool_and(a.datdba = b.datdba AND a.datacl::text = b.datacl::text) AS same,
              (SELECT array_agg(setconfig::text ORDER BY 1) FROM pg_db_role_setting WHERE setdatabase = max(a.oid)) =
              (SELECT array_agg(setconfig::text ORDER BY 1) FROM pg_db_role_setting WHERE setdatabase = max(b.oid)) AS settings
       FROM pg_database a, pg_database b WHERE a.datname = 'busy' AND b.datname = 'busy_before'`,
    );
    expect(had).toEqual({ same: true, settings: true });
  });

  test("B7 a database that holds Sluice's own ledger is not swapped", async () => {
    await server.run("postgres", "CREATE DATABASE together");
    await server.run("together", "CREATE SCHEMA sluice");
    await server.run("together", "CREATE TABLE sluice.meta (version integer)");
    const database = postgresDatabase({ name: "shop", url: server.urlOf("together") });
    const dump = await database.dump(signal);
    await database.restore(dump.format, dump.bytes, database.beside("restored"), signal);

    const swapping = database.swapIn(database.beside("restored"), database.beside("before"), signal);

    await expect(swapping).rejects.toMatchObject({ failure: { code: "RESTORE_FAILED" } });
    await expect(swapping).rejects.toThrow("own ledger");
    expect((await database.facts(signal)).tables).toEqual([{ name: "sluice.meta", rows: 0 }]);
  });

  test("B7 what was written since the snapshot is known on the same server, and null elsewhere", async () => {
    await server.run("postgres", "CREATE DATABASE counted");
    await server.run("counted", "CREATE TABLE visits (id serial PRIMARY KEY, text text)");
    const database = postgresDatabase({ name: "shop", url: server.urlOf("counted") });
    const dump = await database.dump(signal);
    for await (const _ of dump.bytes);
    await server.run("counted", "INSERT INTO visits (text) SELECT repeat('x', 100) FROM generate_series(1, 10000)");

    expect(await database.writtenSince(dump.snapshot, signal)).toBeGreaterThan(1_000_000);
    const elsewhere = dump.snapshot && { ...dump.snapshot, systemIdentifier: "1" };
    expect(await database.writtenSince(elsewhere, signal)).toBeNull();
    expect(await database.writtenSince(null, signal)).toBeNull();
  });
});
