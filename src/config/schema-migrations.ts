/** How a database's schema is brought up to date: by a tool that Sluice knows, or by two commands. */
import { z } from "zod";
import {
  argv,
  count,
  duration,
  file,
  innerFolder,
  key,
  name,
  orOff,
  period,
  say,
  valueOrSecret,
  variableName,
} from "./schema-values.ts";

const environment = (what: string, example: object) =>
  key(z.record(variableName(), valueOrSecret()).default({}), what, example);

const timeout = () => key(period().prefault("10m"), "A migration that takes longer has failed.", "10m");

/** `where`: a sentence about where they hold. */
const limits = (where: string) => ({
  lockTimeout: key(
    orOff(duration()).prefault("5s"),
    `How long a statement may wait for a lock, with the application waiting behind it; \`off\` sets no limit.${where}`,
    "5s",
  ),
  statementTimeout: key(
    orOff(period()).prefault("10m"),
    `How long one statement may take; \`off\` sets no limit.${where}`,
    "10m",
  ),
});

const cleanUp = () =>
  key(
    z.enum(["off", "safe"]).default("off"),
    "What becomes of what a failed migration left behind: `off` names it, with the commands for a person; `safe` also takes away what it made itself and nobody uses: an empty table, a column that holds nothing but its default, a broken index.",
    "safe",
  );

const Command = z.strictObject({
  kind: key(
    z.literal("command").default("command"),
    "By two commands, for every tool that has no kind of its own.",
    "command",
  ),
  pending: key(argv(), "Command that lists the migrations not applied yet; it changes nothing.", [
    "node",
    "migrate.mjs",
    "pending",
  ]),
  apply: key(argv(), "Command that applies them.", ["node", "migrate.mjs", "up"]),
  environment: environment("Variables of both commands.", { DATABASE_URL: { secret: "SHOP_DATABASE_URL" } }),
  timeout: timeout(),
  cleanUp: cleanUp(),
  ...limits(" Where the database is PostgreSQL, and the command reads PGOPTIONS."),
});

const common = (program: string) => ({
  url: key(
    valueOrSecret().optional(),
    "Connection URL for migrations, where it differs from the database's own: another user, or past a pooler.",
    { secret: "SHOP_MIGRATION_URL" },
  ),
  tool: key(
    argv().default([`node_modules/.bin/${program}`]),
    "The program as a list of words: a path inside the working directory, or a name that PATH knows.",
    [`node_modules/.bin/${program}`],
  ),
  workingDirectory: key(innerFolder().default("."), "Folder inside the release in which the tool is started.", "api"),
  environment: environment("Variables of the tool besides the URL.", { LOG_LEVEL: "info" }),
  timeout: timeout(),
  cleanUp: cleanUp(),
  ...limits(""),
  retries: key(
    count(0, 100).default(5),
    "How often migrations are tried again after a lock timeout, with longer and longer pauses.",
    5,
  ),
});

const folder = (example: string) =>
  key(innerFolder().default(example), "Folder of the migrations, relative to the working directory.", example);

/** `name`, or `schema.name`. */
const table = (usual: string) =>
  key(
    z
      .string()
      .regex(/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$/, {
        error: say("it is not the name of a table", `write for example ${usual} or public.${usual}`),
      })
      .default(usual),
    "The tool's own table, with its schema where that is not `public`.",
    usual,
  );

const Prisma = z.strictObject({
  kind: key(z.literal("prisma"), "Prisma Migrate: `prisma migrate deploy`.", "prisma"),
  schema: key(
    file().optional(),
    "Prisma's schema file, relative to the working directory, where Prisma does not find it by itself.",
    "prisma/schema.prisma",
  ),
  folder: key(
    innerFolder().optional(),
    "Folder of the migrations, relative to the working directory; else `migrations` beside the schema file.",
    "prisma/migrations",
  ),
  ...common("prisma"),
});

const Dbmate = z.strictObject({
  kind: key(z.literal("dbmate"), "dbmate: `dbmate migrate`.", "dbmate"),
  folder: folder("db/migrations"),
  table: table("schema_migrations"),
  ...common("dbmate"),
});

const NodePgMigrate = z.strictObject({
  kind: key(z.literal("node-pg-migrate"), "node-pg-migrate: `node-pg-migrate up`.", "node-pg-migrate"),
  folder: folder("migrations"),
  table: table("pgmigrations"),
  ...common("node-pg-migrate"),
});

export const migrations = () =>
  key(
    z.record(name("a database"), z.discriminatedUnion("kind", [Command, Prisma, Dbmate, NodePgMigrate])),
    "How the schema of a database is brought up to date; the key is the database's name.",
    { main: { kind: "prisma" } },
  );
