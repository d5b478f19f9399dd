/**
 * The data lock as a lock of the server's own, by name: it holds across ledgers and machines, and the server frees it when its
 * holder dies. A lock by name says which connection has it and nothing more, so that is what others are told.
 */
import { SluiceError } from "../../domain/errors.ts";
import type { DataClaim } from "../../ports/data-lock.ts";
import { dataLockBusy, dataLockLost } from "../data-lock-busy.ts";
import type { Connection } from "./connection.ts";
import { openSession, type Session, unreachable } from "./session.ts";

const askEveryMs = 250;
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
    await untilTaken(connection, session, claim, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof SluiceError ? error : unreachable(connection, connection.database, error);
  }
}

async function untilTaken(
  connection: Connection,
  session: Session,
  { clock, waitMs, onWait }: DataClaim,
  signal: AbortSignal,
): Promise<void> {
  const lock = `sluice data ${connection.database}`.slice(0, nameLength);
  const giveUpAtMs = clock.now() + waitMs;
  for (let told = false; ; ) {
    signal.throwIfAborted();
    const [answer] = await session.query<{ taken: number | string | null }>("SELECT GET_LOCK(?, 0) AS taken", [lock]);
    if (Number(answer?.taken) === 1) return;
    const [holder] = await session.query<{ id: string | null }>("SELECT CAST(IS_USED_LOCK(?) AS CHAR) AS id", [lock]);
    // Freed between the two questions.
    if (holder?.id == null) continue;
    const name = `process ${holder.id}`;
    if (!told) await onWait(name);
    told = true;
    if (clock.now() >= giveUpAtMs)
      throw dataLockBusy(connection.name, `${name} of the database server`, waitMs, `mariadb -e 'SHOW PROCESSLIST'`);
    await clock.sleep(askEveryMs, signal);
  }
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
