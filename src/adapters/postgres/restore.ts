/**
 * Reading a dump to its end, and restoring it into a database that did not exist before. `pg_restore --list` accepts half a
 * file (real-parts.md, trap 1), so reading means decoding every block. A restore never touches a database that is there:
 * the copied recipe "restores" into the live one, with 59 errors, nothing repaired and a table doubled.
 */
import { randomBytes } from "node:crypto";
import { devNull } from "node:os";
import { Readable } from "node:stream";
import { SluiceError } from "../../domain/errors.ts";
import type { DatabaseFacts } from "../../ports/database.ts";
import { type CommandResult, runCommand } from "../run-command.ts";
import { type Connection, openSession, placeOf, wordsOf } from "./connection.ts";
import { type DumpOptions, dumpFormat } from "./dump.ts";
import { factsOf } from "./facts.ts";
import { newestTools, toolsFor } from "./tools.ts";

/** What needs no quoting anywhere, in SQL, in a connection string or in a shell; PostgreSQL cuts names at 63 bytes. */
const plainName = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/;

export async function readBackDump(
  connection: Connection,
  binFolder: string | undefined,
  format: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  requireFormat(connection, format);
  const tools = await newestTools(binFolder, signal);
  const argv = [tools.pgRestore, "--format=custom", `--file=${devNull}`];
  const result = await feed(connection, argv, bytes, signal);
  if (result.exitCode === 0) return;
  throw new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: `databases.${connection.name}`,
    message: `The dump of ${connection.database} (${connection.name}) cannot be read to its end: pg_restore ended with exit code ${result.exitCode}.`,
    hint: "Do not rely on this backup. Take a new one with: sluice backup",
    evidence: result.stderrTail,
  });
}

/** Errors: RESTORE_FAILED, after which nothing of it is left; DATABASE_UNREACHABLE; the signal's reason. */
export async function restoreDump(
  connection: Connection,
  options: DumpOptions,
  format: string,
  bytes: AsyncIterable<Uint8Array>,
  into: string,
  signal: AbortSignal,
): Promise<DatabaseFacts> {
  requireFormat(connection, format);
  if (!plainName.test(into))
    throw restoreFailed(connection, into, "the name has other characters than A-Z a-z 0-9 _ -, or more than 63");
  signal.throwIfAborted();
  const serverMajor = await createEmpty(connection, into);
  try {
    const tools = await toolsFor(serverMajor, options.binFolder, signal);
    const argv = [tools.pgRestore, ...restoreArguments, `--dbname=${into}`];
    const result = await feed(connection, argv, bytes, signal);
    if (result.exitCode !== 0) {
      throw restoreFailed(connection, into, `pg_restore ended with exit code ${result.exitCode}`, result.stderrTail);
    }
    return await factsOf(connection, into, options, signal);
  } catch (error) {
    throw await withoutHalfMade(connection, into, error);
  }
}

/** B3: into a scratch database of the same server, whose name nobody else uses, and which is dropped whatever happens. */
export async function rehearseRestore(
  connection: Connection,
  options: DumpOptions,
  format: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<DatabaseFacts> {
  const scratch = `sluice_rehearsal_${randomBytes(6).toString("hex")}`;
  try {
    const facts = await restoreDump(connection, options, format, bytes, scratch, signal);
    await dropDatabase(connection, scratch);
    return facts;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SluiceError) || error.failure.code !== "RESTORE_FAILED") throw error;
    throw new SluiceError({ ...error.failure, code: "BACKUP_UNVERIFIED", cause: error });
  }
}

async function dropDatabase(connection: Connection, name: string): Promise<void> {
  const session = await openSession(connection, connection.database, AbortSignal.timeout(30_000));
  try {
    await session.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
    await session.query(`DROP DATABASE IF EXISTS "${name}"`);
  } finally {
    await session.end();
  }
}

const restoreArguments = ["--format=custom", "--exit-on-error", "--no-owner", "--no-password"] as const;

