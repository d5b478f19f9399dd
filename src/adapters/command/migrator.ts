/**
 * Migrations by any tool that has a command line (M1). Two commands, run in the release's tree: one lists what is pending,
 * one applies it. The list is trusted only when every line of it is understood: a tool that prints a banner, a warning or a
 * stack trace and exits with 0 must not be read as "nothing pending".
 */
import { z } from "zod";
import { SluiceError } from "../../domain/errors.ts";
import type { Migrator, PendingMigration } from "../../ports/migrator.ts";
import { type CommandEnvironment, checkedCommand, tailOf } from "../run-command.ts";

export interface CommandMigratorOptions {
  readonly name: string;
  /** The configuration's name of the database. */
  readonly database: string;
  /** Applies everything pending; exit code 0 means all of it. */
  readonly apply: readonly string[];
  /** Prints nothing, one id per line, or one JSON object per migration: `{"id": "…", "sql": "…"}` in the order of application. */
  readonly pending: readonly string[];
  readonly environment: CommandEnvironment;
  /** Of each of the two commands. */
  readonly timeoutMs: number;
}

/** An id as tools write them: no blanks, so that a sentence is never taken for one. */
const Id = z.string().regex(/^[A-Za-z0-9][\w.:/+-]*$/);
const Described = z.strictObject({ id: Id, sql: z.string().optional() });

export function commandMigrator(options: CommandMigratorOptions): Migrator {
  const at = `databases.${options.database}.migrations`;
  const common = (releaseTree: string, signal: AbortSignal) => ({
    cwd: releaseTree,
    env: options.environment,
    timeoutMs: options.timeoutMs,
    signal,
  });
  return {
    kind: "command",
    database: options.database,
    async pending(releaseTree, signal) {
      const lines: string[] = [];
      await checkedCommand(
        {
          ...common(releaseTree, signal),
          argv: options.pending,
          onLine: (line, stream) => {
            if (stream === "stdout") lines.push(line);
          },
        },
        {
          code: "MIGRATION_FAILED",
          at,
          what: `The pending migrations of ${options.name} could not be listed`,
          hint: "Nothing was changed. Correct the command or what it complains about, then run: sluice migrate --dry-run",
        },
      );
      return understood(lines) ?? refuseOutput(options.name, at, lines);
    },
    async apply(releaseTree, log, signal) {
      await checkedCommand(
        { ...common(releaseTree, signal), argv: options.apply, onLine: (line) => log(line) },
        {
          code: "MIGRATION_FAILED",
          at,
          what: `The migrations of ${options.name} failed`,
          hint: "The new code was not started. A statement that was cut off may still run inside the database. See what is pending with: sluice migrate --dry-run",
        },
      );
    },
  };
}

/** The migrations, or undefined where any part of the output is not one, or one is named twice. */
function understood(lines: readonly string[]): readonly PendingMigration[] | undefined {
  const printed = lines.filter((line) => line.trim() !== "");
  const migrations = printed[0]?.startsWith("{") ? described(printed) : named(printed.map((line) => line.trim()));
  const ids = new Set(migrations?.map(({ id }) => id));
  return ids.size === migrations?.length ? migrations : undefined;
}

function named(lines: readonly string[]): readonly PendingMigration[] | undefined {
  return lines.every((line) => Id.safeParse(line).success) ? lines.map((id) => ({ id })) : undefined;
}

// A line beyond 64 KB (a migration with much SQL) comes in pieces, so an object may need more than one.
function described(lines: readonly string[]): readonly PendingMigration[] | undefined {
  const migrations: PendingMigration[] = [];
  let text = "";
  for (const line of lines) {
    text += line;
    const json = parsed(text);
    if (json === undefined) continue;
    const migration = Described.safeParse(json);
    if (!migration.success) return undefined;
    const { id, sql } = migration.data;
    migrations.push(sql === undefined ? { id } : { id, sql });
    text = "";
  }
  return text === "" ? migrations : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuseOutput(name: string, at: string, lines: readonly string[]): never {
  throw new SluiceError({
    code: "MIGRATION_FAILED",
    remedy: "operator",
    at,
    message: `The pending migrations of ${name} are not known: what its command printed is not a list of migrations.`,
    hint: 'It must print one id per line or one {"id","sql"} object per line, and nothing else on standard output. Try it with: sluice migrate --dry-run',
    evidence: tailOf(lines.join("\n")),
  });
}
