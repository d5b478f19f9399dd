/** B7 B11 B12 on a real PostgreSQL: the newest backup restored into scratch, one that was damaged, and one that becomes the live one. */
import { open } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { restoreDrill } from "../../src/app/drill.ts";
import { agreedTo, planSwap, restoreBySwap } from "../../src/app/restore-swap.ts";
import type { Notification } from "../../src/domain/notification.ts";
import { memoryLedger } from "../../src/engine/ledger/memory-ledger.ts";
import { backupWorld, failureOf } from "./backup-world.ts";

const binFolder = await serverBinaries();
if (binFolder === undefined) console.warn("SKIPPED: drills on PostgreSQL, because no `postgres` is installed.");

describe.skipIf(binFolder === undefined)("drills on PostgreSQL", { timeout: 90_000 }, () => {
  let server: TestServer;
  let worlds = 0;
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });
  afterAll(() => server.stop());

  async function newWorld(objectives = { rpoMs: null as number | null, rtoMs: null as number | null }) {
    const database = `drilled_${++worlds}`;
    await server.run("postgres", `CREATE DATABASE ${database}`);
    await server.run(database, "CREATE TABLE visits (id serial PRIMARY KEY, who text)");
    await server.run(database, "INSERT INTO visits (who) SELECT md5(i::text) FROM generate_series(1, 500) i");
    const told: string[] = [];
    const ledger = memoryLedger({ now: () => Date.now() });
    const heard: string[] = [];
    const tell = async ({ kind }: Notification) => void heard.push(kind);
    const notifier = { name: "team", kind: "memory", wants: () => true, tell };
    const world = await backupWorld({ server, database });
    const settings = { ...world.parts.settings, objectives, project: "shop", url: null };
    const parts = { ...world.parts, settings, ledger, notifiers: [notifier] } as unknown as typeof world.parts;
    const reporter = { signal: new AbortController().signal, tell: (title: string) => void told.push(title) };
    const databases = async () =>
      (await server.run("postgres", "SELECT datname FROM pg_database ORDER BY 1")).map(({ datname }) =>
        String(datname),
      );
    return { ...world, parts, ledger, heard, reporter, told, name: database, databases };
  }

  test("B12 the newest backup is restored into scratch, compared, timed, recorded and dropped", async () => {
    const world = await newWorld({ rpoMs: null, rtoMs: 1 });
    await world.take();
    const newest = await world.take();
    const before = await world.databases();

    const [drill] = await restoreDrill(world.parts, "ada", world.reporter);

    expect(drill).toMatchObject({ database: "shop", backup: newest.id, rows: 500 });
    expect(drill?.tookMs).toBeGreaterThanOrEqual(drill?.restoreMs ?? Number.NaN);
    expect(await world.databases()).toEqual(before);
    const audit = await world.ledger.audit({ environment: "production" });
    expect(audit.map(({ step, tone }) => `${step} ${tone}`)).toEqual(["objectives warn", "restore drill ok"]);
    expect(world.heard).toEqual(["objective-missed"]);
    await world.dispose();
  });

  test("B12 a backup that was damaged where it lies fails the drill, and people are told", async () => {
    const world = await newWorld();
    const { location, sizeBytes } = await world.take();
    const file = await open(location, "r+");
    await file.write(Buffer.from([0x5a, 0xa5]), 0, 2, Math.floor(sizeBytes / 2));
    await file.close();
    const before = await world.databases();

    const failure = await failureOf(restoreDrill(world.parts, "ada", world.reporter));

    expect(failure.code).toBe("BACKUP_UNVERIFIED");
    expect(await world.databases()).toEqual(before);
    expect(world.heard).toEqual(["drill-failed"]);
    expect(await world.ledger.audit({ environment: "production" })).toMatchObject([
      { step: "restore drill", tone: "bad" },
    ]);
    await world.dispose();
  });

  test("Z3 B12 a drill restores no backup that the configured key did not sign: a dump runs what is in it", async () => {
    const world = await newWorld();
    await world.take();
    const signer = { signs: true, sign: async () => null, check: async () => ({ kind: "none" }) as const };
    const before = await world.databases();

    const failure = await failureOf(restoreDrill({ ...world.parts, signer }, "ada", world.reporter));

    expect(failure).toMatchObject({ code: "BACKUP_UNVERIFIED", message: expect.stringContaining("not signed") });
    expect(await world.databases()).toEqual(before);
    expect(world.heard).toEqual(["drill-failed"]);
    await world.dispose();
  });

  test("B7 B12 what would not fit beside the live database is refused before any of it is read or restored", async () => {
    const world = await newWorld();
    const manifest = await world.take();
    const huge = { ...manifest, source: { ...manifest.source, sizeBytes: 1e15 } };
    await world.store.putManifest(huge, world.reporter.signal);
    const before = await world.databases();
    const plan = await planSwap(world.parts, huge, world.reporter.signal);

    const failures = [
      await failureOf(restoreDrill(world.parts, "ada", world.reporter)),
      await failureOf(restoreBySwap(world.parts, plan, "ada", world.reporter)),
    ];

    for (const { code, message } of failures) {
      expect(code).toBe("DISK_FULL");
      expect(message).toMatch(/a copy takes about 1000 TB, and \/.* has .* free/);
    }
    expect(await world.databases()).toEqual(before);
    await world.dispose();
  });

  test("B7 X5 a backup becomes the live database: the loss in minutes and log, the one before kept, the lock given back", async () => {
    const world = await newWorld();
    const manifest = await world.take();
    await server.run(world.name, "INSERT INTO visits (who) SELECT repeat('x', 500) FROM generate_series(1, 2000)");
    const old = { ...manifest, takenAtMs: manifest.takenAtMs - 61 * 60_000 };
    const plan = await planSwap(world.parts, old, world.reporter.signal);

    const swapped = await restoreBySwap(world.parts, plan, "ada", world.reporter);

    expect(plan.lostMinutes).toBeGreaterThanOrEqual(61);
    expect(plan.lostBytes).toBeGreaterThan(500_000);
    expect(agreedTo(plan, `LOSE ${plan.lostMinutes - 3} MINUTES`)).toBe(`LOSE ${plan.lostMinutes - 3} MINUTES`);
    expect(agreedTo(plan, "LOSE 2 MINUTES")).toBe(plan.words);
    expect(swapped).toMatchObject({ rows: 500 });
    const rowsIn = async (name: string) =>
      (await server.run(name, "SELECT count(*)::int AS rows FROM visits"))[0]?.["rows"];
    expect([await rowsIn(world.name), await rowsIn(plan.kept)]).toEqual([500, 2_500]);
    expect(await world.databases()).not.toContain(plan.into);
    expect(await world.ledger.lock("production")).toBeUndefined();
    await world.dispose();
  });
});
