/** The shop on its real databases: the private PostgreSQL where the system has one, and the file where not. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findPostgres, startDatabase } from "../shared/database.ts";
import { createShopRepository } from "./create-repository.ts";
import { runScript, runShop } from "./run-shop.ts";

const run = promisify(execFile);
const noPostgres = (await findPostgres()) === undefined;
if (noPostgres) console.warn("SKIPPED: the shop on PostgreSQL; install the PostgreSQL server (initdb, postgres)");

let folder: string;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shop-database-test-"));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await rm(folder, { recursive: true, force: true });
});

/** The error's code, or undefined where the query succeeds. */
async function queryError(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.query("SELECT 1");
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await client.end().catch(() => undefined);
  }
}

test.skipIf(noPostgres)(
  "PostgreSQL starts private, lets nobody in without the password, says what it is, and is gone after stop",
  async () => {
    const database = await startDatabase(join(folder, "database"));
    ends.push(() => database.stop());

    const wrong = new URL(database.url);
    wrong.password = "wrong";
    expect(await queryError(database.url)).toBeUndefined();
    expect(await queryError(wrong.href)).toBe("28P01");
    expect(database.describe).toMatch(/^PostgreSQL \d+\.\d+ from .+, on 127\.0\.0\.1:\d+$/);
    expect(database.describe).not.toContain(new URL(database.url).password);

    await database.stop();
    expect(await queryError(database.url)).toBe("ECONNREFUSED");
  },
);

test.skipIf(noPostgres)(
  "on PostgreSQL v1.3.0 serves and v1.6.0's migration fails half-way, leaving its first statement",
  async () => {
    const database = await startDatabase(join(folder, "database"));
    ends.push(() => database.stop());
    const tree = join(folder, "repository");
    await createShopRepository(tree);
    const checkOut = (tag: string) => run("git", ["checkout", "--quiet", "--detach", tag], { cwd: tree });

    await checkOut("v1.3.0");
    expect(await runScript(tree, ["migrate.mjs", "up"], database.url)).toMatchObject({ exitCode: 0, stderr: "" });
    const shop = await runShop(tree, database.url, "v1.3.0");
    ends.push(() => shop.stop());
    await checkOut("v1.6.0");
    const migrated = await runScript(tree, ["migrate.mjs", "up"], database.url);
    const pending = await runScript(tree, ["migrate.mjs", "pending"], database.url);

    expect(migrated.exitCode).toBe(1);
    expect(migrated.stderr).toContain('failed at statement 2/2: relation "product_reviews" does not exist');
    expect(JSON.parse(pending.stdout)).toMatchObject({ id: "0004_reviews" });
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    ends.push(() => client.end());
    expect((await client.query("SELECT to_regclass('reviews')::text AS found")).rows).toEqual([{ found: "reviews" }]);
    const items = (await (await fetch(`${shop.gatewayUrl}/api/items`)).json()) as { items: readonly unknown[] };
    expect(items.items).toHaveLength(8);
  },
);

test("without PostgreSQL it is a SQLite file, and it says so", async () => {
  const database = await startDatabase(folder, { prefer: "sqlite" });

  expect(database).toMatchObject({ kind: "sqlite", url: `sqlite:${join(folder, "shop.db")}` });
  expect(database.describe).toMatch(/^SQLite .*shop\.db \(as asked for\)$/);
});
