/**
 * Prisma Migrate: `prisma migrate deploy`. A migration that failed stays in its table and blocks every later one (P3009); only a
 * person can say whether it is to be counted as applied or as undone, so nothing is ever resolved here.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { MigrationTrouble } from "../../ports/migrator.ts";
import { type MigrationSession, quoted, rowsOf } from "../migration-session.ts";
import {
  type Explanation,
  type MigrationFile,
  type MigrationRow,
  type MigrationTool,
  namesIn,
  type ToolFacts,
} from "../migration-tool.ts";

export interface PrismaOptions {
  readonly program: readonly string[];
  /** Relative to the working directory; null: where Prisma looks by itself. */
  readonly schemaFile: string | null;
  /** Null: `migrations` beside the schema. */
  readonly migrationsFolder: string | null;
  /** From the URL's `schema`; looked up when it is used. */
  readonly databaseSchema: () => string;
}

const advisoryLock = 72_707_369n;

const resolveSteps = (name: string): string =>
  `Look at what of ${name} is in the database, finish or undo it by hand, then say which: npx prisma migrate resolve --applied ${name} (or --rolled-back ${name})`;

export function prismaTool(options: PrismaOptions): MigrationTool {
  const schemaFile = options.schemaFile ?? "prisma/schema.prisma";
  const migrationsFolder = options.migrationsFolder ?? join(dirname(schemaFile), "migrations");
  const schemaWords = options.schemaFile === null ? [] : ["--schema", options.schemaFile];
  return {
    kind: "prisma",
    title: "Prisma",
    program: options.program,
    environment: { CHECKPOINT_DISABLE: "1", PRISMA_HIDE_UPDATE_MESSAGE: "1" },
    applyWords: ["migrate", "deploy", ...schemaWords],
    urlVariables: (folder) => urlVariablesIn(join(folder, schemaFile)),
    files: (folder) => filesIn(join(folder, migrationsFolder)),
    rows: (session) => rowsIn(session, options.databaseSchema()),
    advisoryLock,
    triesLocksFirst: true,
    troubles: (facts) => troublesOf(facts, options.databaseSchema()),
    sayUndone: (id) =>
      `If it changed no rows, nothing of it is left; say so to Prisma: npx prisma migrate resolve --rolled-back ${id}`,
    explain,
  };
}

/** `url = env("…")` and `directUrl = env("…")`; Prisma migrates through the second where there is one. */
async function urlVariablesIn(schemaFile: string): Promise<readonly string[]> {
  const text = await readFile(schemaFile, "utf8").catch(() => "");
  const named = [...text.matchAll(/^\s*(?:url|directUrl)\s*=\s*env\(\s*"(\w+)"\s*\)/gm)].map(([, name = ""]) => name);
  return named.length > 0 ? [...new Set(named)] : ["DATABASE_URL"];
}

async function filesIn(folder: string): Promise<readonly MigrationFile[]> {
  const entries = await namesIn(folder);
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(
    names.toSorted().map(async (id) => {
      const bytes = await readFile(join(folder, id, "migration.sql"));
      const checksum = createHash("sha256").update(bytes).digest("hex");
      return { id, key: id, sql: bytes.toString("utf8"), checksum, atomic: false };
    }),
  );
}

interface Row {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished: boolean;
  readonly rolled_back: boolean;
  readonly logs: string | null;
}

async function rowsIn(session: MigrationSession, schema: string): Promise<readonly MigrationRow[] | undefined> {
  const rows = await rowsOf<Row>(
    session,
    quoted(schema, "_prisma_migrations"),
    "migration_name, checksum, finished_at IS NOT NULL AS finished, rolled_back_at IS NOT NULL AS rolled_back, logs",
    "started_at",
  );
  return rows
    ?.filter((row) => !row.rolled_back)
    .map((row) => ({
      key: row.migration_name,
      checksum: row.checksum,
      ...(row.finished ? {} : { failed: row.logs ?? "" }),
    }));
}

async function troublesOf({ session, files, rows }: ToolFacts, schema: string): Promise<readonly MigrationTrouble[]> {
  const failed = (rows ?? []).filter((row) => row.failed !== undefined);
  if (failed.length > 0) return failed.map(failedTrouble);
  if (rows !== undefined || files.length === 0 || (await isEmpty(session, schema))) return [];
  return [
    {
      severity: "stop",
      detail: "P3005: the database has tables, and Prisma's table of migrations is not there; Prisma will not touch it",
      hint: `If it was made without Prisma, tell Prisma what is there already: npx prisma migrate resolve --applied ${files[0]?.id}`,
    },
  ];
}

function failedTrouble({ key, failed }: MigrationRow): MigrationTrouble {
  const words = failed?.split("\n").find((line) => line.trim() !== "" && !/connector error/.test(line)) ?? "";
  const why = words === "" ? "it was interrupted" : words.trim().slice(0, 200);
  return {
    severity: "stop",
    detail: `P3009: the migration ${key} failed earlier (${why}); its first statements may be applied, and Prisma applies nothing until a person has resolved it`,
    hint: resolveSteps(key),
  };
}

async function isEmpty(session: MigrationSession, schema: string): Promise<boolean> {
  const [found] = await session.query<{ empty: boolean }>(
    `SELECT NOT EXISTS (
       SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm')
          AND NOT EXISTS (SELECT FROM pg_depend d
                           WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')) AS empty`,
    [schema],
  );
  return found?.empty === true;
}

function explain(output: string): Explanation | undefined {
  const name = /migration_name="([^"]+)"|Migration name: (\S+)|The `([^`]+)` migration started/.exec(output);
  const migration = name?.slice(1).find((part) => part !== undefined) ?? "<migration>";
  if (/\bP3009\b/.test(output))
    return {
      message: `Prisma refuses to go on, since the migration ${migration} failed earlier (P3009)`,
      hint: resolveSteps(migration),
    };
  if (/\bP3005\b/.test(output))
    return {
      message: "the database has tables, and Prisma's table of migrations is not there (P3005)",
      hint: `If it was made without Prisma, tell Prisma what is there already: npx prisma migrate resolve --applied <migration>`,
    };
  if (/\bP1002\b/.test(output))
    return {
      message: "another run of Prisma holds its lock; Prisma waited 10 s and applied nothing (P1002)",
      hint: "Wait for the other run, then start again; who it is: sluice check",
    };
  if (/\bP3018\b|apply_script/.test(output))
    return {
      message: `the migration ${migration} failed, and Prisma counts it as failed from now on; its first statements may be applied`,
      hint: resolveSteps(migration),
    };
  return undefined;
}
