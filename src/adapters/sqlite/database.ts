/**
 * SQLite as the deployment sees it. A dump is a copy made by SQLite's own backup interface while writers go on, packed with
 * gzip; its facts are counted in that very copy. Copying the file by other means loses what is still in the `-wal` file.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { access, constants, link, lstat, mkdtemp, open, rm, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import type { ErrorCode } from "../../domain/error-codes.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { Room } from "../../domain/room.ts";
import type {
  CopyUse,
  Database,
  DatabaseFacts,
  Dump,
  Reading,
  Rehearsal,
  RehearsalRequest,
} from "../../ports/database.ts";
import { printsDump, shellQuoted } from "../restore-command.ts";
import { watchedBytes } from "../watched-bytes.ts";
import { holdDataLock } from "./data-lock.ts";
import { type ReadResult, readSqlite } from "./reader.ts";
import { besideFile, settleFiles, swapFiles, unfinishedPrefix } from "./swap.ts";

export interface SqliteDatabaseOptions {
  readonly name: string;
  readonly file: string;
  /** Where copies lie while they are packed or checked; the system's temporary folder by default. Needs the file's size. */
  readonly temporaryFolder?: string;
}

interface Place {
  readonly name: string;
  readonly file: string;
  readonly temporaryFolder: string;
}

const dumpFormat = "sqlite gzip";
/** The first bytes of every SQLite file. An empty file would pass SQLite's own check. */
const magic = Buffer.from("SQLite format 3\0");

export function sqliteDatabase(options: SqliteDatabaseOptions): Database {
  const place = {
    name: options.name,
    file: resolve(options.file),
    temporaryFolder: options.temporaryFolder ?? tmpdir(),
  };
  return {
    kind: "sqlite",
    name: options.name,
    exclusively: (claim, signal, body) => holdDataLock(place, claim, signal, body),
    beside: (suffix) => besideFile(place, suffix),
    swapIn: (restored, kept, signal) => swapFiles(place, restored, kept, signal),
    settleSwap: (restored, kept) => settleFiles(place, restored, kept),
    writtenSince: async () => null,
    facts: (signal) => liveFacts(place, signal),
    tools: async () => `SQLite ${process.versions.sqlite}, which comes with Node`,
    dump: (signal) => dump(place, signal),
    readBack: (format, bytes, signal) => readBack(place, format, bytes, signal),
    restore: (format, bytes, into, signal) => restore(place, format, bytes, resolve(into), signal),
    rehearse: (request, signal) => rehearse(place, request, signal),
    room: (use) => room(place, use),
    restoreCommands: (_format, storedAt, into, endpoint) => restoreCommands(storedAt, into, endpoint),
  };
}

async function liveFacts(place: Place, signal: AbortSignal): Promise<DatabaseFacts> {
  const result = await readSqlite({ command: "facts", file: place.file }, signal);
  return factsFrom(result, place.file, (reason) =>
    failure(place, "DATABASE_UNREACHABLE", `The database file ${place.file} cannot be read`, reason),
  );
}

async function dump(place: Place, signal: AbortSignal): Promise<Dump> {
  signal.throwIfAborted();
  const folder = await mkdtemp(join(place.temporaryFolder, "sluice-sqlite-"));
  const discard = () => rm(folder, { recursive: true, force: true });
  try {
    await access(place.file, constants.R_OK).catch((error: unknown) => {
      throw failure(place, "DATABASE_UNREACHABLE", `The database file ${place.file} cannot be read`, wordsOf(error));
    });
    const copy = join(folder, "copy.sqlite");
    const result = await readSqlite({ command: "copy", file: place.file, to: copy }, signal);
    const facts = factsFrom(result, place.file, (reason) =>
      failure(place, "BACKUP_FAILED", `Copying ${place.file} to ${folder} failed`, reason),
    );
    // A dump that is never read would leave its copy behind; the deployment's signal ends that too.
    signal.addEventListener("abort", () => void discard(), { once: true });
    const bytes = packed(place, copy, discard, signal);
    return { facts, snapshot: null, format: dumpFormat, extension: ".sqlite.gz", bytes };
  } catch (error) {
    await discard();
    throw error;
  }
}

async function* packed(
  place: Place,
  copy: string,
  discard: () => Promise<void>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    signal.throwIfAborted();
    const gzip = createGzip({ level: 1 });
    const packing = pipeline(createReadStream(copy), gzip, { signal });
    // It rejects for the reader below as well; that one reports it.
    packing.catch(() => undefined);
    yield* gzip;
    await packing;
  } catch (error) {
    signal.throwIfAborted();
    throw failure(place, "BACKUP_FAILED", `Packing the copy of ${place.file} failed`, wordsOf(error));
  } finally {
    await discard();
  }
}

