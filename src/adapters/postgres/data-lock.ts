/**
 * The data lock as a session-level advisory lock in the database itself: it holds across ledgers and machines, and the server
 * frees it when its holder dies. Waiting is asking again, never a statement that waits: that one would hold a snapshot, for
 * which `CREATE INDEX CONCURRENTLY` of the migration that has the lock would wait in turn, for ever.
 */
import type { DataClaim } from "../../ports/data-lock.ts";
import { type AskedLock, type DataLockHolder, dataLockLost, untilTaken } from "../data-lock-waiting.ts";
import { type Connection, openSession, type Session, unreachable } from "./connection.ts";

/** Any two numbers, the same in every Sluice. */
const lockKey = [7_300_416, 1] as const;
/** PostgreSQL keeps 63 bytes of an application's name. */
const nameLength = 63;

export async function holdDataLock<T>(
  connection: Connection,
  claim: DataClaim,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  // Not bound to the caller's signal: what was begun ends under the lock.
  const session = await openSession(connection, connection.database, new AbortController().signal);
  const lost = new AbortController();
  session.onEnd(() => lost.abort(dataLockLost(connection.name)));
  try {
    await take(connection, session, claim, signal);
    return await body(AbortSignal.any([signal, lost.signal]));
  } finally {
    await session.end();
  }
}

async function take(connection: Connection, session: Session, claim: DataClaim, signal: AbortSignal): Promise<void> {
  try {
    await introduce(session, claim.holder);
    await untilTaken(lockOf(connection, session), claim, signal);
  } catch (error) {
    signal.throwIfAborted();
    // The driver's own errors have the server's code; ours are told already.
    throw error instanceof Error && "severity" in error ? unreachable(connection, connection.database, error) : error;
  }
}

const lockOf = ({ name }: Connection, session: Session): AskedLock => ({
  database: name,
  async tryTake() {
    const [answer] = await session.query<{ taken: boolean }>("SELECT pg_try_advisory_lock($1, $2) AS taken", lockKey);
    return answer?.taken ?? false;
  },
  holder: () => holderOf(session),
});

/** It says who it is, is not ended for being idle, and a machine that vanished frees the lock within two minutes. */
async function introduce(session: Session, holder: string): Promise<void> {
  const settings = {
    application_name: `sluice: ${holder}`.slice(0, nameLength),
    idle_session_timeout: "0",
    statement_timeout: "10s",
    tcp_keepalives_idle: "60",
    tcp_keepalives_interval: "10",
    tcp_keepalives_count: "6",
  };
  // Only those that this server knows.
  await session.query(
    "SELECT set_config(name, $1::jsonb ->> name, false) FROM pg_settings WHERE name IN (SELECT jsonb_object_keys($1::jsonb))",
    [JSON.stringify(settings)],
  );
}

async function holderOf(session: Session): Promise<DataLockHolder | undefined> {
  const [row] = await session.query<{ pid: number; name: string | null; host: string | null }>(
    `SELECT l.pid, a.application_name AS name, host(a.client_addr) AS host
     FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = $1::bigint::oid AND l.objid = $2::bigint::oid
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    lockKey,
  );
  if (row === undefined) return undefined;
  const name = row.name?.replace(/^sluice: /, "") || "somebody";
  return {
    name: row.host === null ? name : `${name} (from ${row.host})`,
    look: `psql -c 'SELECT * FROM pg_stat_activity WHERE pid = ${row.pid}'`,
  };
}
