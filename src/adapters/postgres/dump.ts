/**
 * A dump and what it holds, from one instant: a transaction exports its snapshot, counts in it, and pg_dump reads the same
 * one. The bytes end only after pg_dump exited 0. The recipe everybody copies (`pg_dump | gzip > file`) reports success for
 * a killed pg_dump, and its half file restores without an error (data-safety.md, 1).
 */
import { execa } from "execa";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { Dump } from "../../ports/database.ts";
import { redactor } from "../redact.ts";
import { type CommandEnvironment, tailOf } from "../run-command.ts";
import { type Connection, openSession, placeOf, type Session, wordsOf } from "./connection.ts";
import { beginSnapshot, readFacts, type SnapshotOptions } from "./facts.ts";
import { toolsFor } from "./tools.ts";

export const dumpFormat = "pg_dump -Fc";

export interface DumpOptions extends SnapshotOptions {
  readonly binFolder: string | undefined;
}

/**
 * Compression happens inside pg_dump at level 1: half the time of level 6 for 7 % more bytes, and unlike an uncompressed
 * archive it notices flipped bits when it is read back (data-safety.md, 1).
 */
const archiveArguments = ["--format=custom", "--compress=1", "--no-password"] as const;

/** Errors: DATABASE_UNREACHABLE, BACKUP_FAILED, the signal's reason. */
export async function dumpDatabase(connection: Connection, options: DumpOptions, signal: AbortSignal): Promise<Dump> {
  const session = await openSession(connection, connection.database, signal);
  try {
    const [version] = await session.query<{ number: number }>(
      "SELECT current_setting('server_version_num')::int AS number",
    );
    const tools = await toolsFor(Math.floor((version?.number ?? 0) / 10_000), options.binFolder, signal);
    await beginSnapshot(session, options);
    const [snapshot] = await session.query<{ id: string }>("SELECT pg_export_snapshot() AS id");
    const facts = await readFacts(session);
    const argv = [
      tools.pgDump,
      ...archiveArguments,
      `--lock-wait-timeout=${options.lockWaitMs}`,
      `--snapshot=${snapshot?.id ?? ""}`,
    ];
    return { facts, format: dumpFormat, extension: ".dump", bytes: readDump(connection, argv, session, signal) };
  } catch (error) {
    await session.end();
    signal.throwIfAborted();
    if (error instanceof SluiceError) throw error;
    throw dumpFailed(connection, wordsOf(error), "");
  }
}

async function* readDump(
  connection: Connection,
  argv: readonly string[],
  exporter: Session,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const environment = connection.environmentOf(connection.database);
  const child = execa(argv[0] ?? "", argv.slice(1), {
    env: revealed(environment),
    extendEnv: false,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    buffer: false,
    reject: false,
    cancelSignal: signal,
  });
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-16_384);
  });
  try {
    for await (const chunk of child.stdout) {
      // pg_dump has adopted the snapshot before its first byte; the transaction that exported it is in the way of others.
      await exporter.end();
      yield chunk;
    }
    const result = await child;
    signal.throwIfAborted();
    if (result.exitCode === 0) return;
    const how = result.signal === undefined ? `exit code ${result.exitCode}` : `signal ${result.signal}`;
    const secrets = Object.values(environment).filter((value) => value instanceof Secret);
    throw dumpFailed(connection, `pg_dump ended with ${how}`, tailOf(redactor(secrets)(words)));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    // Also when the reader stops early: without this pg_dump would hold its locks until its pipe breaks.
    child.kill();
    await child;
    await exporter.end();
  }
}

const revealed = (environment: CommandEnvironment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
  );

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
