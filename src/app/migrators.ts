/** Migration settings to migrators: a table of kinds, as everywhere. Secrets are looked up when a migrator is used. */
import { join } from "node:path";
import { commandMigrator } from "../adapters/command/migrator.ts";
import { dbmateTool } from "../adapters/dbmate/migrator.ts";
import type { MigrationTool } from "../adapters/migration-tool.ts";
import { nodePgMigrateTool } from "../adapters/node-pg-migrate/migrator.ts";
import { postgresSchemaCare } from "../adapters/postgres/schema-care.ts";
import { prismaTool } from "../adapters/prisma/migrator.ts";
import { sqliteSchemaCare } from "../adapters/sqlite/schema-care.ts";
import { toolMigrator } from "../adapters/tool-migrator.ts";
import { SluiceError } from "../domain/errors.ts";
import type {
  CommandMigrationSettings,
  MigrationSettings,
  MigrationToolKind,
  ToolMigrationSettings,
} from "../domain/migration-settings.ts";
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings, ValueOrSecret } from "../domain/settings.ts";
import type { Clock } from "../ports/clock.ts";
import type { Migrator } from "../ports/migrator.ts";
import type { SchemaCare } from "../ports/schema-care.ts";

type Resolve = (value: ValueOrSecret) => string | Secret;

const tools = {
  prisma: ({ tool, schema, folder }, url) =>
    prismaTool({
      program: tool,
      schemaFile: schema,
      migrationsFolder: folder,
      databaseSchema: () => URL.parse(url().reveal())?.searchParams.get("schema") ?? "public",
    }),
  dbmate: ({ tool, folder, table }) =>
    dbmateTool({
      program: tool,
      migrationsFolder: folder ?? join("db", "migrations"),
      table: table ?? "schema_migrations",
    }),
  "node-pg-migrate": ({ tool, folder, table }) =>
    nodePgMigrateTool({ program: tool, migrationsFolder: folder ?? "migrations", table: table ?? "pgmigrations" }),
} satisfies Record<MigrationToolKind, (settings: ToolMigrationSettings, url: () => Secret) => MigrationTool>;

export function migratorsFor(settings: EnvironmentSettings, resolve: Resolve, clock: Clock): readonly Migrator[] {
  return settings.migrations.map((migration) => {
    const schema = schemaCareFor(migration, settings.databases, resolve);
    const migrator =
      "apply" in migration
        ? byCommands(migration, settings, resolve, clock)
        : byTool(migration, settings, resolve, clock);
    return { ...migrator, ...(schema === undefined ? {} : { schema }) };
  });
}

/** A command says nothing about where it migrates: it is the database of that name, where one is declared. */
function schemaCareFor(
  migration: MigrationSettings,
  databases: EnvironmentSettings["databases"],
  resolve: Resolve,
): SchemaCare | undefined {
  const { database } = migration;
  const own = databases.find(({ name }) => name === database);
  if (own?.kind === "sqlite") return sqliteSchemaCare({ database, file: own.file });
  if (!("apply" in migration)) {
    const toolTables = [(migration.table ?? "_prisma_migrations").split(".").at(-1) ?? ""];
    return postgresSchemaCare({ database, toolTables, url: () => urlOf(migration, databases, resolve) });
  }
  // Of no other kind is the schema compared.
  if (own?.kind !== "postgres") return undefined;
  return postgresSchemaCare({ database, toolTables: [], url: () => secretUrl(resolve(own.url)) });
}

/** Program and arguments, for those who show what would be run. */
export function applyCommandOf(settings: ToolMigrationSettings): readonly string[] {
  const { program, applyWords } = tools[settings.kind](settings, () => new Secret("DATABASE_URL", ""));
  return [...program, ...applyWords];
}

const resolved = (environment: Readonly<Record<string, ValueOrSecret>>, resolve: Resolve) =>
  Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, resolve(value)]));

function byCommands(
  settings: CommandMigrationSettings,
  { databases }: EnvironmentSettings,
  resolve: Resolve,
  clock: Clock,
): Migrator {
  const { database, apply, pending, timeoutMs, environment, lockTimeoutMs = 0, statementTimeoutMs = 0 } = settings;
  const own = databases.find(({ name }) => name === database);
  const postgres =
    own?.kind === "postgres"
      ? { url: () => secretUrl(resolve(own.url)), lockTimeoutMs, statementTimeoutMs, clock }
      : undefined;
  const make = () =>
    commandMigrator({
      name: database,
      database,
      apply,
      pending,
      environment: resolved(environment, resolve),
      timeoutMs,
      ...(postgres === undefined ? {} : { postgres }),
    });
  return {
    kind: "command",
    database,
    pending: async (...args) => make().pending(...args),
    apply: async (...args) => make().apply(...args),
    ...(postgres === undefined ? {} : { settle: async (...args) => make().settle?.(...args) }),
  };
}

function byTool(
  settings: ToolMigrationSettings,
  { databases }: EnvironmentSettings,
  resolve: Resolve,
  clock: Clock,
): Migrator {
  const { database, kind, environment } = settings;
  const url = () => urlOf(settings, databases, resolve);
  const { sayUndone } = tools[kind](settings, url);
  const make = () =>
    toolMigrator(tools[kind](settings, url), {
      ...settings,
      url,
      environment: () => resolved(environment, resolve),
      clock,
    });
  return {
    kind,
    database,
    pending: async (...args) => make().pending(...args),
    apply: async (...args) => make().apply(...args),
    applied: async (...args) => make().applied(...args),
    troubles: async (...args) => make().troubles(...args),
    settle: async (...args) => make().settle(...args),
    ...(sayUndone === undefined ? {} : { sayUndone }),
  };
}

function urlOf(
  { database, url }: ToolMigrationSettings,
  databases: EnvironmentSettings["databases"],
  resolve: Resolve,
): Secret {
  const own = databases.find(({ name }) => name === database);
  const written = url ?? (own?.kind === "postgres" ? own.url : undefined);
  if (written === undefined)
    throw new SluiceError({
      code: "CONFIG_INVALID",
      remedy: "operator",
      at: `migrations.${database}`,
      message: `The migrations of ${database} have no PostgreSQL URL.`,
      hint: `Declare databases.${database} with kind: postgres, then run: sluice validate`,
    });
  return secretUrl(resolve(written));
}

const secretUrl = (value: string | Secret): Secret =>
  value instanceof Secret ? value : new Secret("DATABASE_URL", value);
