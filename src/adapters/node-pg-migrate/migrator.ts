/**
 * node-pg-migrate: files of SQL, or programs that print SQL, in one transaction together. What a program would do is asked of the
 * tool itself (`--dry-run`, in a session that cannot write), so that the plan shows SQL for these too.
 */
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { MigrationTrouble } from "../../ports/migrator.ts";
import { quoted, rowsOf } from "../migration-session.ts";
import {
  type Explanation,
  type MigrationFile,
  type MigrationTool,
  namesIn,
  type ToolCall,
  type ToolFacts,
} from "../migration-tool.ts";
import { runCommand } from "../run-command.ts";

export interface NodePgMigrateOptions {
  readonly program: readonly string[];
  /** Relative to the working directory. */
  readonly migrationsFolder: string;
  /** `pgmigrations` unless the project named it otherwise; may begin with a schema. */
  readonly table: string;
}

const advisoryLock = 7_241_865_325_823_964n;

export function nodePgMigrateTool({ program, migrationsFolder, table }: NodePgMigrateOptions): MigrationTool {
  const [name = table, schema = "public"] = table.split(".").toReversed();
  const words = ["--migrations-dir", migrationsFolder, "--migrations-table", name, "--migrations-schema", schema];
  return {
    kind: "node-pg-migrate",
    title: "node-pg-migrate",
    program,
    applyWords: ["up", ...words],
    urlVariables: async () => ["DATABASE_URL"],
    files: (folder) => filesIn(join(folder, migrationsFolder)),
    rows: (session) => rowsOf<{ key: string }>(session, quoted(schema, name), "name AS key", "run_on, id"),
    advisoryLock,
    troubles: async (facts) => orderTroubles(facts),
    explain,
    printed: (call, signal) => printedSql([...program, "up", ...words, "--dry-run", "--verbose"], call, signal),
  };
}

async function filesIn(folder: string): Promise<readonly MigrationFile[]> {
  const entries = await namesIn(folder);
  const named = entries.filter((entry) => !entry.isDirectory() && /^\d/.test(entry.name)).map((entry) => entry.name);
  return Promise.all(
    named.toSorted(byPrefix).map(async (file) => {
      const text = await readFile(join(folder, file), "utf8");
      const key = file.slice(0, -extname(file).length);
      return {
        id: key,
        key,
        sql: extname(file) === ".sql" ? upSection(text) : undefined,
        atomic: !leavesTransaction(text),
      };
    }),
  );
}

const leavesTransaction = (text: string): boolean => /\bnoTransaction\b/.test(text);

function byPrefix(a: string, b: string): number {
  return prefixOf(a) - prefixOf(b) || a.localeCompare(b, "en", { numeric: true, ignorePunctuation: true });
}

/** As the tool orders them: 17 digits are a date in UTC, everything else a number. */
function prefixOf(file: string): number {
  const [digits = ""] = /^\d+/.exec(file) ?? [];
  if (digits.length !== 17) return Number(digits);
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})$/.exec(digits)?.slice(1).map(Number) ?? [];
  const [year = 0, month = 1, day, hours, minutes, seconds, milliseconds] = parts;
  return Date.UTC(year, month - 1, day, hours, minutes, seconds, milliseconds);
}

function upSection(text: string): string {
  const up = text.search(/^\s*--[\s-]*up\s+migration/im);
  const down = text.search(/^\s*--[\s-]*down\s+migration/im);
  return text.slice(Math.max(up, 0), down > up ? down : undefined).trim();
}

/** The tool refuses a migration that comes before one that is applied. */
function orderTroubles({ files, rows }: ToolFacts): readonly MigrationTrouble[] {
  const at = (rows ?? []).findIndex(({ key }, index) => files[index] !== undefined && files[index].key !== key);
  if (at === -1) return [];
  return [
    {
      severity: "stop",
      detail: `${files[at]?.key} comes before ${rows?.[at]?.key}, which is applied already; node-pg-migrate refuses that`,
      hint: `Rename it so that it comes last, or put back what was taken away: git log -- ${files[at]?.key}.*`,
    },
  ];
}

/** `### MIGRATION <name> (UP) ###`, its statements, and the row for its own table. */
async function printedSql(
  argv: readonly string[],
  { folder, environment, timeoutMs }: ToolCall,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const printed = new Map<string, string[]>();
  let current: string[] = [];
  const onLine = (line: string, stream: "stdout" | "stderr") => {
    const [, name] = /^### MIGRATION (.+) \(UP\) ###$/.exec(line) ?? [];
    if (name !== undefined) {
      current = [];
      printed.set(name, current);
    } else if (stream === "stdout") current.push(line);
  };
  const { exitCode } = await runCommand({ argv, cwd: folder, env: environment, timeoutMs, signal, onLine });
  if (exitCode !== 0) return new Map();
  return new Map([...printed].map(([name, lines]) => [name, statementsOf(name, lines)]));
}

function statementsOf(name: string, lines: readonly string[]): string {
  const end = lines.findLastIndex(
    (line) => line.startsWith("INSERT INTO ") && line.includes(`VALUES ('${name}', NOW());`),
  );
  return lines.slice(0, end).join("\n").trim();
}

function explain(output: string): Explanation | undefined {
  if (/Another migration is already running/.test(output))
    return {
      message: "another run of node-pg-migrate holds its lock; nothing was applied",
      hint: "Wait for the other run, then start again; who it is: sluice check",
    };
  if (/Not run migration (\S+) is preceding already run migration (\S+)/.test(output))
    return {
      message: "the release's migrations are in another order than those that are applied",
      hint: "Rename the new one so that it comes last, then: sluice migrate <environment> <version> --dry-run",
    };
  const error = /^error: (.+)$/m.exec(output)?.[1];
  if (error === undefined) return undefined;
  return {
    message: error,
    hint: "The new code was not started. Correct the migration in a new release; see what is pending with: sluice migrate <environment> <version> --dry-run",
  };
}
