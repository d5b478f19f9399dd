/** Which tables, columns and indexes a migration's own statements make: nothing else of a schema is ever taken away by itself. */
import type { SchemaKind, SchemaThing } from "./schema-things.ts";
import {
  fieldsOf,
  kindOf,
  nodeIn,
  nodesIn,
  type ParsedStatement,
  partIn,
  type SqlFields,
  type StatementsReading,
  textIn,
} from "./sql-tree.ts";
import { readSqlite } from "./sqlite-statements.ts";

export interface MadeThing {
  readonly kind: Extract<SchemaKind, "table" | "column" | "index">;
  /** Undefined: whichever one the session looks into. */
  readonly schema: string | undefined;
  readonly table: string;
  /** Of a column or an index; an index may be left to PostgreSQL to name. */
  readonly name?: string;
}

export function isMadeBy({ kind, path: [schema, table, name] }: SchemaThing, made: MadeThing): boolean {
  if (kind !== made.kind || table !== made.table) return false;
  if (made.schema !== undefined && made.schema !== schema) return false;
  return made.name === undefined || made.name === name;
}

export const madeByPostgres = (reading: StatementsReading): readonly MadeThing[] =>
  reading.kind === "read" ? reading.statements.flatMap(madeByStatement) : [];

function madeByStatement({ node }: ParsedStatement): readonly MadeThing[] {
  const fields = fieldsOf(node);
  switch (kindOf(node)) {
    case "CreateStmt":
      return [{ kind: "table", ...placeOf(fields) }];
    case "AlterTableStmt":
      return textIn(fields, "objtype") === "OBJECT_TABLE" ? addedColumns(fields) : [];
    case "IndexStmt": {
      const name = textIn(fields, "idxname");
      return [{ kind: "index", ...placeOf(fields), ...(name === "" ? {} : { name }) }];
    }
    default:
      return [];
  }
}

function placeOf(fields: SqlFields): Pick<MadeThing, "schema" | "table"> {
  const relation = partIn(fields, "relation");
  return { schema: textIn(relation, "schemaname") || undefined, table: textIn(relation, "relname") };
}

function addedColumns(fields: SqlFields): readonly MadeThing[] {
  return nodesIn(fields, "cmds")
    .map(fieldsOf)
    .filter((command) => textIn(command, "subtype") === "AT_AddColumn")
    .map((command) => ({
      kind: "column",
      ...placeOf(fields),
      name: textIn(fieldsOf(nodeIn(command, "def")), "colname"),
    }));
}

// In the canonical form a name is one token. One with other marks in it is not compared, so it stays.
const createTable = /^CREATE TABLE (?:IF NOT EXISTS )?(?:"?MAIN"? \. )?"?(\w+)"?(?: |$)/i;
const addColumn = /^ALTER TABLE (?:"?MAIN"? \. )?"?(\w+)"? ADD (?:COLUMN )?"?(\w+)"?(?: |$)/i;

/** SQLite's names are the same in any case. */
export function madeBySqlite(sql: string): readonly MadeThing[] {
  const reading = readSqlite(sql);
  if (reading.kind === "fault") return [];
  return reading.statements.flatMap(({ canonical }): readonly MadeThing[] => {
    const table = createTable.exec(canonical)?.[1];
    if (table !== undefined) return [{ kind: "table", schema: undefined, table: table.toLowerCase() }];
    const [, of, name] = addColumn.exec(canonical) ?? [];
    if (of === undefined || name === undefined) return [];
    return [{ kind: "column", schema: undefined, table: of.toLowerCase(), name: name.toLowerCase() }];
  });
}
