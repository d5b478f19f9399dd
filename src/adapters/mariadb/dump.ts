/**
 * A dump and what it holds. These servers export no snapshot, so ours and the tool's are two: one of ours begins before the
 * tool's and one after it, and a table that reads the same in both is what the tool read. One that was written to in those
 * milliseconds is named and not compared, unless writers may be held for them. The bytes end only after the tool exited 0
 * and wrote its last line.
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { SnapshotFacts, TableFacts } from "../../domain/backup.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { Dump } from "../../ports/database.ts";
import { outputOf } from "../tool-output.ts";
import { type Connection, placeOf, serverArguments, wordsOf } from "./connection.ts";
import { beginSnapshot, factsFrom, rowsIn, type Table, tablesIn, withReason } from "./facts.ts";
import { rightsOn } from "./privileges.ts";
import { endsWhole, tailBytes } from "./script.ts";
import { openSession, quoted, type Server, type Session, serverOf } from "./session.ts";
import { type Tools, toolsFor } from "./tools.ts";

export const dumpFormat = "mysqldump gzip";

export interface DumpOptions {
  readonly binFolder: string | undefined;
  /** Writers may be held this long, in milliseconds, so that every snapshot is of one instant; null: never. */
  readonly holdWritesMs: number | null;
}

/** If nobody reads the dump within this time, its tool is ended. */
const unusedMs = 60_000;

/** Errors: DATABASE_UNREACHABLE, BACKUP_FAILED, the signal's reason. */
export async function dumpDatabase(connection: Connection, options: DumpOptions, signal: AbortSignal): Promise<Dump> {
  const session = await openSession(connection, connection.database, signal);
  try {
    const server = await serverOf(session);
    const tools = await toolsFor(server, options.binFolder, signal);
    const unknown = await requireRights(connection, session);
    const tables = await tablesIn(session, connection.database);
    await requireFree(session, tables);
    const lsn = await logPosition(session);
    const { running, counted } = await dumpBetween({ connection, options, tools, tables, session, server, signal });
    return {
      facts: factsFrom(connection, connection.database, server, tables, counted),
      snapshot: snapshotFacts(lsn, await identifierOf(session), tools, unknown),
      format: dumpFormat,
      extension: ".sql.gz",
      bytes: packed(connection, running, signal),
    };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SluiceError) throw error;
    throw dumpFailed(connection, wordsOf(error), "");
  } finally {
    await session.end();
  }
}

/** B1: before anybody approves, whether the tools fit, the rights suffice, and what no snapshot covers. */
export async function toolWords(connection: Connection, options: DumpOptions, signal: AbortSignal): Promise<string> {
  const session = await openSession(connection, connection.database, signal);
  try {
    const server = await serverOf(session);
    const tools = await toolsFor(server, options.binFolder, signal);
    const unknown = await requireRights(connection, session);
    const tables = await tablesIn(session, connection.database);
    const apart = tables.flatMap(({ name, unproven }) => (unproven === undefined ? [] : [`${name} (${unproven})`]));
    const words = [`${tools.name} for ${server.version}`, ...unknown];
    return [...words, ...(apart.length === 0 ? [] : [`never proven equal: ${apart.join(", ")}`])].join("; ");
  } finally {
    await session.end();
  }
}

async function requireRights(connection: Connection, session: Session): Promise<readonly string[]> {
  const { lacking, unknown } = await rightsOn(session, connection.database);
  if (lacking.length === 0) return unknown;
  throw new SluiceError({
    ...dumpFailed(connection, `the account ${connection.user} lacks ${lacking.join(", ")}`, "").failure,
    message: `The account ${connection.user} of ${connection.name} lacks ${lacking.join(", ")} on all of ${connection.database}: what it may not see would be left out of the dump without a word.`,
    hint: `Give it to the account, then try again: GRANT ${lacking.join(", ")} ON ${quoted(connection.database)}.* TO …; sluice backup`,
  });
}

