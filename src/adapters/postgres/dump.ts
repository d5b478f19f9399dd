/**
 * A dump and what it holds, from one instant: a transaction exports its snapshot, counts in it, and pg_dump reads the same
 * one. The bytes end only after pg_dump exited 0. The recipe everybody copies (`pg_dump | gzip > file`) reports success for
 * a killed pg_dump, and its half file restores without an error (data-safety.md, 1).
 */
import { join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import type { Dump } from "../../ports/database.ts";
import { outputOf, type ToolRequest } from "../tool-output.ts";
import { type Connection, openSession, placeOf, type Session, wordsOf } from "./connection.ts";
import { beginSnapshot, readFacts, type SnapshotOptions } from "./facts.ts";
import {
  compressionOf,
  formatOf,
  layoutFor,
  type Packing,
  type ParallelOptions,
  packingArguments,
  packingWords,
} from "./packing.ts";
import { newScratchFolder, removeScratchFolder, requireFree } from "./scratch-folder.ts";
import { readRoles, readSnapshotFacts } from "./snapshot-facts.ts";
import { tarOf } from "./tar.ts";
import { type Tools, toolsFor } from "./tools.ts";

export interface DumpOptions extends SnapshotOptions {
  readonly binFolder: string | undefined;
  readonly parallel: ParallelOptions;
}

/** Errors: DATABASE_UNREACHABLE, BACKUP_FAILED, the signal's reason. */
export async function dumpDatabase(connection: Connection, options: DumpOptions, signal: AbortSignal): Promise<Dump> {
  const session = await openSession(connection, connection.database, signal);
  try {
    const tools = await toolsFor(await serverMajor(session), options.binFolder, signal);
    const packing = await packingOf(connection, session, tools, options, signal);
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
      extension: packing.layout === "custom" ? ".dump" : ".dump.tar",
      bytes:
        packing.layout === "custom"
          ? readDump(connection, argv, session, signal)
          : readParallelDump(connection, argv, options.parallel, session, signal),
    };
  } catch (error) {
    await session.end();
    signal.throwIfAborted();
    if (error instanceof SluiceError) throw error;
    throw dumpFailed(connection, wordsOf(error), "");
  }
}

/** By the size of the database and what the tool can do. Errors: DISK_FULL where its files would not fit in between. */
async function packingOf(
  connection: Connection,
  session: Session,
  tools: Tools,
  { parallel }: DumpOptions,
  signal: AbortSignal,
): Promise<Packing> {
  const [size] = await session.query<{ bytes: number }>(sizeQuery);
  const layout = layoutFor(size?.bytes ?? 0, parallel);
  if (layout === "directory") {
    await requireFree(connection, parallel.folder, size?.bytes ?? 0, "a dump by several processes");
  }
  return { layout, compression: await compressionOf(tools, signal) };
}

/** With its indexes, so that a dump is seldom more. The size of a single table would wait for whoever has it locked. */
const sizeQuery = "SELECT pg_database_size(current_database())::float8 AS bytes";

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
    const packing = await packingOf(connection, session, tools, options, signal);
    return `pg_dump ${tools.major} for PostgreSQL ${major}, ${packingWords(packing, options.parallel)}`;
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
  try {
    for await (const chunk of outputOf(toolRequest(connection, argv, signal))) {
      // pg_dump has adopted the snapshot before its first byte; the transaction that exported it is in the way of others.
      await exporter.end();
      yield chunk;
    }
  } finally {
    await exporter.end();
  }
}

/** Several processes write a folder; only when all of them have succeeded does any byte of it go on. */
async function* readParallelDump(
  connection: Connection,
  argv: readonly string[],
  { folder, jobs }: ParallelOptions,
  exporter: Session,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let scratch: string | undefined;
  try {
    scratch = await newScratchFolder(folder);
    const into = join(scratch, "dump");
    // Each of the processes adopts the snapshot when it begins, so the transaction that exported it stays until they are over.
    await exporter.query("SELECT set_config('idle_in_transaction_session_timeout', '0', false)");
    const dumping = [...argv, `--jobs=${jobs}`, `--file=${into}`];
    for await (const _ of outputOf(toolRequest(connection, dumping, signal)));
    await exporter.end();
    for await (const chunk of tarOf(into)) {
      signal.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof SluiceError ? error : dumpFailed(connection, wordsOf(error), "");
  } finally {
    await exporter.end();
    if (scratch !== undefined) await removeScratchFolder(scratch);
  }
}

const toolRequest = (connection: Connection, argv: readonly string[], signal: AbortSignal): ToolRequest => ({
  argv,
  env: connection.environmentOf(connection.database),
  signal,
  fault: (how, evidence) => dumpFailed(connection, `pg_dump ended with ${how}`, evidence),
});

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
