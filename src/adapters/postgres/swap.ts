/**
 * B7: a restored database takes the live one's name. Both renames are one transaction, so that a death in between changes
 * nothing. A rename waits five seconds for the sessions of a database to leave; a second connection ends them meanwhile, and
 * who comes back waits in the server until the new one has the name.
 */
import type { SnapshotFacts } from "../../domain/backup.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { SwapStanding } from "../../ports/data-swap.ts";
import { shellQuoted } from "../restore-command.ts";
import { type Connection, openSession, type Session, wordsOf } from "./connection.ts";
import { restoreFailed, serverArguments } from "./restore.ts";

const nameLength = 63;

export const besideName = ({ database }: Connection, suffix: string): string =>
  `${database.slice(0, nameLength - suffix.length - 1)}_${suffix}`;

/** What a database has besides its contents: a dump leaves it out, and the application needs it. */
const belongings = `
SELECT format('ALTER DATABASE %I OWNER TO %I', $2::text, pg_get_userbyid(datdba)) AS statement
  FROM pg_database WHERE datname = $1
UNION ALL
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', $2::text, datconnlimit) FROM pg_database WHERE datname = $1
UNION ALL
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $2::text)
  FROM pg_database WHERE datname = $1 AND datacl IS NOT NULL
UNION ALL
SELECT format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, $2::text,
              CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_database, aclexplode(datacl) WHERE datname = $1
UNION ALL
SELECT format(CASE WHEN setrole = 0 THEN 'ALTER DATABASE %2$I SET %3$I = %4$s'
                   ELSE 'ALTER ROLE %1$I IN DATABASE %2$I SET %3$I = %4$s' END,
              pg_get_userbyid(setrole), $2::text, split_part(setting, '=', 1),
              CASE WHEN split_part(setting, '=', 1) = ANY (ARRAY['search_path', 'temp_tablespaces', 'session_preload_libraries',
                                                                 'local_preload_libraries', 'unix_socket_directories'])
                   THEN substr(setting, strpos(setting, '=') + 1)
                   ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(setconfig) AS setting
  WHERE d.datname = $1`;

export async function swapDatabases(
  connection: Connection,
  restored: string,
  kept: string,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  await refuseOwnLedger(connection, signal);
  const renaming = await openMaintenance(connection);
  try {
    const ending = await openMaintenance(connection);
    try {
      await rename(connection, renaming, ending, restored, kept);
    } finally {
      await ending.end();
    }
  } catch (error) {
    throw error instanceof SluiceError ? error : swapFailed(connection, restored, wordsOf(error));
  } finally {
    await renaming.end();
  }
}

/** A ledger that was renamed away with the application's data would take every running deployment and the whole story with it. */
export async function refuseOwnLedger(connection: Connection, signal: AbortSignal): Promise<void> {
  const session = await openSession(connection, connection.database, signal);
  try {
    const [found] = await session.query<{ ledger: string | null }>("SELECT to_regclass('sluice.meta')::text AS ledger");
    if (found?.ledger == null) return;
    throw new SluiceError({
      ...restoreFailed(connection, connection.database, "").failure,
      message: `${connection.database} is not swapped: Sluice's own ledger lies in this database and would become an old one with it.`,
      hint: "Nothing was changed. Give the ledger a database of its own (SLUICE_DATABASE_URL), or restore beside it: sluice restore <backup> --into <name>",
    });
  } finally {
    await session.end();
  }
}

async function rename(
  { database: live }: Connection,
  renaming: Session,
  ending: Session,
  restored: string,
  kept: string,
): Promise<void> {
  const statements = await renaming.query<{ statement: string }>(belongings, [live, restored]);
  await renaming.query("SET lock_timeout = '15s'");
  await renaming.query("BEGIN");
  for (const { statement } of statements) await renaming.query(statement);
  let done = false;
  const renamed = renaming.query(`ALTER DATABASE ${quoted(live)} RENAME TO ${quoted(kept)}`).finally(() => {
    done = true;
  });
  const ended = endSessions(ending, live, () => done);
  const [outcome] = await Promise.allSettled([renamed, ended]);
  if (outcome.status === "rejected") throw outcome.reason;
  await renaming.query(`ALTER DATABASE ${quoted(restored)} RENAME TO ${quoted(live)}`);
  await renaming.query("COMMIT");
}

