/**
 * A database server in memory, for simulations: databases by name, each a map of tables to row counts. A dump is their JSON
 * with a checksum, so that a damaged one is noticed as with the real ones. Passes `databaseContract`.
 */
import { createHash } from "node:crypto";
import { SluiceError } from "../domain/errors.ts";
import type { Database, DatabaseFacts } from "../ports/database.ts";
import { memoryDataLock } from "./memory-data-lock.ts";

export type MemoryTables = Map<string, number>;

export interface MemoryDatabaseOptions {
  readonly name?: string;
  readonly tables?: Readonly<Record<string, number>>;
  /** Called at the beginning of every operation and, as "dump.bytes", while bytes are read; what it throws is its failure. */
  readonly fault?: (operation: "facts" | "dump" | "dump.bytes" | "readBack" | "restore" | "rehearse") => void;
}

export interface MemoryDatabase extends Database {
  /** Every database of the "server" by name, the live one under the database's own name. */
  readonly databases: Map<string, MemoryTables>;
}

const format = "memory json";
const chunkBytes = 1_024;
const checksumLength = 64;

export function memoryDatabase(options: MemoryDatabaseOptions = {}): MemoryDatabase {
  const name = options.name ?? "memory";
  const databases = new Map<string, MemoryTables>([[name, new Map(Object.entries(options.tables ?? {}))]]);
  const begin = (operation: Parameters<NonNullable<MemoryDatabaseOptions["fault"]>>[0], signal: AbortSignal) => {
    signal.throwIfAborted();
    options.fault?.(operation);
  };
  return {
    kind: "memory",
    name,
    databases,
    exclusively: memoryDataLock(name),
    beside: (suffix) => `${name}_${suffix}`,
    async swapIn(restored, kept, signal) {
      signal.throwIfAborted();
      const [next, before] = [databases.get(restored), databases.get(name)];
      if (next === undefined || before === undefined)
        throw unreadable(name, "RESTORE_FAILED", `${restored} is missing`);
      databases.set(kept, before).set(name, next).delete(restored);
    },
    async settleSwap(restored, kept) {
      const swapped = databases.has(kept) && !databases.has(restored);
      databases.delete(restored);
      return swapped ? "swapped" : "nothing";
    },
    writtenSince: async () => null,
    async facts(signal) {
      begin("facts", signal);
      return factsOf(databases, name);
    },
    async dump(signal) {
      begin("dump", signal);
      const facts = withHashes(factsOf(databases, name));
      const bytes = encoded(facts);
      async function* chunks() {
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          begin("dump.bytes", signal);
          yield bytes.subarray(at, at + chunkBytes);
        }
        signal.throwIfAborted();
      }
      return { facts, snapshot: null, format, extension: ".json", bytes: chunks() };
    },
    tools: async () => "memory 1.0",
    async readBack(dumpFormat, bytes, signal) {
      begin("readBack", signal);
      const tables = decoded(await collected(bytes, signal));
      if (dumpFormat !== format || tables === undefined) throw unreadable(name, "BACKUP_UNVERIFIED");
      return { parts: new Map(tables.map(([table, rows]) => [table, String(rows)])), schema: [] };
    },
    async restore(_format, bytes, into, signal) {
      begin("restore", signal);
      if (databases.has(into)) throw unreadable(name, "RESTORE_FAILED", `${into} exists already`);
      const tables = decoded(await collected(bytes, signal));
      if (tables === undefined) throw unreadable(name, "RESTORE_FAILED");
      databases.set(into, new Map(tables));
      return withHashes(factsOf(databases, into));
    },
    async rehearse({ bytes }, signal) {
      begin("rehearse", signal);
      const tables = decoded(await collected(bytes, signal));
      if (tables === undefined) throw unreadable(name, "BACKUP_UNVERIFIED");
      const facts = withHashes(factsOf(new Map([[name, new Map(tables)]]), name));
      return { facts, checks: [{ check: "restored", outcome: "passed", detail: "in memory", tookMs: 0 }] };
    },
    room: async () => ({
      liveBytes: factsOf(databases, name).sizeBytes,
      freeBytes: Number.MAX_SAFE_INTEGER,
      limitBytes: null,
      words: "memory",
    }),
    restoreCommands: (_format, storedAt, into) => [`restore ${storedAt} ${into}`],
  };
}

function factsOf(databases: ReadonlyMap<string, MemoryTables>, name: string): DatabaseFacts {
  const tables = [...(databases.get(name) ?? [])].map(([table, rows]) => ({ name: table, rows }));
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return { kind: "memory", name, serverVersion: "1.0", sizeBytes: 1_024 + 100 * rows, tables };
}

/** All rows are alike, so their number tells them. */
const withHashes = (facts: DatabaseFacts): DatabaseFacts => ({
  ...facts,
  tables: facts.tables.map((table) => ({ ...table, hash: String(table.rows) })),
});

/** The checksum, then the tables, then filler for every row, so that a larger database has a larger dump. */
function encoded(facts: DatabaseFacts): Buffer {
  const rows = facts.tables.reduce((sum, table) => sum + table.rows, 0);
  const body = JSON.stringify({
    tables: facts.tables.map((table) => [table.name, table.rows]),
    filler: "r".repeat(rows),
  });
  return Buffer.from(checksum(body) + body);
}

function decoded(bytes: Buffer): readonly (readonly [string, number])[] | undefined {
  const text = bytes.toString("latin1");
  const body = bytes.subarray(checksumLength).toString();
  return checksum(body) === text.slice(0, checksumLength) ? JSON.parse(body).tables : undefined;
}

const checksum = (body: string): string => createHash("sha256").update(body).digest("hex");

async function collected(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

function unreadable(
  name: string,
  code: "BACKUP_UNVERIFIED" | "RESTORE_FAILED",
  reason = "the dump is damaged",
): SluiceError {
  const hint = "Take a new backup with: sluice backup";
  return new SluiceError({ code, remedy: "operator", at: `databases.${name}`, message: `${name}: ${reason}.`, hint });
}
