/**
 * What a database holds, counted exactly. Statistics would be quicker and would prove nothing: a restore is compared with
 * these numbers (Z3).
 */
import type { DatabaseFacts } from "../../ports/database.ts";
import { type Connection, openSession, type Session, unreachable } from "./connection.ts";

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
  await session.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

/** Inside a snapshot. */
export async function readFacts(session: Session): Promise<DatabaseFacts> {
  const [server] = await session.query<{ name: string; version: string; size: string; large: string }>(
    `SELECT current_database() AS name, current_setting('server_version') AS version,
            pg_database_size(current_database())::text AS size,
            (SELECT count(*)::text FROM pg_largeobject_metadata) AS large`,
  );
  const tables: { name: string; rows: number }[] = [];
  for (const table of await session.query<{ name: string; quoted: string }>(userTables)) {
    const [count] = await session.query<{ rows: string }>(`SELECT count(*)::text AS rows FROM ONLY ${table.quoted}`);
    tables.push({ name: table.name, rows: Number(count?.rows) });
  }
  // Dumps lose large objects silently when options are wrong (data-safety.md, 1), so they are counted like a table.
  const largeObjects = Number(server?.large);
  if (largeObjects > 0) tables.push({ name: "(large objects)", rows: largeObjects });
  return {
    kind: "postgres",
    name: server?.name ?? "",
    serverVersion: (server?.version ?? "").split(" ")[0] ?? "",
    sizeBytes: Number(server?.size),
    tables,
  };
}

/** Facts of a database in a session of their own. Errors: DATABASE_UNREACHABLE. */
export async function factsOf(
  connection: Connection,
  database: string,
  options: SnapshotOptions,
  signal: AbortSignal,
): Promise<DatabaseFacts> {
  const session = await openSession(connection, database, signal);
  try {
    await beginSnapshot(session, options);
    return await readFacts(session);
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(connection, database, error);
  } finally {
    await session.end();
  }
}
