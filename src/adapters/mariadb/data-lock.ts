/**
 * The data lock as a lock of the server's own, by name: it holds across ledgers and machines, and the server frees it when its
 * holder dies. A lock by name says which connection has it and nothing more, so that is what others are told.
 */
import { SluiceError } from "../../domain/errors.ts";
import type { DataClaim } from "../../ports/data-lock.ts";
import { type AskedLock, dataLockLost, untilTaken } from "../data-lock-waiting.ts";
import type { Connection } from "./connection.ts";
import { openSession, type Session, unreachable } from "./session.ts";

/** A session that says nothing for this long is taken for dead and freed by the server: a machine that vanished. */
const silentSeconds = 120;
const beatEveryMs = 30_000;
/** What MySQL allows for the name of a lock. */
const nameLength = 64;

export async function holdDataLock<T>(
  connection: Connection,
  claim: DataClaim,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  // Not bound to the caller's signal: what was begun ends under the lock.
  const session = await openSession(connection, connection.database, new AbortController().signal);
  const [lost, over] = [new AbortController(), new AbortController()];
  session.onEnd(() => lost.abort(dataLockLost(connection.name)));
  try {
    await take(connection, session, claim, signal);
    const beating = beat(session, claim, over.signal);
    try {
      return await body(AbortSignal.any([signal, lost.signal]));
    } finally {
      over.abort();
      await beating;
    }
  } finally {
    await session.end();
  }
}

async function take(connection: Connection, session: Session, claim: DataClaim, signal: AbortSignal): Promise<void> {
  try {
    await session.query(`SET SESSION wait_timeout = ${silentSeconds}`);
    await untilTaken(lockOf(connection, session), claim, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof SluiceError ? error : unreachable(connection, connection.database, error);
  }
}

function lockOf({ name, database }: Connection, session: Session): AskedLock {
  const lock = `sluice data ${database}`.slice(0, nameLength);
  return {
    database: name,
    async tryTake() {
      const [answer] = await session.query<{ taken: number | string | null }>("SELECT GET_LOCK(?, 0) AS taken", [lock]);
      return Number(answer?.taken) === 1;
    },
    async holder() {
      const [row] = await session.query<{ id: string | null }>("SELECT CAST(IS_USED_LOCK(?) AS CHAR) AS id", [lock]);
      if (row?.id == null) return undefined;
      return { name: `process ${row.id} of the database server`, look: "mariadb -e 'SHOW PROCESSLIST'" };
    },
  };
}

/** Says something now and then. What goes wrong shows as the end of the connection. */
async function beat(session: Session, { clock }: DataClaim, over: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(beatEveryMs, over);
      await session.query("SELECT 1");
    }
  } catch {
    // Over, or lost, which its listener tells.
  }
}