/** A table that a migration holds would keep the tool waiting for as long as the server allows; we give up after some seconds. */
async function requireFree(session: Session, tables: readonly Table[]): Promise<void> {
  for (const { name } of tables) await session.query(`SELECT 1 FROM ${quoted(name)} LIMIT 0`);
}

interface Work {
  readonly connection: Connection;
  readonly options: DumpOptions;
  readonly tools: Tools;
  readonly tables: readonly Table[];
  readonly session: Session;
  readonly server: Server;
  readonly signal: AbortSignal;
}

interface Begun {
  readonly running: RunningDump;
  readonly counted: readonly TableFacts[];
}

async function dumpBetween(work: Work): Promise<Begun> {
  const { connection, options, session, server, signal } = work;
  const after = await openSession(connection, connection.database, signal);
  let running: RunningDump | undefined;
  try {
    const release = await hold(connection, options.holdWritesMs, server, signal);
    const sinceMs = performance.now();
    try {
      await beginSnapshot(session);
      running = await startDump(work);
      await beginSnapshot(after);
    } finally {
      await release?.();
    }
    const apartMs = Math.ceil(performance.now() - sinceMs);
    const counted = await countBoth(work, release ? undefined : after, apartMs);
    return { running, counted };
  } catch (error) {
    await running?.discard();
    throw error;
  } finally {
    await after.end();
  }
}

/** One session is enough where nothing could be written between the snapshots. */
async function countBoth(
  { session, tables }: Work,
  after: Session | undefined,
  apartMs: number,
): Promise<readonly TableFacts[]> {
  const counted: TableFacts[] = [];
  for (const table of tables) {
    if (table.unproven !== undefined) counted.push(withReason(await rowsIn(session, table, "hash"), table.unproven));
    else if (after === undefined) counted.push(await rowsIn(session, table, "hash"));
    else counted.push(asOne(await Promise.all([session, after].map((each) => rowsIn(each, table, "hash"))), apartMs));
  }
  return counted;
}

/** What the sessions before and after the tool's say of one table. */
function asOne(both: readonly TableFacts[], apartMs: number): TableFacts {
  const [before, after] = both as [TableFacts, TableFacts];
  if (before.rows === after.rows && before.hash === after.hash) return before;
  return withReason(after, `it was written to in the ${apartMs} ms between two snapshots`);
}

/**
 * No commit while it lasts; undefined where that is not wanted. MariaDB has a lock for that very purpose, MySQL only the one
 * on all tables. Neither waits longer than it may hold.
 */
async function hold(
  connection: Connection,
  limitMs: number | null,
  { vendor }: Server,
  signal: AbortSignal,
): Promise<(() => Promise<void>) | undefined> {
  if (limitMs === null) return undefined;
  const holder = await openSession(connection, connection.database, signal);
  // Whatever becomes of us, the server lets writers go on.
  const tooLong = AbortSignal.timeout(limitMs);
  tooLong.addEventListener("abort", () => void holder.end(), { once: true });
  try {
    await holder.query(`SET SESSION lock_wait_timeout = ${Math.ceil(limitMs / 1000)}`);
    if (vendor === "mysql") await holder.query("FLUSH TABLES WITH READ LOCK");
    else for (const stage of ["START", "BLOCK_COMMIT"]) await holder.query(`BACKUP STAGE ${stage}`);
  } catch (error) {
    await holder.end();
    throw dumpFailed(connection, `writers could not be held: ${wordsOf(error)}`, "");
  }
  return async () => {
    await holder.end();
    if (tooLong.aborted)
      throw dumpFailed(connection, `the snapshots took longer than the ${limitMs} ms of holdWrites`, "");
  };
}

export interface RunningDump {
  /** What was read of it to know that its transaction had begun, and then the rest. */
  readonly text: AsyncGenerator<Uint8Array>;
  readonly discard: () => Promise<void>;
}

/** The first thing the tool writes after its transaction has begun. Until then there is only its header. */
const begun =
  /^(?:-- (?:Table structure|Temporary (?:table|view) structure|Sequence structure|Dumping|Dump completed))/m;
const headerLimit = 65_536;

