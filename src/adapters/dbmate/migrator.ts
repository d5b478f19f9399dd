/** dbmate: files with an up and a down section, and a table of versions. `migrate`, not `up`, which would make a missing database. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { quoted, rowsOf } from "../migration-session.ts";
import { type Explanation, type MigrationFile, type MigrationTool, namesIn } from "../migration-tool.ts";

export interface DbmateOptions {
  readonly program: readonly string[];
  /** Relative to the working directory. */
  readonly migrationsFolder: string;
  /** `schema_migrations` unless the project named it otherwise; may begin with a schema. */
  readonly table: string;
}

export function dbmateTool({ program, migrationsFolder, table }: DbmateOptions): MigrationTool {
  const [name = table, schema = "public"] = table.split(".").toReversed();
  return {
    kind: "dbmate",
    title: "dbmate",
    program,
    // A schema file in the release is the developers' business: writing it takes pg_dump, and would change the release.
    applyWords: ["--no-dump-schema", "--migrations-dir", migrationsFolder, "--migrations-table", table, "migrate"],
    urlVariables: async () => ["DATABASE_URL"],
    files: (folder) => filesIn(join(folder, migrationsFolder)),
    rows: (session) => rowsOf<{ key: string }>(session, quoted(schema, name), "version AS key", "version"),
    troubles: async () => [],
    explain,
  };
}

async function filesIn(folder: string): Promise<readonly MigrationFile[]> {
  const named = (await namesIn(folder)).map(({ name }) => name).filter((file) => /^\d+.*\.sql$/.test(file));
  return Promise.all(
    named.toSorted().map(async (file) => {
      const { sql, atomic } = upSection(await readFile(join(folder, file), "utf8"));
      return { id: file.replace(/\.sql$/, ""), key: /^\d+/.exec(file)?.[0] ?? file, sql, atomic };
    }),
  );
}

/** From `-- migrate:up` to `-- migrate:down`; `transaction:false` behind the first turns the transaction off. */
function upSection(text: string): { readonly sql: string; readonly atomic: boolean } {
  const [, options = "", after = ""] = /^--\s*migrate:up([^\n]*)\n?([\s\S]*)$/m.exec(text) ?? [];
  const sql = after.split(/^--\s*migrate:down\b/m)[0] ?? "";
  return { sql: sql.trim(), atomic: !/\btransaction:\s*false\b/.test(options) };
}

function explain(output: string): Explanation | undefined {
  const applying = [...output.matchAll(/^Applying: (\S+)/gm)].at(-1)?.[1];
  const error = /^Error: (?:line: \d+, column: \d+, position: \d+: )?(?:pq: )?(.+?)\.?$/m.exec(output)?.[1];
  if (applying === undefined || error === undefined) return undefined;
  return {
    message: `${applying}: ${error}`,
    hint: "The new code was not started. Correct the migration in a new release; see what is pending with: sluice migrate <environment> <version> --dry-run",
  };
}
