/**
 * Reading a dump to its end, and restoring it into a database that did not exist before. A dump that was cut off restores
 * without an error, so its last line must be there. Events are restored switched off (script.ts).
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { SluiceError } from "../../domain/errors.ts";
import type { DatabaseFacts, Reading } from "../../ports/database.ts";
import { printsDump, shellQuoted } from "../restore-command.ts";
import { runCommand } from "../run-command.ts";
import { watched } from "../tool-output.ts";
import { watchedBytes } from "../watched-bytes.ts";
import { type Connection, placeOf, serverArguments, wordsOf } from "./connection.ts";
import { type DumpOptions, dumpFormat } from "./dump.ts";
import { factsOf } from "./facts.ts";
import { endsWhole, readScript, tailBytes, withoutEvents } from "./script.ts";
import { openSession, quoted, type Session, serverOf } from "./session.ts";
import { type Tools, toolsFor } from "./tools.ts";

/** What needs no quoting anywhere; the server cuts no names, it refuses those beyond 64 characters. */
const plainName = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const creationMs = 60_000;

export async function readBackDump(
  connection: Connection,
  format: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Reading> {
  requireFormat(connection, format);
  const unreadable = (reason: string) =>
    new SluiceError({
      code: "BACKUP_UNVERIFIED",
      remedy: "operator",
      at: `databases.${connection.name}`,
      message: `The dump of ${connection.database} (${connection.name}) cannot be read to its end: ${reason}.`,
      hint: "Do not rely on this backup. Take a new one with: sluice backup",
    });
  const { reading, complete } = await readScript(unpacked(bytes, unreadable, signal));
  if (!complete) throw unreadable("its last line, which says that it is complete, is missing");
  return reading;
}

/** What goes wrong at the source is thrown as it is. */
async function* unpacked(
  bytes: AsyncIterable<Uint8Array>,
  fault: (reason: string) => SluiceError,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const source = watched(bytes, signal);
  const gunzip = createGunzip();
  const feeding = pipeline(Readable.from(source.bytes(), { objectMode: false }), gunzip);
  feeding.catch(() => undefined);
  try {
    yield* gunzip;
    await feeding;
  } catch (error) {
    signal.throwIfAborted();
    const broken = source.broken();
    throw broken ? broken.error : fault(wordsOf(error));
  } finally {
    gunzip.destroy();
    await feeding.catch(() => undefined);
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
  requireFormat(connection, format);
  if (!plainName.test(into))
    throw restoreFailed(connection, into, "the name has other characters than A-Z a-z 0-9 _ -, or more than 64");
  signal.throwIfAborted();
  const place = await createEmpty(connection, options, into, "logged");
  try {
    await feed(connection, place, bytes, signal);
    return await factsOf(connection, into, signal, "hash");
  } catch (error) {
    throw await withoutHalfMade(connection, place, error);
  }
}

export interface NewPlace {
  readonly name: string;
  readonly tools: Tools;
  /** Replicas need not restore what is dropped a moment later. Few accounts may leave it out of the log. */
  readonly logged: boolean;
}

/** Creates `into` with the character set of the database that is backed up. */
export async function createEmpty(
  connection: Connection,
  { binFolder }: Pick<DumpOptions, "binFolder">,
  into: string,
  log: "logged" | "unlogged where allowed",
): Promise<NewPlace> {
  // Not bound to the caller's signal: nobody would drop what a CREATE that was cut off has made.
  const session = await openSession(connection, connection.database, AbortSignal.timeout(creationMs));
  try {
    const tools = await toolsFor(await serverOf(session), binFolder, AbortSignal.timeout(creationMs));
    const logged = log === "logged" || !(await unlogged(session));
    const [taken] = await session.query("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", [into]);
    if (taken !== undefined)
      throw restoreFailed(connection, into, "a database of that name exists, and a restore never writes into one");
    const [source] = await session.query<{ charset: string; collation: string }>(
      `SELECT DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation
       FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?`,
      [connection.database],
    );
    const like = source === undefined ? "" : ` CHARACTER SET ${source.charset} COLLATE ${source.collation}`;
    await session.query(`CREATE DATABASE ${quoted(into)}${like}`);
    return { name: into, tools, logged };
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw restoreFailed(connection, into, wordsOf(error));
  } finally {
    await session.end();
  }
}

const unlogged = (session: Session): Promise<boolean> =>
  session.query("SET SESSION sql_log_bin = 0").then(
    () => true,
    () => false,
  );

/** Nothing in the script is a command for the client itself, e.g. one that starts a shell. */
const clientArguments = ["--batch", "--binary-mode", "--default-character-set=utf8mb4"] as const;

/** Errors: RESTORE_FAILED; what goes wrong where the bytes come from, as it is. */
export async function feed(
  connection: Connection,
  { logged, name, tools }: NewPlace,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const broken = (reason: string) => restoreFailed(connection, name, `the dump cannot be read to its end: ${reason}`);
  const [source, end] = withEnd(withoutEvents(unpacked(bytes, broken, signal)));
  const script = watchedBytes(source);
  const result = await runCommand({
    argv: [
      ...[tools.client, "--no-defaults", ...serverArguments(connection, tools.vendor), ...clientArguments],
      ...(logged ? [] : ["--init-command=SET SESSION sql_log_bin = 0"]),
      `--database=${name}`,
    ],
    env: connection.environment,
    signal,
    input: Readable.from(script.bytes(), { objectMode: false }),
  });
  const fault = script.broken();
  if (fault) throw fault.error;
  if (result.exitCode !== 0)
    throw restoreFailed(connection, name, `the client ended with exit code ${result.exitCode}`, result.stderrTail);
  if (!end()) throw broken("its last line, which says that it is complete, is missing");
}

/** The bytes, and afterwards whether the last line was there. */
function withEnd(bytes: AsyncIterable<Uint8Array>): readonly [AsyncIterable<Uint8Array>, () => boolean] {
  let tail = Buffer.alloc(0);
  async function* passing() {
    for await (const chunk of bytes) {
      tail = Buffer.concat([tail, chunk.subarray(-tailBytes)]).subarray(-tailBytes);
      yield chunk;
    }
  }
  return [passing(), () => endsWhole(tail)];
}

export async function dropDatabase(connection: Connection, { logged, name }: Pick<NewPlace, "name" | "logged">) {
  const session = await openSession(connection, undefined, AbortSignal.timeout(creationMs));
  try {
    if (!logged) await session.query("SET SESSION sql_log_bin = 0");
    const busy = await session.query<{ id: string }>(
      "SELECT CAST(ID AS CHAR) AS id FROM information_schema.PROCESSLIST WHERE DB = ?",
      [name],
    );
    // One that has left meanwhile is no fault.
    for (const { id } of busy) await session.query(`KILL ${id}`).catch(() => undefined);
    await session.query(`DROP DATABASE IF EXISTS ${quoted(name)}`);
  } finally {
    await session.end();
  }
}

/** Drops what was half restored and returns the error to throw. An abort must not prevent the cleaning. */
export async function withoutHalfMade(connection: Connection, place: NewPlace, error: unknown): Promise<unknown> {
  try {
    await dropDatabase(connection, place);
    return error;
  } catch (dropError) {
    const left = `${wordsOf(error)}; the half-restored database is still there, because dropping it failed: ${wordsOf(dropError)}`;
    return restoreFailed(connection, place.name, left);
  }
}

/** The commands a person types; nothing in them is secret. The client reads the password from ~/.my.cnf or MYSQL_PWD. */
export function restoreCommandsOf(
  connection: Connection,
  storedAt: string,
  into: string,
  endpoint?: string,
): readonly string[] {
  const client = [connection.kind, ...serverArguments(connection, connection.kind).map(shellQuoted)].join(" ");
  const prints = printsDump(storedAt, endpoint);
  const unpack = prints ? `${prints} | gunzip -c` : `gunzip -c ${shellQuoted(storedAt)}`;
  const name = shellQuoted(into);
  const create = shellQuoted(`CREATE DATABASE ${quoted(into)}`);
  return [
    `${client} --execute=${create}`,
    `${unpack} | ${client} --binary-mode --default-character-set=utf8mb4 --database=${name}`,
  ];
}

export function requireFormat(connection: Connection, format: string): void {
  if (format === dumpFormat) return;
  throw new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: `databases.${connection.name}`,
    message: `A dump of format "${format}" is not one that the MariaDB adapter writes ("${dumpFormat}").`,
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
