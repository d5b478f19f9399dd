/**
 * What a database holds, counted exactly. Statistics would be quicker and would prove nothing: a restore is compared with
 * these numbers (Z3).
 */
import type { TableFacts } from "../../domain/backup.ts";
import type { DatabaseFacts } from "../../ports/database.ts";
import { type Connection, openSession, type Session, unreachable, wordsOf } from "./connection.ts";

export interface SnapshotOptions {
  /** How long a count may wait for a lock that a migration holds. */
  readonly lockWaitMs: number;
}

/** If nobody reads the dump within this time, the server itself ends the transaction that holds its snapshot. */
const unusedSnapshotMs = 60_000;

/** Ordinary tables with their own rows: partitions rather than their parents, and nothing an extension brings itself. */
const userTables = `
  SELECT n.nspname || '.' || c.relname AS name, format('%I.%I', n.nspname, c.relname) AS quoted
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  ORDER BY 1`;

/** Begins the transaction in which everything below sees the same instant. */
export async function beginSnapshot(session: Session, options: SnapshotOptions): Promise<void> {
  // row_security off turns a policy that would hide rows into an error, as pg_dump does.
  await session.query("SELECT set_config('row_security', 'off', false), set_config('lock_timeout', $1, false)", [
    `${options.lockWaitMs}ms`,
  ]);
  await session.query("SELECT set_config('idle_in_transaction_session_timeout', $1, false)", [`${unusedSnapshotMs}ms`]);
  await session.query(rowsReadAlike);
  await session.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

/** Rows are hashed as text, and these settings decide how values are written. */
const rowsReadAlike = `
  SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO, YMD', false),
         set_config('IntervalStyle', 'postgres', false), set_config('extra_float_digits', '3', false),
         set_config('bytea_output', 'hex', false), set_config('lc_monetary', 'C', false)`;

/** `count` asks for the number of rows alone; `hash` reads all of them, about as long as half a dump. */
export type RowDepth = "count" | "hash";

/** Hashes of whole rows as text, added up: the order in which rows lie does not matter, and a doubled row does. */
const rowQuery = {
  count: (table: string) => `SELECT count(*)::text AS rows, NULL AS hash FROM ONLY ${table}`,
  hash: (table: string) =>
    `SELECT count(*)::text AS rows,
            coalesce(sum(hashtextextended((sluice_row.*)::text COLLATE "C", 0)::numeric), 0)::text AS hash
     FROM ONLY ${table} AS sluice_row`,
} as const satisfies Record<RowDepth, (table: string) => string>;

/** Inside a snapshot. */
export async function readFacts(session: Session, depth: RowDepth = "count"): Promise<DatabaseFacts> {
  const [server] = await session.query<{ name: string; version: string; size: string; large: string }>(
    `SELECT current_database() AS name, current_setting('server_version') AS version,
            pg_database_size(current_database())::text AS size,
            (SELECT count(*)::text FROM pg_largeobject_metadata) AS large`,
  );
  const tables: TableFacts[] = [];
  for (const table of await session.query<{ name: string; quoted: string }>(userTables)) {
    const [found] = await session.query<{ rows: string; hash: string | null }>(rowQuery[depth](table.quoted));
    const hash = depth === "hash" ? { hash: found?.hash ?? null } : {};
    tables.push({ name: table.name, rows: Number(found?.rows), ...hash });
  }
  // Dumps lose large objects silently when options are wrong (data-safety.md, 1), so they are counted like a table.
  const largeObjects = Number(server?.large);
  if (largeObjects > 0) {
    const hash = depth === "hash" ? { hash: await largeObjectHash(session) } : {};
    tables.push({ name: "(large objects)", rows: largeObjects, ...hash });
  }
  return {
    kind: "postgres",
    name: server?.name ?? "",
    serverVersion: (server?.version ?? "").split(" ")[0] ?? "",
    sizeBytes: Number(server?.size),
    tables,
  };
}

/** Null where one of them is too large for the server to read at once, or may not be read. */
async function largeObjectHash(session: Session): Promise<string | null> {
  const found = await tolerated<{ hash: string }>(
    session,
    `SELECT coalesce(sum(hashtextextended(oid::text || ':' || md5(lo_get(oid)), 0)::numeric), 0)::text AS hash
     FROM pg_largeobject_metadata`,
  );
  return "rows" in found ? (found.rows[0]?.hash ?? null) : null;
}

/** A query that may fail without ending the transaction around it. */
export async function tolerated<Row extends object>(
  session: Session,
  text: string,
): Promise<{ readonly rows: readonly Row[] } | { readonly reason: string }> {
  await session.query("SAVEPOINT tolerated");
  try {
    return { rows: await session.query<Row>(text) };
  } catch (error) {
    await session.query("ROLLBACK TO SAVEPOINT tolerated");
    return { reason: wordsOf(error) };
  }
}

/** Facts of a database in a session of their own. Errors: DATABASE_UNREACHABLE. */
export async function factsOf(
  connection: Connection,
  database: string,
  options: SnapshotOptions,
  signal: AbortSignal,
  depth: RowDepth = "count",
): Promise<DatabaseFacts> {
  const session = await openSession(connection, database, signal);
  try {
    await beginSnapshot(session, options);
    return await readFacts(session, depth);
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(connection, database, error);
  } finally {
    await session.end();
  }
}
