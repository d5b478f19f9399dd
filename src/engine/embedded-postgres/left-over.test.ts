/** What earlier starts left behind: half-made clusters, and a server whose folder was taken away under it. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isAlive } from "../process-alive.ts";
import { postgresAccount } from "./account.ts";
import { databaseFolder, recordedLocation } from "./location.ts";
import { type EmbeddedPostgres, openEmbeddedPostgres } from "./open.ts";
import { stopPostmaster } from "./postmaster.ts";
import { poll } from "./waiting.ts";

let folder: string;
let stateFolder: string;
let servers: EmbeddedPostgres[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  chmodSync(folder, 0o755);
  stateFolder = join(folder, ".sluice");
  servers = [];
});

afterEach(async () => {
  for (const server of servers) {
    await server.release();
    if (isAlive(server.pid)) await stopPostmaster(server.pid, "at-once");
    rmSync(new URL(server.url).searchParams.get("host") ?? folder, { recursive: true, force: true });
  }
  rmSync(folder, { recursive: true, force: true });
});

async function open(): Promise<EmbeddedPostgres> {
  const server = await openEmbeddedPostgres({ stateFolder });
  servers.push(server);
  return server;
}

async function query(url: string, text: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test("Z1 half-made clusters of dead processes are removed at a start; a live one's, and what was set aside, stay", async () => {
  mkdirSync(stateFolder);
  const place = databaseFolder(stateFolder, postgresAccount());
  const made = ["data.999999-1", "data.999998-1795268988000", `data.${process.ppid}-2`, "data.damaged", "data.1-x"];
  for (const name of made) {
    mkdirSync(join(place, name), { recursive: true });
    writeFileSync(join(place, name, "PG_VERSION"), "18\n");
  }

  await open();

  expect(made.filter((name) => existsSync(join(place, name)))).toEqual(made.slice(2));
});

test.skipIf(process.platform !== "linux")(
  "Z1 a state folder that was deleted under its server and put back gets a server of its own at once",
  { timeout: 120_000 },
  async () => {
    const first = await open();
    await query(first.url, "create table kept as select 42 as answer");
    await first.stop();
    const copy = join(folder, "copy");
    execFileSync("cp", ["-a", stateFolder, copy]);
    const orphan = await open();
    rmSync(stateFolder, { recursive: true });
    execFileSync("cp", ["-a", copy, stateFolder]);
    // The copy names the socket folder that the server holds.
    expect(recordedLocation(stateFolder)?.socketFolder).toBe(recordedLocation(copy)?.socketFolder);

    const again = await open();

    expect(again.pid).not.toBe(orphan.pid);
    expect(await query(again.url, "select answer from kept")).toEqual([{ answer: 42 }]);
    await poll(() => !isAlive(orphan.pid), {
      everyMs: 10,
      forMs: 5_000,
      what: "the end of the server without a folder",
    });
  },
);

test("Z1 a socket folder that another project's live server holds is left to it", { timeout: 120_000 }, async () => {
  const first = await open();
  const held = recordedLocation(stateFolder);
  const moved = join(folder, "moved");
  await first.stop();
  execFileSync("cp", ["-a", stateFolder, moved]);
  const owner = await open();
  stateFolder = moved;
  const inside = { folder: join(moved, "postgres"), dataFolder: join(moved, "postgres", "data") };
  writeFileSync(join(moved, "postgres.json"), JSON.stringify({ ...held, ...inside }));

  const other = await open();

  expect(other.url).not.toBe(owner.url);
  expect(isAlive(owner.pid)).toBe(true);
  expect(await query(owner.url, "select 1 as one")).toEqual([{ one: 1 }]);
});
