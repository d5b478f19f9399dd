/** An archive given to pg_restore: as a stream on its standard input, or, where it has many files, unpacked into a folder first. */
import { Readable } from "node:stream";
import type { SluiceError } from "../../domain/errors.ts";
import type { Reading } from "../../ports/database.ts";
import { type CommandResult, runCommand } from "../run-command.ts";
import { outputOf, watched } from "../tool-output.ts";
import type { Connection } from "./connection.ts";
import type { Packing, ParallelOptions } from "./packing.ts";
import { readingOf } from "./rendering.ts";
import { withUnpacked } from "./scratch-folder.ts";
import type { Tools } from "./tools.ts";

export interface Archive {
  readonly packing: Packing;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly tools: Tools;
  readonly parallel: ParallelOptions;
  /** What is wrong with it, as an error. */
  readonly fault: (reason: string, evidence: string) => SluiceError;
}

/** Decoded to its end and rendered as SQL. What goes wrong where the bytes come from is thrown as it is. */
export async function renderArchive(connection: Connection, archive: Archive, signal: AbortSignal): Promise<Reading> {
  const { packing, bytes, tools, parallel } = archive;
  const env = connection.environmentOf(connection.database);
  const fault = (how: string, evidence: string) => archive.fault(`pg_restore ended with ${how}`, evidence);
  const render = [tools.pgRestore, `--format=${packing.layout}`, "--no-subscriptions", "--file=-"];
  if (packing.layout === "custom") return readingOf(outputOf({ argv: render, env, signal, input: bytes, fault }));
  const damaged = (reason: string) => archive.fault(reason, "");
  return withUnpacked(connection, parallel.folder, bytes, signal, damaged, (folder) =>
    readingOf(outputOf({ argv: [...render, folder], env, signal, fault })),
  );
}

/** Restored as `words` say; several files at once where it has several. Throws the archive's fault where that does not succeed. */
export async function restoreArchive(
  connection: Connection,
  archive: Archive,
  words: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { packing, bytes, tools, parallel } = archive;
  const argv = [tools.pgRestore, `--format=${packing.layout}`, "--exit-on-error", "--no-password", ...words];
  const damaged = (reason: string) => archive.fault(reason, "");
  const { exitCode, stderrTail } =
    packing.layout === "custom"
      ? await feed(connection, argv, bytes, signal)
      : await withUnpacked(connection, parallel.folder, bytes, signal, damaged, (folder) => {
          const env = connection.environmentOf(connection.database);
          return runCommand({ argv: [...argv, `--jobs=${parallel.jobs}`, folder], env, signal });
        });
  if (exitCode !== 0) throw archive.fault(`pg_restore ended with exit code ${exitCode}`, stderrTail);
}

async function feed(
  connection: Connection,
  argv: readonly string[],
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<CommandResult> {
  const source = watched(bytes, signal);
  const input = Readable.from(source.bytes(), { objectMode: false });
  const result = await runCommand({ argv, env: connection.environmentOf(connection.database), signal, input });
  const broken = source.broken();
  if (broken) throw broken.error;
  return result;
}