async function readBack(
  place: Place,
  format: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Reading> {
  requireFormat(place, format);
  const folder = await mkdtemp(join(place.temporaryFolder, "sluice-sqlite-"));
  try {
    const unreadable = (reason: string) =>
      failure(place, "BACKUP_UNVERIFIED", `The dump of ${place.file} cannot be read to its end`, reason);
    const { tables } = await unpackAndCheck(bytes, join(folder, "read.sqlite"), unreadable, signal);
    return { parts: new Map(tables.map(({ name, hash }) => [name, hash ?? ""])), schema: [] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function restore(
  place: Place,
  format: string,
  bytes: AsyncIterable<Uint8Array>,
  into: string,
  signal: AbortSignal,
): Promise<DatabaseFacts> {
  requireFormat(place, format);
  const failed = (reason: string) => failure(place, "RESTORE_FAILED", `Restoring into ${into} failed`, reason);
  // A leftover -wal or -journal would be replayed into the restored file.
  for (const path of [into, `${into}-wal`, `${into}-journal`]) {
    if (await exists(path)) throw failed(`${path} exists, and a restore never writes into a database that is there`);
  }
  const folder = await mkdtemp(unfinishedPrefix(into)).catch((error: unknown) => {
    throw failed(wordsOf(error));
  });
  try {
    const made = join(folder, "restored.sqlite");
    const facts = await unpackAndCheck(bytes, made, failed, signal);
    await syncFile(made);
    // A link refuses a name that was taken meanwhile; a rename would replace it.
    await link(made, into).catch((error: unknown) => {
      throw failed(wordsOf(error));
    });
    await syncFile(dirname(into));
    return { ...facts, name: basename(into) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** B3: restored into a folder that is gone afterwards. The rows and the schema are compared by their hashes in the facts. */
async function rehearse(place: Place, { format, bytes }: RehearsalRequest, signal: AbortSignal): Promise<Rehearsal> {
  requireFormat(place, format);
  const folder = await mkdtemp(join(place.temporaryFolder, "sluice-rehearsal-"));
  const failed = (reason: string) => failure(place, "BACKUP_UNVERIFIED", "The backup could not be restored", reason);
  const startedAt = performance.now();
  try {
    const facts = await unpackAndCheck(bytes, join(folder, "restored.sqlite"), failed, signal);
    const tookMs = Math.round(performance.now() - startedAt);
    const detail = "into a scratch file; integrity_check, rows and schema hashed";
    return { facts, checks: [{ check: "restored", outcome: "passed", detail, tookMs }] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Unpacks into `to` and has SQLite check every page. What goes wrong at the source is thrown as it is. */
async function unpackAndCheck(
  bytes: AsyncIterable<Uint8Array>,
  to: string,
  fault: (reason: string) => SluiceError,
  signal: AbortSignal,
): Promise<DatabaseFacts> {
  const source = watchedBytes(bytes);
  try {
    await pipeline(
      Readable.from(source.bytes(), { objectMode: false }),
      createGunzip(),
      createWriteStream(to, { mode: 0o600, flags: "wx" }),
      { signal },
    );
  } catch (error) {
    signal.throwIfAborted();
    const broken = source.broken();
    throw broken ? broken.error : fault(wordsOf(error));
  }
  if (!(await startsLikeSqlite(to))) throw fault("what it holds is not a SQLite database");
  return factsFrom(await readSqlite({ command: "check", file: to }, signal), to, fault);
}

async function startsLikeSqlite(file: string): Promise<boolean> {
  const handle = await open(file, "r");
  try {
    const { buffer } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0);
    return buffer.equals(magic);
  } finally {
    await handle.close();
  }
}

function factsFrom(result: ReadResult, file: string, fault: (reason: string) => SluiceError): DatabaseFacts {
  if (result.kind === "failed") throw fault(result.reason);
  return { kind: "sqlite", name: basename(file), ...result.facts };
}

async function room({ name, file, temporaryFolder }: Place, use: CopyUse): Promise<Room> {
  const folder = use === "scratch" ? temporaryFolder : dirname(file);
  try {
    const [{ size }, { bavail, bsize }] = await Promise.all([stat(file), statfs(folder)]);
    return { liveBytes: size, freeBytes: bavail * bsize, limitBytes: null, words: folder };
  } catch (error) {
    const what = `The room for a copy of ${file} (${name}) cannot be told`;
    throw failure({ name, file, temporaryFolder }, "DATABASE_UNREACHABLE", what, wordsOf(error));
  }
}

/** The commands a person types; the first refuses to overwrite. */
function restoreCommands(storedAt: string, into: string, endpoint?: string): readonly string[] {
  const to = shellQuoted(into);
  const prints = printsDump(storedAt, endpoint);
  const unpack = prints ? `${prints} | gunzip -c` : `gunzip -c ${shellQuoted(storedAt)}`;
  return [`test ! -e ${to} && ${unpack} > ${to}`, `sqlite3 ${to} 'PRAGMA integrity_check'`];
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function requireFormat(place: Place, format: string): void {
  if (format === dumpFormat) return;
  throw failure(place, "BACKUP_UNVERIFIED", "The dump was not made by the SQLite adapter", `its format is "${format}"`);
}

const hints = {
  DATABASE_UNREACHABLE:
    "Check that the file exists and may be read, then look again with: sluice plan <environment> <version>",
  BACKUP_FAILED:
    "Nothing was changed. Check the free space of the temporary folder, then try again with: sluice backup",
  BACKUP_UNVERIFIED: "Do not rely on this backup. Take a new one with: sluice backup",
  RESTORE_FAILED:
    "The live database was not touched. Choose a file that does not exist and try again with: sluice restore",
} as const satisfies Partial<Record<ErrorCode, string>>;

function failure(place: Place, code: keyof typeof hints, what: string, reason: string): SluiceError {
  return new SluiceError({
    code,
    remedy: code === "DATABASE_UNREACHABLE" ? "retry" : "operator",
    at: `databases.${place.name}`,
    message: `${what}: ${reason}.`,
    hint: hints[code],
  });
}
