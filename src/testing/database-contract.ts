/**
 * What every `Database` adapter must do, as a suite that each of them runs, and that authors of further adapters run too.
 * It wants a real database with a few thousand rows, so that a dump is larger than a pipe's buffer.
 */
import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../domain/error-codes.ts";
import { SluiceError } from "../domain/errors.ts";
import type { Database, DatabaseFacts } from "../ports/database.ts";
import { dataLockContract } from "./data-lock-contract.ts";
import { dataSwapContract } from "./data-swap-contract.ts";

export interface DatabaseWorld {
  readonly database: Database;
  /** Adds one row to one of the tables. */
  readonly insertRow: () => Promise<void>;
  /** A place that does not exist yet, fit for `restore`. */
  readonly newPlace: () => string;
  /** The live database as a place, which `restore` must refuse. */
  readonly livePlace: string;
  /** What lies at `place`; undefined where nothing does. */
  readonly factsAt: (place: string) => Promise<DatabaseFacts | undefined>;
  readonly dispose: () => Promise<void>;
}

export function databaseContract(name: string, newWorld: () => Promise<DatabaseWorld>): void {
  /** Each test has a world of its own, disposed of however it ends. */
  const inWorld = (title: string, body: (world: DatabaseWorld) => Promise<void>) =>
    test(title, { timeout: 30_000 }, async () => {
      const world = await newWorld();
      try {
        await body(world);
      } finally {
        await world.dispose();
      }
    });

  describe(`database contract: ${name}`, () => {
    dataLockContract(inWorld);
    dataSwapContract(inWorld);

    inWorld("B4 facts count every row of every table", async ({ database, insertRow }) => {
      const before = await database.facts(untilTheEnd());

      await insertRow();
      const after = await database.facts(untilTheEnd());

      expect(rowsOf(after)).toBe(rowsOf(before) + 1);
      expect(after.kind).toBe(database.kind);
      expect(after.serverVersion).toMatch(/^\d+\.\d+/);
      expect(after.sizeBytes).toBeGreaterThan(0);
    });

    inWorld("Z3 a restored dump holds what the dump said it holds", async (world) => {
      const { database, newPlace, factsAt } = world;
      const place = newPlace();
      const dump = await database.dump(untilTheEnd());
      const bytes = await collect(dump.bytes);

      const restored = await database.restore(dump.format, from(bytes), place, untilTheEnd());

      expect(restored.tables).toEqual(dump.facts.tables);
      expect(rowsBy(await factsAt(place))).toEqual(rowsBy(dump.facts));
      expect(dump.extension).toMatch(/^\.[a-z.]+$/);
    });

    inWorld("B4 a dump's facts and its bytes are from the same instant", async ({ database, insertRow, newPlace }) => {
      const before = await database.facts(untilTheEnd());
      const dump = await database.dump(untilTheEnd());
      await insertRow();
      const bytes = await collect(dump.bytes);

      const restored = await database.restore(dump.format, from(bytes), newPlace(), untilTheEnd());

      expect(rowsBy(dump.facts)).toEqual(rowsBy(before));
      expect(restored.tables).toEqual(dump.facts.tables);
    });

    inWorld("B3 reads a whole dump back", async ({ database }) => {
      const dump = await database.dump(untilTheEnd());
      const bytes = await collect(dump.bytes);

      const reading = await database.readBack(dump.format, from(bytes), untilTheEnd());

      expect(await database.readBack(dump.format, from(bytes), untilTheEnd())).toEqual(reading);
    });

    inWorld("B3 refuses a dump that is cut off, changed, empty or not its own", async ({ database }) => {
      const { format, bytes } = await wholeDump(database);
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(bytes.length >> 1) ^ 0xff, bytes.length >> 1);
      const broken = {
        "half of it": bytes.subarray(0, bytes.length >> 1),
        "all but the last byte": bytes.subarray(0, -1),
        "one byte changed": changed,
        empty: Buffer.alloc(0),
        "something else": Buffer.from("these are not the bytes you are looking for"),
      };
      for (const [what, damaged] of Object.entries(broken)) {
        expect(await codeOf(database.readBack(format, from(damaged), untilTheEnd())), what).toBe("BACKUP_UNVERIFIED");
      }
      expect(await codeOf(database.readBack("tar", from(bytes), untilTheEnd()))).toBe("BACKUP_UNVERIFIED");
    });

    inWorld("Z3 a rehearsed restore holds what was dumped, and a damaged dump fails it", async (world) => {
      const { database, insertRow } = world;
      const dump = await database.dump(untilTheEnd());
      const bytes = await collect(dump.bytes);
      const { format } = dump;
      const reading = await database.readBack(format, from(bytes), untilTheEnd());
      await insertRow();

      const request = { format, bytes: from(bytes), level: "equal", reading } as const;
      const rehearsed = await database.rehearse(request, untilTheEnd());

      expect(rehearsed.facts.tables).toEqual(dump.facts.tables);
      expect(rehearsed.facts.tables.filter(({ hash }) => hash == null)).toEqual([]);
      expect(rehearsed.checks.map(({ check }) => check)).toContain("restored");
      const half = { ...request, bytes: from(bytes.subarray(0, bytes.length >> 1)) };
      expect(await codeOf(database.rehearse(half, untilTheEnd()))).toBe("BACKUP_UNVERIFIED");
    });

    inWorld("B7 never restores into what exists, least of all into the live database", async (world) => {
      const { database, livePlace, factsAt } = world;
      const { format, bytes } = await wholeDump(database);
      await world.insertRow();
      const live = await factsAt(livePlace);

      const code = await codeOf(database.restore(format, from(bytes), livePlace, untilTheEnd()));

      expect(code).toBe("RESTORE_FAILED");
      expect((await factsAt(livePlace))?.tables).toEqual(live?.tables);
    });

    inWorld("B7 a restore that fails leaves nothing behind", async ({ database, newPlace, factsAt }) => {
      const place = newPlace();
      const { format, bytes } = await wholeDump(database);
      const half = bytes.subarray(0, bytes.length >> 1);

      expect(await codeOf(database.restore(format, from(half), place, untilTheEnd()))).toBe("RESTORE_FAILED");

      expect(await factsAt(place)).toBeUndefined();
      await expect(database.restore(format, from(bytes), place, untilTheEnd())).resolves.toMatchObject({});
    });

    inWorld(
      "B7 what goes wrong where the bytes come from is reported as it is",
      async ({ database, newPlace, factsAt }) => {
        const place = newPlace();
        const { format, bytes } = await wholeDump(database);
        const storeBroke = new Error("the store broke off");

        await expect(database.readBack(format, breakingOff(bytes, storeBroke), untilTheEnd())).rejects.toBe(storeBroke);
        const restoring = database.restore(format, breakingOff(bytes, storeBroke), place, untilTheEnd());

        await expect(restoring).rejects.toBe(storeBroke);
        expect(await factsAt(place)).toBeUndefined();
      },
    );

    inWorld("B1 an aborted dump ends with the reason given", async ({ database }) => {
      const stop = new AbortController();
      const dump = await database.dump(stop.signal);
      const reason = new Error("a person cancelled");

      const reading = (async () => {
        for await (const _ of dump.bytes) stop.abort(reason);
      })();

      await expect(reading).rejects.toBe(reason);
      await expect(database.dump(stop.signal)).rejects.toBe(reason);
    });

    inWorld("B13 says how to restore without Sluice", async ({ database }) => {
      const commands = database.restoreCommands("any", "/backups/one.dump", "shop_restored").join("\n");

      expect(commands).toContain("/backups/one.dump");
      expect(commands).toContain("shop_restored");
    });
  });
}

/** For what a test lets run to its end. */
const untilTheEnd = (): AbortSignal => new AbortController().signal;

/** Without what only a dump knows of them. */
const rowsBy = (facts: DatabaseFacts | undefined) =>
  facts?.tables.filter(({ name }) => name !== "(schema)").map(({ name, rows }) => ({ name, rows }));

const rowsOf = (facts: DatabaseFacts): number => facts.tables.reduce((sum, table) => sum + table.rows, 0);

async function wholeDump(database: Database): Promise<{ readonly format: string; readonly bytes: Buffer }> {
  const dump = await database.dump(untilTheEnd());
  return { format: dump.format, bytes: await collect(dump.bytes) };
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* from(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function* breakingOff(bytes: Buffer, error: Error): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, bytes.length >> 1);
  throw error;
}

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof SluiceError) return error.failure.code;
    throw error;
  }
}
