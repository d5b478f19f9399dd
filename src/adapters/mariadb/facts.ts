/**
 * What a database holds, counted exactly and hashed inside the server, so that what is compared does not go through the tool
 * that made the dump. What keeps no snapshot is named, and never called equal.
 */
import type { TableFacts } from "../../domain/backup.ts";
import type { DatabaseFacts } from "../../ports/database.ts";
import type { Connection } from "./connection.ts";
import { openSession, quoted, type Server, type Session, serverOf, unreachable } from "./session.ts";

/** Begins the transaction in which every transactional table is seen at one instant. */
export async function beginSnapshot(session: Session): Promise<void> {
  await session.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  await session.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
}

export interface Table {
  readonly name: string;
  readonly sizeBytes: number;
  readonly columns: readonly Column[];
  /** Why a snapshot says nothing about its rows. */
  readonly unproven: string | undefined;
}

interface Column {
  readonly name: string;
  readonly type: string;
}

/** Tables with rows of their own. Views and sequences are definitions, which a second dump compares. */
const userTables = `
  SELECT t.TABLE_NAME AS name, t.TABLE_TYPE AS type, t.ENGINE AS engine, e.TRANSACTIONS AS transactions,
         CAST(COALESCE(t.DATA_LENGTH, 0) + COALESCE(t.INDEX_LENGTH, 0) AS CHAR) AS size
  FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
  WHERE t.TABLE_SCHEMA = ? AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY BINARY t.TABLE_NAME`;

/** A generated column is computed anew and not in the dump. */
const storedColumns = `
  SELECT TABLE_NAME AS tableName, COLUMN_NAME AS name, LOWER(DATA_TYPE) AS type FROM information_schema.COLUMNS
  WHERE TABLE_SCHEMA = ? AND COALESCE(GENERATION_EXPRESSION, '') = '' ORDER BY TABLE_NAME, ORDINAL_POSITION`;

interface TableRow {
  readonly name: string;
  readonly type: string;
  readonly engine: string | null;
  readonly transactions: string | null;
  readonly size: string;
}

export async function tablesIn(session: Session, database: string): Promise<readonly Table[]> {
  const rows = await session.query<TableRow>(userTables, [database]);
  const columns = await session.query<Column & { readonly tableName: string }>(storedColumns, [database]);
  const byTable = Map.groupBy(columns, ({ tableName }) => tableName);
  return rows.map((row) => ({
    name: row.name,
    sizeBytes: Number(row.size),
    columns: byTable.get(row.name) ?? [],
    unproven: reasonOf(row),
  }));
}

function reasonOf({ engine, transactions, type }: TableRow): string | undefined {
  if (transactions !== "YES") return `${engine ?? "its engine"} keeps no snapshots`;
  return type === "SYSTEM VERSIONED" ? "the history of its rows is not in the dump" : undefined;
}

/** `count` asks for the number of rows alone; `hash` reads all of them. */
export type RowDepth = "count" | "hash";

/**
 * Hashes of whole rows, added up: the order in which rows lie does not matter, and a doubled row does. Length before value, so
 * that no two rows are written alike.
 */
export async function rowsIn(session: Session, { name, columns }: Table, depth: RowDepth): Promise<TableFacts> {
  if (depth === "count") {
    const [found] = await session.query<{ n: string }>(`SELECT CAST(COUNT(*) AS CHAR) AS n FROM ${quoted(name)}`);
    return { name, rows: Number(found?.n) };
  }
  const row = `MD5(CONCAT('', ${columns.map(valueIn).join(", ") || "''"}))`;
  const [found] = await session.query<{ n: string; hashed: string; sum: string | null }>(
    `SELECT CAST(COUNT(*) AS CHAR) AS n, CAST(COUNT(h) AS CHAR) AS hashed,
            CAST(SUM(CAST(CONV(LEFT(h, 16), 16, 10) AS UNSIGNED)) AS CHAR) AS sum
     FROM (SELECT ${row} AS h FROM ${quoted(name)}) AS sluice_rows`,
  );
  // A row that is too long for the server to write it as text has no hash.
  const whole = found?.n === found?.hashed;
  return { name, rows: Number(found?.n), hash: whole ? (found?.sum ?? "0") : null };
}

const long = /text$|blob$|^json$|^geometry|point$|linestring$|polygon$|collection$|^vector$/;

/** A `float` is printed with six digits, in a dump too: its exact value shows what a dump loses. */
function valueIn({ name, type }: Column): string {
  const column = quoted(name);
  const value = long.test(type)
    ? `MD5(${column})`
    : `CAST(${type === "float" ? `(${column} + 0e0)` : column} AS BINARY)`;
  return `COALESCE(CONCAT(LENGTH(${value}), ':', ${value}), '-')`;
}

export function factsFrom(
  { kind }: Connection,
  database: string,
  server: Server,
  tables: readonly Table[],
  counted: readonly TableFacts[],
): DatabaseFacts {
  const sizeBytes = tables.reduce((sum, table) => sum + table.sizeBytes, 0);
  return { kind, name: database, serverVersion: server.version, sizeBytes, tables: counted };
}

/** Its rows were counted, and may be others in the dump. */
export const withReason = (facts: TableFacts, unproven: string): TableFacts => ({
  name: facts.name,
  rows: facts.rows,
  ...(facts.hash === undefined ? {} : { hash: null, unproven }),
});

/** Facts of a database in a session of their own. Errors: DATABASE_UNREACHABLE. */
export async function factsOf(
  connection: Connection,
  database: string,
  signal: AbortSignal,
  depth: RowDepth = "count",
): Promise<DatabaseFacts> {
  const session = await openSession(connection, database, signal);
  try {
    const server = await serverOf(session);
    await beginSnapshot(session);
    const tables = await tablesIn(session, database);
    const counted: TableFacts[] = [];
    for (const table of tables) {
      const facts = await rowsIn(session, table, depth);
      counted.push(table.unproven === undefined ? facts : withReason(facts, table.unproven));
    }
    return factsFrom(connection, database, server, tables, counted);
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(connection, database, error);
  } finally {
    await session.end();
  }
}
