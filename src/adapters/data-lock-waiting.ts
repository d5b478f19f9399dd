/** How a data lock is waited for, and its refusals in the same words, whatever the database. */
import { humanDuration } from "../domain/duration.ts";
import { SluiceError } from "../domain/errors.ts";
import type { DataClaim } from "../ports/data-lock.ts";

const askEveryMs = 250;

export interface DataLockHolder {
  /** For whoever waits. */
  readonly name: string;
  /** A command that shows it. */
  readonly look: string;
}

/** A lock that its server keeps: taken by a question that does not wait. */
export interface AskedLock {
  readonly database: string;
  tryTake(): Promise<boolean>;
  /** Undefined: it was freed since it was asked for. */
  holder(): Promise<DataLockHolder | undefined>;
}

/** Asks again until it is taken; DATABASE_BUSY with its holder's name when the claim's time is over. */
export async function untilTaken(lock: AskedLock, claim: DataClaim, signal: AbortSignal): Promise<void> {
  const { clock, waitMs, onWait } = claim;
  const giveUpAtMs = clock.now() + waitMs;
  for (let told = false; ; ) {
    signal.throwIfAborted();
    if (await lock.tryTake()) return;
    const holder = await lock.holder();
    if (holder === undefined) continue;
    if (!told) await onWait(holder.name);
    told = true;
    if (clock.now() >= giveUpAtMs) throw dataLockBusy(lock.database, holder, waitMs);
    await clock.sleep(askEveryMs, signal);
  }
}

export const dataLockBusy = (database: string, { name, look }: DataLockHolder, waitMs: number): SluiceError =>
  new SluiceError({
    code: "DATABASE_BUSY",
    remedy: "retry",
    at: `databases.${database}`,
    message: `${database} was not free within ${humanDuration(waitMs)}: ${name} has its data lock. Nothing was touched.`,
    hint: `Backups, migrations, drills and swaps wait for each other. When that one has ended, ask again. See it by: ${look}`,
  });

export const dataLockLost = (database: string): SluiceError =>
  new SluiceError({
    code: "DATABASE_UNREACHABLE",
    remedy: "retry",
    at: `databases.${database}`,
    message: `The connection that held the data lock of ${database} was cut, so that others may begin: what was under way was ended.`,
    hint: "See whether the database answers, then ask again: sluice check",
  });