async function startDump({ connection, tools, signal }: Work): Promise<RunningDump> {
  const unused = new AbortController();
  const fault = (how: string, evidence: string) => dumpFailed(connection, `${tools.name} ended with ${how}`, evidence);
  const output = outputOf({
    argv: [tools.dump, ...dumpArguments(connection, tools), "--", connection.database],
    env: connection.environment,
    signal: AbortSignal.any([signal, unused.signal]),
    fault,
  });
  let head = Buffer.alloc(0);
  while (head.length < headerLimit && !begun.test(head.toString("latin1"))) {
    const next = await output.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  let used = false;
  AbortSignal.timeout(unusedMs).addEventListener("abort", () => {
    if (!used) unused.abort(dumpFailed(connection, "nobody read it within a minute", ""));
  });
  async function* text(): AsyncGenerator<Uint8Array> {
    used = true;
    let tail = head.subarray(-tailBytes);
    try {
      if (head.length > 0) yield head;
      for await (const chunk of output) {
        tail = Buffer.concat([tail, chunk.subarray(-tailBytes)]).subarray(-tailBytes);
        yield chunk;
      }
      if (!endsWhole(tail)) throw fault("exit code 0 and without its last line", tail.toString());
    } finally {
      await output.return(undefined);
    }
  }
  return { text: text(), discard: async () => void (await output.return(undefined)) };
}

/** For a dump, and for a second one of what was restored from it. */
export const dumpArguments = (connection: Connection, { vendor }: Tools): readonly string[] => [
  "--no-defaults",
  ...serverArguments(connection, vendor),
  ...["--single-transaction", "--quick", "--skip-lock-tables", "--routines", "--triggers", "--events", "--hex-blob"],
  ...["--default-character-set=utf8mb4", "--no-tablespaces", "--skip-dump-date"],
  // MySQL's tool would write the state of the whole server's replication into the dump.
  ...(vendor === "mysql" ? ["--set-gtid-purged=OFF", "--column-statistics=0"] : []),
];

async function* packed(connection: Connection, running: RunningDump, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const gzip = createGzip({ level: 1 });
  const packing = pipeline(Readable.from(running.text, { objectMode: false }), gzip);
  // It rejects for the reader below as well; that one reports it.
  packing.catch(() => undefined);
  try {
    yield* gzip;
    await packing;
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof SluiceError ? error : dumpFailed(connection, wordsOf(error), "");
  } finally {
    gzip.destroy();
    await packing.catch(() => undefined);
    await running.discard();
  }
}

/** File and position in the binary log; null where there is none, or where this account may not ask. */
async function logPosition(session: Session): Promise<string | null> {
  type Position = { readonly File?: string; readonly Position?: string | number };
  const ask = (text: string) => session.query<Position>(text);
  const [row] = await ask("SHOW MASTER STATUS").catch(() => ask("SHOW BINARY LOG STATUS").catch(() => []));
  return row?.File === undefined ? null : `${row.File}:${row.Position}`;
}

async function identifierOf(session: Session): Promise<string | null> {
  const [row] = await session.query<{ id: string }>("SELECT @@server_uuid AS id").catch(() => []);
  return row?.id ?? null;
}

const snapshotFacts = (
  lsn: string | null,
  systemIdentifier: string | null,
  { name }: Tools,
  unknown: readonly string[],
): SnapshotFacts => ({
  ...{ lsn, systemIdentifier, clientVersion: name, extensions: [], collations: [], largeObjects: 0, roles: null },
  missing: ["accounts and their rights: they belong to the server, not to the database", ...unknown],
});

function dumpFailed(connection: Connection, reason: string, evidence: string): SluiceError {
  return new SluiceError({
    code: "BACKUP_FAILED",
    remedy: "operator",
    at: `databases.${connection.name}`,
    message: `The dump of ${connection.database} (${connection.name}) at ${placeOf(connection)} failed: ${reason}. What was read of it is not a backup.`,
    hint: "Nothing was changed. Correct the cause, then try again with: sluice backup",
    ...(evidence === "" ? {} : { evidence }),
  });
}
