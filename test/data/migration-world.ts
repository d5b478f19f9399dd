/** A release's tree with migrations in it, the tool beside them, and a database of its own for each test. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import type { MigrationTool } from "../../src/adapters/migration-tool.ts";
import type { TestServer } from "../../src/adapters/postgres/test-server.ts";
import { type ToolMigrator, type ToolMigratorOptions, toolMigrator } from "../../src/adapters/tool-migrator.ts";
import { type Failure, SluiceError } from "../../src/domain/errors.ts";
import { Secret } from "../../src/domain/secret.ts";
import type { Migrator } from "../../src/ports/migrator.ts";
import { realClock } from "../../src/testing/real-clock.ts";

export interface MigrationWorld {
  readonly tree: string;
  readonly database: string;
  readonly url: Secret;
  readonly migrator: ToolMigrator;
  /** With other limits. */
  readonly migratorWith: (more: Partial<ToolMigratorOptions>) => ToolMigrator;
  readonly write: (file: string, text: string) => Promise<void>;
  readonly run: TestServer["run"] extends (database: string, ...rest: infer Rest) => infer Result
    ? (...rest: Rest) => Result
    : never;
  /** Everything the tool printed. */
  readonly log: string[];
  /** Lines of the story. */
  readonly story: string[];
  readonly apply: (migrator?: Migrator, signal?: AbortSignal) => Promise<void>;
  /** A session of somebody else's; ended with the world. */
  readonly session: () => Promise<pg.Client>;
  readonly end: () => Promise<void>;
}

const never = new AbortController().signal;
let worlds = 0;

export async function migrationWorld(
  server: TestServer,
  tool: MigrationTool,
  packages: string,
  url: (plain: string) => string = (plain) => plain,
): Promise<MigrationWorld> {
  const tree = await mkdtemp(join(tmpdir(), "sluice-release-"));
  await symlink(join(packages, "node_modules"), join(tree, "node_modules"));
  const database = `${tool.kind.replaceAll("-", "_")}_${++worlds}`;
  await server.run("postgres", `CREATE DATABASE ${database}`);
  const secret = new Secret("DATABASE_URL", url(server.urlOf(database).reveal()));
  const [log, story, sessions]: [string[], string[], pg.Client[]] = [[], [], []];
  const migratorWith = (more: Partial<ToolMigratorOptions>) =>
    toolMigrator(tool, {
      database: "shop",
      url: () => secret,
      workingDirectory: ".",
      environment: () => ({}),
      timeoutMs: 60_000,
      lockTimeoutMs: 5_000,
      statementTimeoutMs: 600_000,
      retries: 0,
      clock: realClock(),
      ...more,
    });
  const migrator = migratorWith({});
  return {
    ...{ tree, database, url: secret, migrator, migratorWith, log, story },
    write: async (file, text) => {
      await mkdir(dirname(join(tree, file)), { recursive: true });
      await writeFile(join(tree, file), text);
    },
    run: (...rest) => server.run(database, ...rest),
    apply: (by = migrator, signal = never) =>
      by.apply(tree, (line) => void log.push(line), signal, {
        deploymentId: "1795276800-abcdef123456",
        tell: async (title) => void story.push(title),
      }),
    session: async () => {
      const client = new pg.Client({ connectionString: secret.reveal(), application_name: "a long report" });
      client.on("error", () => undefined);
      await client.connect();
      sessions.push(client);
      return client;
    },
    end: async () => {
      await Promise.all(sessions.map((client) => client.end().catch(() => undefined)));
      await server.run("postgres", `DROP DATABASE ${database} WITH (FORCE)`);
      await rm(tree, { recursive: true });
    },
  };
}

export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SluiceError) return error.failure;
  throw new Error("It did not fail with a SluiceError.", { cause: error });
}
