/**
 * Reading a dump to its end, and restoring it into a database that did not exist before. `pg_restore --list` accepts half a
 * file (real-parts.md, trap 1), so reading means decoding every block. A restore never touches a database that is there:
 * the copied recipe "restores" into the live one, with 59 errors, nothing repaired and a table doubled.
 */
import { SluiceError } from "../../domain/errors.ts";
import type { DatabaseFacts, Reading } from "../../ports/database.ts";
import { printsDump, shellQuoted } from "../restore-command.ts";
import { type Archive, renderArchive, restoreArchive } from "./archive.ts";
import { type Connection, openSession, placeOf, wordsOf } from "./connection.ts";
import { type DumpOptions, serverMajor } from "./dump.ts";
import { factsOf } from "./facts.ts";
import { formatOf, type Layout, type Packing, packingOf, requireReads } from "./packing.ts";
import { newestTools, type Tools, toolsFor } from "./tools.ts";

/** What needs no quoting anywhere, in SQL, in a connection string or in a shell; PostgreSQL cuts names at 63 bytes. */
const plainName = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/;

/** Every block is decoded and rendered as SQL, which is what a restored database is compared with. */
export async function readBackDump(
  connection: Connection,
  options: DumpOptions,
  format: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Reading> {
  const packing = requireFormat(connection, format);
  const tools = await toolsToRead(connection, options.binFolder, signal);
  await requireReads(tools, packing, signal);
  const fault = (reason: string, evidence: string) =>
    new SluiceError({
      code: "BACKUP_UNVERIFIED",
      remedy: "operator",
      at: `databases.${connection.name}`,
      message: `The dump of ${connection.database} (${connection.name}) cannot be read to its end: ${reason}.`,
      hint: "Do not rely on this backup. Take a new one with: sluice backup",
      ...(evidence === "" ? {} : { evidence }),
    });
  return renderArchive(connection, { packing, bytes, tools, parallel: options.parallel, fault }, signal);
}

/** The tools that would dump this server, so that both renderings come from the same hand; without a server, the newest. */
async function toolsToRead(connection: Connection, binFolder: string | undefined, signal: AbortSignal): Promise<Tools> {
  const session = await openSession(connection, connection.database, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    return error instanceof SluiceError ? undefined : Promise.reject(error);
  });
  if (session === undefined) return newestTools(binFolder, signal);
  try {
    return await toolsFor(await serverMajor(session), binFolder, signal);
  } finally {
    await session.end();
  }
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
  const packing = requireFormat(connection, format);
  if (!plainName.test(into))
    throw restoreFailed(connection, into, "the name has other characters than A-Z a-z 0-9 _ -, or more than 63");
  signal.throwIfAborted();
  const major = await createEmpty(connection, into);
  try {
    const tools = await toolsFor(major, options.binFolder, signal);
    await requireReads(tools, packing, signal);
    const fault: Archive["fault"] = (reason, evidence) => restoreFailed(connection, into, reason, evidence);
    const archive = { packing, bytes, tools, parallel: options.parallel, fault };
    await restoreArchive(connection, archive, ["--no-owner", `--dbname=${into}`], signal);
    return await factsOf(connection, into, options, signal, "hash");
  } catch (error) {
    throw await withoutHalfMade(connection, into, error);
  }
}

export async function dropDatabase(connection: Connection, name: string): Promise<void> {
  const session = await openSession(connection, connection.database, AbortSignal.timeout(30_000));
  try {
    await session.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
    await session.query(`DROP DATABASE IF EXISTS "${name}"`);
  } finally {
    await session.end();
  }
}

/** For a person's commands, quoted. */
export const serverArguments = ({ host, port, user }: Connection): readonly string[] =>
  [...(host === "" ? [] : [`--host=${host}`]), `--port=${port}`, ...(user === "" ? [] : [`--username=${user}`])].map(
    shellQuoted,
  );

/** The commands a person types; nothing in them is secret. libpq asks for the password or reads PGPASSWORD or ~/.pgpass. */
export function restoreCommandsOf(
  connection: Connection,
  { layout, jobs }: { readonly layout: Layout; readonly jobs: number },
  storedAt: string,
  into: string,
  endpoint?: string,
): readonly string[] {
  const server = serverArguments(connection);
  const restore = ["pg_restore", ...server, "--exit-on-error", "--no-owner", shellQuoted(`--dbname=${into}`)].join(" ");
  const prints = printsDump(storedAt, endpoint);
  const folder = shellQuoted(`${into}.files`);
  const unpack = prints ? `${prints} | tar -x -f - -C ${folder}` : `tar -x -f ${shellQuoted(storedAt)} -C ${folder}`;
  const restored = {
    custom: [prints ? `${prints} | ${restore}` : `${restore} ${shellQuoted(storedAt)}`],
    directory: [`mkdir ${folder}`, unpack, `${restore} --jobs=${jobs} ${folder}`, `rm -r ${folder}`],
  } as const satisfies Record<Layout, readonly string[]>;
  return [
    ["createdb", ...server, "--template=template0", shellQuoted(into)].join(" "),
    ...restored[layout],
    ["vacuumdb", ...server, "--analyze-only", shellQuoted(into)].join(" "),
  ];
}

/** Creates `into` like the database that is backed up; returns the server's major. */
export async function createEmpty(connection: Connection, into: string): Promise<number> {
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
export async function withoutHalfMade(connection: Connection, into: string, error: unknown): Promise<unknown> {
  try {
    await dropDatabase(connection, into);
    return error;
  } catch (dropError) {
    const left = `${wordsOf(error)}; the half-restored database is still there, because dropping it failed: ${wordsOf(dropError)}`;
    return restoreFailed(connection, into, left);
  }
}

export function requireFormat(connection: Connection, format: string): Packing {
  const packing = packingOf(format);
  if (packing) return packing;
  throw new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: `databases.${connection.name}`,
    message: `A dump of format "${format}" is not one that the PostgreSQL adapter writes (such as "${formatOf({ layout: "custom", compression: "zlib" })}").`,
    hint: "Look at where the backup comes from with: sluice backup list",
  });
}

export function restoreFailed(connection: Connection, into: string, reason: string, evidence = ""): SluiceError {
  return new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: `databases.${connection.name}`,
    message: `Restoring into ${into} at ${placeOf(connection)} failed: ${reason}.`,
    hint: "The live database was not touched. Choose the name of a database that does not exist and try again with: sluice restore",
    ...(evidence === "" ? {} : { evidence }),
  });
}
