/**
 * A dump and what it holds, from one instant: a transaction exports its snapshot, counts in it, and pg_dump reads the same
 * one. The bytes end only after pg_dump exited 0. The recipe everybody copies (`pg_dump | gzip > file`) reports success for
 * a killed pg_dump, and its half file restores without an error (data-safety.md, 1).
 */
import { SluiceError } from "../../domain/errors.ts";
import type { Dump } from "../../ports/database.ts";
import { type Connection, openSession, placeOf, type Session, wordsOf } from "./connection.ts";
import { beginSnapshot, readFacts, type SnapshotOptions } from "./facts.ts";
import { formatOf, packingArguments, packingBy, packingWords } from "./packing.ts";
import { readRoles, readSnapshotFacts } from "./snapshot-facts.ts";
import { outputOf } from "./tool-output.ts";
import { toolsFor } from "./tools.ts";

export interface DumpOptions extends SnapshotOptions {
  readonly binFolder: string | undefined;
}

/** Errors: DATABASE_UNREACHABLE, BACKUP_FAILED, the signal's reason. */
export async function dumpDatabase(connection: Connection, options: DumpOptions, signal: AbortSignal): Promise<Dump> {
  const session = await openSession(connection, connection.database, signal);
  try {
    const tools = await toolsFor(await serverMajor(session), options.binFolder, signal);
    const packing = await packingBy(tools, signal);
    await beginSnapshot(session, options);
    const [snapshot] = await session.query<{ id: string }>("SELECT pg_export_snapshot() AS id");
    const known = await readSnapshotFacts(session);
    const facts = await readFacts(session, "hash");
    const roles = await readRoles(connection, tools, signal);
    const argv = [
      tools.pgDump,
      ...packingArguments(packing),
      "--no-password",
      `--lock-wait-timeout=${options.lockWaitMs}`,
      `--snapshot=${snapshot?.id ?? ""}`,
    ];
    return {
      facts,
      snapshot: {
        ...known,
        clientVersion: `pg_dump ${tools.major}`,
        roles: roles.statements,
        missing: [...known.missing, ...roles.missing],
      },
      format: formatOf(packing),
      extension: ".dump",
      bytes: readDump(connection, argv, session, signal),
    };
  } catch (error) {
    await session.end();
    signal.throwIfAborted();
    if (error instanceof SluiceError) throw error;
    throw dumpFailed(connection, wordsOf(error), "");
  }
}

export async function serverMajor(session: Session): Promise<number> {
  const [version] = await session.query<{ number: number }>(
    "SELECT current_setting('server_version_num')::int AS number",
  );
  return Math.floor((version?.number ?? 0) / 10_000);
}

/** B1: before anybody approves, whether pg_dump is there and not older than its server. */
export async function toolWords(connection: Connection, options: DumpOptions, signal: AbortSignal): Promise<string> {
  const session = await openSession(connection, connection.database, signal);
  try {
    const major = await serverMajor(session);
    const tools = await toolsFor(major, options.binFolder, signal);
    return `pg_dump ${tools.major} for PostgreSQL ${major}, ${packingWords(await packingBy(tools, signal))}`;
  } finally {
    await session.end();
  }
}

async function* readDump(
  connection: Connection,
  argv: readonly string[],
  exporter: Session,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const env = connection.environmentOf(connection.database);
  const fault = (how: string, evidence: string) => dumpFailed(connection, `pg_dump ended with ${how}`, evidence);
  try {
    for await (const chunk of outputOf({ argv, env, signal, fault })) {
      // pg_dump has adopted the snapshot before its first byte; the transaction that exported it is in the way of others.
      await exporter.end();
      yield chunk;
    }
  } finally {
    await exporter.end();
  }
}

function dumpFailed(connection: Connection, reason: string, evidence: string): SluiceError {
  return new SluiceError({
    code: "BACKUP_FAILED",
    remedy: "operator",
    at: `databases.${connection.name}`,
    message: `The dump of ${connection.database} (${connection.name}) at ${placeOf(connection)} failed: ${reason}. What was read of it is not a backup.`,
    hint: "Nothing was changed. Correct the cause shown in the evidence, then try again with: sluice backup",
    ...(evidence === "" ? {} : { evidence }),
  });
}
