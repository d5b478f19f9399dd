/**
 * The entry of a child process that looks at the schema of one SQLite file, or takes an empty table or an unused column out of it. SQLite
 * works synchronously: waiting for a writer in Sluice's own process would stop its heartbeats.
 *
 * Arguments: `things <file>` prints one JSON line per thing. `take-away <file> <kind> <table> [<column>]` prints `{"stays"}`: why,
 * or null once it is gone. Exit code 0 means all of it.
 */
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { SchemaThing } from "../../domain/migrations/schema-things.ts";

/** How long a writer may keep us waiting, in milliseconds; the application waits behind us no longer than the work takes. */
const busyTimeoutMs = 1_000;
/** Dropping a column writes its table anew. */
const largestFileBytes = 64 * 1024 * 1024;

const [command, file = "", kind = "", table = "", column = ""] = process.argv.slice(2);

type Values = readonly string[];

const rowsOf = (database: DatabaseSync, query: string, ...values: Values) =>
  database.prepare(query).all(...values) as Record<string, string | number | null>[];

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function things(database: DatabaseSync): readonly SchemaThing[] {
  const made = rowsOf(
    database,
    `SELECT s.type, s.name, s.tbl_name AS of, s.sql FROM sqlite_schema s
       LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name
      WHERE s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND coalesce(l.type, '') <> 'shadow'`,
  );
  const columns = rowsOf(
    database,
    `SELECT l.name AS of, c.name, c.type, c."notnull", c.dflt_value AS usual FROM pragma_table_list l, pragma_table_xinfo(l.name) c
      WHERE l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
  );
  return [...made.map(thingOf), ...columns.map(columnOf)];
}

type Row = Record<string, string | number | null>;

function thingOf({ type, name, of, sql }: Row): SchemaThing {
  const isPart = type === "index" || type === "trigger";
  return {
    kind: String(type) as SchemaThing["kind"],
    label: isPart ? `${name} on ${of}` : String(name),
    name: String(name),
    of: isPart ? String(of) : null,
    id: "",
    // A table is compared column by column.
    like: type === "table" ? "" : String(sql),
    path: ["main", ...(isPart ? [String(of)] : []), String(name)].map(folded),
    broken: false,
    drop: `DROP ${String(type).toUpperCase()} ${quoted(String(name))}`,
  };
}

function columnOf({ of, name, type, notnull, usual }: Row): SchemaThing {
  const required = notnull === 0 ? "" : " NOT NULL";
  return {
    kind: "column",
    label: `${of}.${name}`,
    name: String(name),
    of: String(of),
    id: "",
    like: `${type}${required}${usual === null ? "" : ` DEFAULT ${usual}`}`,
    path: ["main", String(of), String(name)].map(folded),
    broken: false,
    drop: `ALTER TABLE ${quoted(String(of))} DROP COLUMN ${quoted(String(name))}`,
  };
}

/** SQLite's names are the same in any case. */
const folded = (name: string): string => name.toLowerCase();

/** Why it stays; null: it is gone. In one transaction with what was looked at. */
function takeAway(database: DatabaseSync): string | null {
  database.exec("BEGIN IMMEDIATE");
  const stays = kind === "table" ? takeTable(database) : takeColumn(database);
  database.exec(stays === null ? "COMMIT" : "ROLLBACK");
  return stays;
}

function takeTable(database: DatabaseSync): string | null {
  const [own] = rowsOf(
    database,
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND lower(name) = ?",
    table,
  );
  if (own === undefined) return null;
  const place = quoted(String(own.name));
  if (rowsOf(database, `SELECT 1 FROM ${place} LIMIT 1`).length > 0) return "it has rows";
  // A view, a trigger or a foreign key that names it would be broken; SQLite drops the table nevertheless.
  const word = new RegExp(`(?<![\\w$])${table.replaceAll(/[^\w]/g, "\\$&")}(?![\\w$])`, "i");
  const others = rowsOf(
    database,
    "SELECT name, sql FROM sqlite_schema WHERE lower(tbl_name) <> ? AND sql IS NOT NULL",
    table,
  );
  const user = others.find(({ sql }) => word.test(String(sql)));
  if (user !== undefined) return `${user.name} speaks of it`;
  database.exec(`DROP TABLE ${place}`);
  return null;
}

function takeColumn(database: DatabaseSync): string | null {
  const [own] = rowsOf(
    database,
    `SELECT l.name AS of, c.name, c.hidden, c.dflt_value AS usual FROM pragma_table_list l, pragma_table_xinfo(l.name) c
      WHERE l.schema = 'main' AND l.type = 'table' AND lower(l.name) = ? AND lower(c.name) = ?`,
    ...[table, column],
  );
  if (own === undefined) return null;
  if (own.hidden !== 0 || String(own.usual).includes("(")) return "its values are computed";
  if (statSync(file).size > largestFileBytes) return "the file is too large for its table to be written anew";
  const [place, name] = [quoted(String(own.of)), quoted(String(own.name))];
  const other = `SELECT 1 FROM ${place} WHERE ${name} IS NOT ${own.usual === null ? "NULL" : `(${own.usual})`} LIMIT 1`;
  if (rowsOf(database, other).length > 0) return "some row has a value in it";
  try {
    database.exec(`ALTER TABLE ${place} DROP COLUMN ${name}`);
    return null;
  } catch (error) {
    return `SQLite says: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  const database = new DatabaseSync(file, { readOnly: command === "things", timeout: busyTimeoutMs });
  try {
    if (command === "things") for (const thing of things(database)) print(thing);
    else print({ stays: takeAway(database) });
  } finally {
    database.close();
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
