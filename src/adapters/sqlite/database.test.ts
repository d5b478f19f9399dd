import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SluiceError } from "../../domain/errors.ts";
import { databaseContract } from "../../testing/database-contract.ts";
import { sqliteDatabase } from "./database.ts";

const signal = new AbortController().signal;

function makeShop(file: string, rows: number): void {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = wal");
  database.exec(
    'CREATE TABLE "the ""users""" (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT); CREATE TABLE events (what TEXT)',
  );
  database.exec(
    'CREATE VIRTUAL TABLE words USING fts5(word); CREATE VIEW everybody AS SELECT email FROM "the ""users"""',
  );
  const insert = database.prepare('INSERT INTO "the ""users""" (email) VALUES (hex(randomblob(100)))');
  database.exec("BEGIN");
  for (let row = 0; row < rows; row++) insert.run();
  database.exec("COMMIT");
  database.close();
}

function run(file: string, statement: string): void {
  const database = new DatabaseSync(file, { timeout: 120_000 });
  database.exec(statement);
  database.close();
}

const open = (file: string) => sqliteDatabase({ name: "shop", file });

databaseContract("sqlite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-test-"));
  const live = join(folder, "shop.sqlite");
  const temporaryFolder = join(folder, "tmp");
  await mkdir(temporaryFolder);
  makeShop(live, 2_000);
  let places = 0;
  return {
    database: sqliteDatabase({ name: "shop", file: live, temporaryFolder }),
    insertRow: async () => run(live, "INSERT INTO events VALUES ('one more')"),
    newPlace: () => join(folder, `restored-${++places}.sqlite`),
    livePlace: live,
    factsAt: async (place) => ((await stat(place).catch(() => undefined)) ? open(place).facts(signal) : undefined),
    dispose: async () => {
      const left = await readdir(temporaryFolder);
      const hidden = (await readdir(folder)).filter((name) => name.startsWith("."));
      await rm(folder, { recursive: true });
      // Every test of the contract thereby proves that temporary copies are removed.
      expect([...left, ...hidden]).toEqual([]);
    },
  };
});

describe("SQLite", () => {
  let folder: string;
  let live: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-test-"));
    live = join(folder, "shop.sqlite");
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("B4 facts count ordinary tables and what lies behind virtual ones, not views", async () => {
    makeShop(live, 3);

    const facts = await open(live).facts(signal);

    expect(facts.tables).toContainEqual({ name: 'the "users"', rows: 3 });
    expect(facts.tables).toContainEqual({ name: "words_content", rows: 0 });
    expect(facts.tables.map((table) => table.name)).not.toContain("everybody");
    expect(facts.tables.map((table) => table.name).filter((name) => name.startsWith("sqlite_"))).toEqual([]);
    expect(facts.name).toBe("shop.sqlite");
  });

  test("B1 a dump taken while another process writes is whole", async () => {
    makeShop(live, 20_000);
    const writer = await startWriter(live);
    const database = open(live);

    const dump = await database.dump(signal);
    const packed = join(folder, "dump.gz");
    await writeFile(packed, dump.bytes);
    const restored = await database.restore(dump.format, read(packed), join(folder, "restored.sqlite"), signal);
    const rowsWritten = await writer.stop();

    expect(restored.tables).toEqual(dump.facts.tables);
    const inDump = dump.facts.tables.find((table) => table.name === "events")?.rows ?? -1;
    expect(inDump).toBeGreaterThan(0);
    expect(inDump).toBeLessThan(rowsWritten);
  });

  test("H2 a file that does not exist is unreachable and is not created", async () => {
    const failure = await open(live)
      .dump(signal)
      .catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(SluiceError);
    expect((failure as SluiceError).failure.code).toBe("DATABASE_UNREACHABLE");
    expect(await readdir(folder)).toEqual([]);
  });

  test("B3 a dump whose pages are damaged but whose gzip is whole is refused", async () => {
    makeShop(live, 2_000);
    const { size } = await stat(live);
    const { open: openFile } = await import("node:fs/promises");
    const handle = await openFile(live, "r+");
    await handle.write(Buffer.alloc(2_000, 0xa5), 0, 2_000, Math.floor(size / 2));
    await handle.close();
    const packed = await execa("gzip", ["-c", live], { encoding: "buffer" });

    const failure = await open(live)
      .readBack("sqlite gzip", once(packed.stdout), signal)
      .catch((error: unknown) => error);

    expect((failure as SluiceError).failure.code).toBe("BACKUP_UNVERIFIED");
    expect((failure as SluiceError).message).toContain("integrity_check");
  });

  test("B13 the printed commands restore the stored file without Sluice", async () => {
    makeShop(live, 10);
    const database = open(live);
    const dump = await database.dump(signal);
    const stored = join(folder, "it's stored.gz");
    const into = join(folder, "by hand.sqlite");
    await writeFile(stored, dump.bytes);

    const printed: string[] = [];
    for (const command of database.restoreCommands(dump.format, stored, into)) {
      // What a person's shell does with it; the only place where a command goes through a shell.
      printed.push((await execa("sh", ["-ec", command])).stdout);
    }

    expect(printed.at(-1)).toBe("ok");
    const restored = await open(into).dump(signal);
    for await (const _ of restored.bytes);
    expect(restored.facts.tables).toEqual(dump.facts.tables);
  });
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* read(file: string): AsyncGenerator<Uint8Array> {
  const { createReadStream } = await import("node:fs");
  yield* createReadStream(file);
}

/** A process that inserts one row per transaction until it is told to stop; `stop` yields how many it wrote. */
async function startWriter(file: string): Promise<{ readonly stop: () => Promise<number> }> {
  const script = `
    const { DatabaseSync } = require("node:sqlite");
    const database = new DatabaseSync(process.argv[1], { timeout: 10000 });
    const insert = database.prepare("INSERT INTO events VALUES ('written')");
    let rows = 0;
    process.stdin.resume().on("end", () => { console.log(rows); process.exit(0); });
    const write = () => { insert.run(); if (++rows === 1) console.log("begun"); setImmediate(write); };
    write();`;
  const child = spawn(process.execPath, ["-e", script, file], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdout.setEncoding("utf8");
  let printed = "";
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (text: string) => {
      printed += text;
      resolve();
    });
  });
  return {
    stop: async () => {
      const ended = new Promise((resolve) => child.on("close", resolve));
      child.stdin.end();
      await ended;
      return Number(printed.trim().split("\n").at(-1));
    },
  };
}
