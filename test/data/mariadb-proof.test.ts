/** MariaDB through the backup stage: what a deployment is told of its proof, and what stops it. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mariaDbDatabase } from "../../src/adapters/mariadb/database.ts";
import { missingPart, startTestServer, type TestServer } from "../../src/adapters/mariadb/test-server.ts";
import { planSwap } from "../../src/app/restore-swap.ts";
import { notCompared, type ProofSettings } from "../../src/domain/backup.ts";
import { freePort } from "../../src/testing/router-world.ts";
import { backupWorld, failureOf } from "./backup-world.ts";

const missing = await missingPart();
if (missing !== undefined) console.warn(`SKIPPED: proofs of MariaDB, because ${missing} is not installed.`);

describe.skipIf(missing !== undefined)("backups of MariaDB that are proven", { timeout: 120_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer(await freePort());
    await server.run(undefined, "CREATE DATABASE shop");
    await server.run(
      "shop",
      "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users SELECT seq FROM seq_1_to_1000",
    );
  }, 90_000);
  afterAll(() => server.stop());

  const worldOf = async (proof: Partial<ProofSettings> = {}) => {
    const source = mariaDbDatabase({ name: "shop", kind: "mariadb", url: server.urlOf("shop") });
    const world = await backupWorld({ source, proof });
    return { ...world, [Symbol.asyncDispose]: world.dispose };
  };

  test("Z3 a backup is equal when it was restored and found the same, and a swap is refused before anything is restored", async () => {
    await using world = await worldOf();

    const manifest = await world.take("production-1");
    const refused = await failureOf(planSwap(world.parts, manifest, new AbortController().signal));

    expect(manifest.level).toBe("equal");
    expect(manifest.proof?.short).toBeNull();
    expect(manifest.source).toMatchObject({ kind: "mariadb", name: "shop" });
    expect(manifest.tables).toEqual([{ name: "users", rows: 1_000, hash: expect.stringMatching(/^\d+$/) }]);
    expect(manifest.snapshot?.clientVersion).toMatch(/^mariadb-dump \d+\.\d+$/);
    expect(refused.message).toContain("cannot rename a database");
    expect(refused.evidence).toContain(manifest.location);
  });

  test("B3 a table without snapshots keeps a backup from being called equal, and is named", async () => {
    await server.run("shop", "CREATE TABLE legacy (id int) ENGINE=MyISAM; INSERT INTO legacy VALUES (1)");
    await using world = await worldOf();
    await using modest = await worldOf({ level: "restored" });

    const refused = await failureOf(world.take("production-2"));
    const manifest = await modest.take("production-3");
    await server.run("shop", "DROP TABLE legacy");

    expect(refused.code).toBe("BACKUP_UNVERIFIED");
    expect(refused.message).toContain("legacy (MyISAM keeps no snapshots)");
    expect(manifest.level).toBe("restored");
    expect(notCompared(manifest)).toBe("as backed up, but for what could not be compared: legacy");
  });
});
