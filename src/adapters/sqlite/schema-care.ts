/** What a failed migration left behind in a SQLite file. A process of its own does the work (schema-process.ts). */
import { access } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { SluiceError } from "../../domain/errors.ts";
import type { SchemaThing } from "../../domain/migrations/schema-things.ts";
import type { SchemaCare } from "../../ports/schema-care.ts";
import { shellQuoted } from "../restore-command.ts";
import { runCommand } from "../run-command.ts";

const Answer = z.strictObject({ stays: z.string().nullable() });

// The same file under the name it has here: `.ts` in development, `.js` when published.
const entry = fileURLToPath(new URL(`./schema-process${import.meta.url.slice(-3)}`, import.meta.url));

export function sqliteSchemaCare({ database, file }: { readonly database: string; readonly file: string }): SchemaCare {
  return {
    kind: "sqlite",
    async things(signal) {
      // The first migration may be what makes the file.
      const there = await access(file).then(
        () => true,
        () => false,
      );
      if (!there) return [];
      const { lines, fault } = await ask(["things", file], signal);
      if (fault !== undefined) throw unreadable(database, file, fault);
      // Printed by our own process, in the same version.
      return lines.map((line) => JSON.parse(line) as SchemaThing);
    },
    async takeAway({ kind, path: [, table = "", column = ""] }, signal) {
      const { lines, fault } = await ask(["take-away", file, kind, table, column], signal);
      if (fault !== undefined)
        return /locked|busy/.test(fault) ? "somebody writes to the file now" : `SQLite says: ${fault}`;
      return Answer.parse(JSON.parse(lines[0] ?? "")).stays ?? undefined;
    },
    command: (statement) => `sqlite3 ${shellQuoted(file)} ${shellQuoted(statement)}`,
  };
}

async function ask(words: readonly string[], signal: AbortSignal) {
  const lines: string[] = [];
  const { exitCode, stderrTail } = await runCommand({
    argv: [process.execPath, "--disable-warning=ExperimentalWarning", entry, ...words],
    signal,
    onLine: (line, stream) => {
      if (stream === "stdout") lines.push(line);
    },
  });
  return { lines, fault: exitCode === 0 ? undefined : stderrTail || `exit code ${exitCode}` };
}

const unreadable = (database: string, file: string, reason: string): SluiceError =>
  new SluiceError({
    code: "DATABASE_UNREACHABLE",
    remedy: "operator",
    at: `databases.${database}`,
    message: `The schema of ${file} cannot be read: ${reason}.`,
    hint: `Check that it is a SQLite database that this account may read: ls -l ${shellQuoted(file)}`,
  });