/** The commands a person types; nothing in them is secret. libpq asks for the password or reads PGPASSWORD or ~/.pgpass. */
export function restoreCommandsOf(connection: Connection, storedAt: string, into: string): readonly string[] {
  const server = [
    ...(connection.host === "" ? [] : [`--host=${connection.host}`]),
    `--port=${connection.port}`,
    ...(connection.user === "" ? [] : [`--username=${connection.user}`]),
  ].map(quoted);
  const restore = ["pg_restore", ...server, "--exit-on-error", "--no-owner", quoted(`--dbname=${into}`)];
  const fetched = storedAt.startsWith("s3://");
  return [
    ["createdb", ...server, "--template=template0", quoted(into)].join(" "),
    fetched ? `aws s3 cp ${quoted(storedAt)} - | ${restore.join(" ")}` : [...restore, quoted(storedAt)].join(" "),
    ["vacuumdb", ...server, "--analyze-only", quoted(into)].join(" "),
  ];
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** Feeds the bytes to a tool. What goes wrong at their source is the source's error, not the tool's. */
async function feed(
  connection: Connection,
  argv: readonly string[],
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<CommandResult> {
  let broken: { readonly error: unknown } | undefined;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* untilAborted(bytes, signal);
    } catch (error) {
      broken = { error };
      throw error;
    }
  }
  const input = Readable.from(watched(), { objectMode: false });
  const result = await runCommand({ argv, env: connection.environmentOf(connection.database), signal, input });
  if (broken) throw broken.error;
  return result;
}

/** A source that hangs must not hold up an abort: it is let go of, not waited for. */
async function* untilAborted(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const source = bytes[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const next = await Promise.race([source.next(), aborted.promise]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    source.return?.().catch(() => undefined);
  }
}

/** Creates `into` like the database that is backed up; returns the server's major. */
async function createEmpty(connection: Connection, into: string): Promise<number> {
  // Not bound to the caller's signal: a CREATE cut off half-way goes on in the server, and nobody would drop its result.
  const session = await openSession(connection, connection.database, AbortSignal.timeout(creationMs));
  try {
    const taken = await session.query("SELECT FROM pg_database WHERE datname = $1", [into]);
    if (taken.length > 0) {
      throw restoreFailed(connection, into, "a database of that name exists, and a restore never writes into one");
    }
    const [source] = await session.query<SourceRow>(
      `SELECT current_setting('server_version_num')::int AS number, pg_encoding_to_char(d.encoding) AS encoding,
              to_jsonb(d) AS row FROM pg_database d WHERE datname = current_database()`,
    );
    await session.query(`CREATE DATABASE "${into}" TEMPLATE template0 ${localeOf(source)}`);
    return Math.floor((source?.number ?? 0) / 10_000);
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw restoreFailed(connection, into, wordsOf(error));
  } finally {
    await session.end();
  }
}

const creationMs = 60_000;

interface SourceRow {
  readonly number: number;
  readonly encoding: string;
  /** The row of pg_database as JSON, since its columns differ from major to major. */
  readonly row: {
    readonly datcollate: string;
    readonly datctype: string;
    readonly datlocprovider?: string;
    readonly datlocale?: string | null;
    readonly daticulocale?: string | null;
  };
}

/** Encoding and collation of the source; in the server's default ones some text could not be stored, or sorts otherwise. */
function localeOf(source: SourceRow | undefined): string {
  if (source === undefined) return "";
  const { row, encoding } = source;
  const icuLocale = row.datlocprovider === "i" ? (row.datlocale ?? row.daticulocale) : undefined;
  return [
    `ENCODING ${literal(encoding)} LC_COLLATE ${literal(row.datcollate)} LC_CTYPE ${literal(row.datctype)}`,
    ...(icuLocale ? [`LOCALE_PROVIDER icu ICU_LOCALE ${literal(icuLocale)}`] : []),
  ].join(" ");
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * Drops what was half restored and returns the error to throw. Not bound to the caller's signal: an abort must not prevent
 * the cleaning.
 */
async function withoutHalfMade(connection: Connection, into: string, error: unknown): Promise<unknown> {
  try {
    await dropDatabase(connection, into);
    return error;
  } catch (dropError) {
    const left = `${wordsOf(error)}; the half-restored database is still there, because dropping it failed: ${wordsOf(dropError)}`;
    return restoreFailed(connection, into, left);
  }
}

function requireFormat(connection: Connection, format: string): void {
  if (format === dumpFormat) return;
  throw new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: `databases.${connection.name}`,
    message: `A dump of format "${format}" is not one that the PostgreSQL adapter writes ("${dumpFormat}").`,
    hint: "Look at where the backup comes from with: sluice backup list",
  });
}

function restoreFailed(connection: Connection, into: string, reason: string, evidence = ""): SluiceError {
  return new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: `databases.${connection.name}`,
    message: `Restoring into ${into} at ${placeOf(connection)} failed: ${reason}.`,
    hint: "The live database was not touched. Choose the name of a database that does not exist and try again with: sluice restore",
    ...(evidence === "" ? {} : { evidence }),
  });
}
