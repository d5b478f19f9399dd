/** Starts the process that reads SQLite files and understands what it prints. */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { TableFacts } from "../../domain/backup.ts";
import type { DatabaseFacts } from "../../ports/database.ts";
import { runCommand } from "../run-command.ts";

export type ReadRequest =
  | { readonly command: "facts" | "check" | "settle"; readonly file: string }
  | { readonly command: "copy"; readonly file: string; readonly to: string };

export type ReadResult =
  | { readonly kind: "read"; readonly facts: Omit<DatabaseFacts, "kind" | "name"> }
  | { readonly kind: "failed"; readonly reason: string };

const Line = z.union([
  z.strictObject({ table: z.string(), rows: z.int(), hash: z.string().optional() }),
  z.strictObject({ serverVersion: z.string(), sizeBytes: z.int() }),
]);

// The same file under the name it has here: `.ts` in development, `.js` when published.
const entry = fileURLToPath(new URL(`./reader-process${import.meta.url.slice(-3)}`, import.meta.url));

/** What SQLite says of the file, or why it cannot be read. Errors: only the signal's reason. */
export async function readSqlite(request: ReadRequest, signal: AbortSignal): Promise<ReadResult> {
  const lines: string[] = [];
  const paths = request.command === "copy" ? [request.file, request.to] : [request.file];
  const result = await runCommand({
    argv: [process.execPath, "--disable-warning=ExperimentalWarning", entry, request.command, ...paths],
    signal,
    onLine: (line, stream) => {
      if (stream === "stdout") lines.push(line);
    },
  });
  if (result.exitCode !== 0) return { kind: "failed", reason: result.stderrTail || `exit code ${result.exitCode}` };
  const tables: TableFacts[] = [];
  for (const line of lines.map((text) => Line.parse(JSON.parse(text)))) {
    if (!("table" in line)) return { kind: "read", facts: { ...line, tables } };
    tables.push({ name: line.table, rows: line.rows, ...(line.hash === undefined ? {} : { hash: line.hash }) });
  }
  return { kind: "failed", reason: "the reader ended without a result" };
}