/** Until the rename has what it waits for, or has given up. */
async function endSessions(session: Session, database: string, done: () => boolean): Promise<void> {
  while (!done()) {
    await session.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [database]);
    await session.query("SELECT pg_sleep(0.1)");
  }
}

/** Nobody may be connected to what is renamed, we neither. */
async function openMaintenance(connection: Connection): Promise<Session> {
  // What was begun is not cut off half-way: it is over in seconds, or gives up by itself.
  const untilTheEnd = new AbortController().signal;
  const [first = "postgres", second = "template1"] = ["postgres", "template1"].filter(
    (name) => name !== connection.database,
  );
  return openSession(connection, first, untilTheEnd).catch(() => openSession(connection, second, untilTheEnd));
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const swapFailed = (connection: Connection, restored: string, reason: string): SluiceError =>
  new SluiceError({
    ...restoreFailed(connection, restored, reason).failure,
    message: `${connection.database} keeps its name and its contents: the swap with ${restored} failed: ${reason}.`,
    hint: `Nothing was swapped. End what keeps the database in use (prepared transactions, replication slots), and drop what was restored: ${dropCommand(connection, restored)}`,
  });

export async function settleSwap(
  connection: Connection,
  restored: string,
  kept: string,
  signal: AbortSignal,
): Promise<SwapStanding> {
  signal.throwIfAborted();
  const session = await openMaintenance(connection);
  try {
    if (await isThere(session, restored)) await dropCopy(connection, session, restored, kept);
    // Looked at afterwards: the commit of a process that died may still have been under way.
    return (await isThere(session, kept)) ? "swapped" : "nothing";
  } finally {
    await session.end();
  }
}

/** The tools that a dead process left go on for a while; only they are ended. The drop waits for a rename that is not over. */
async function dropCopy(connection: Connection, session: Session, restored: string, kept: string): Promise<void> {
  const ours =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'sluice'";
  try {
    if (await isThere(session, kept)) throw new Error(`${kept} is there as well, and nobody can say which is which`);
    await session.query("SET lock_timeout = '15s'");
    await session.query(ours, [restored]);
    await session.query(`DROP DATABASE IF EXISTS ${quoted(restored)}`);
  } catch (error) {
    throw new SluiceError({
      ...restoreFailed(connection, restored, "").failure,
      message: `${restored}, a copy that a swap left beside ${connection.database}, was not dropped: ${wordsOf(error)}.`,
      hint: `The live database was not touched. When nobody needs the copy: ${dropCommand(connection, restored)}`,
    });
  }
}

const isThere = async (session: Session, database: string): Promise<boolean> =>
  (await session.query("SELECT FROM pg_database WHERE datname = $1", [database])).length > 0;

const dropCommand = (connection: Connection, database: string): string =>
  ["dropdb", ...serverArguments(connection), shellQuoted(database)].join(" ");

/** Null on another server than the one that the snapshot was taken from: positions of two logs cannot be compared. */
export async function walSince(
  connection: Connection,
  snapshot: SnapshotFacts | null,
  signal: AbortSignal,
): Promise<number | null> {
  if (snapshot?.lsn == null) return null;
  const session = await openSession(connection, connection.database, signal);
  try {
    const [row] = await session.query<{ bytes: number | null; same: boolean }>(
      `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1::pg_lsn)::float8 AS bytes,
              (SELECT system_identifier::text FROM pg_control_system()) = $2 AS same`,
      [snapshot.lsn, snapshot.systemIdentifier],
    );
    return row?.same ? Math.max(0, row.bytes ?? 0) : null;
  } catch {
    // Not everybody may ask; then it is not known, and the minutes say enough.
    signal.throwIfAborted();
    return null;
  } finally {
    await session.end();
  }
}
