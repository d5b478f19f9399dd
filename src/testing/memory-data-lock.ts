/**
 * The data lock in memory. A simulated process that dies says nothing, so what it held is free to its successor, which asks
 * under the same name, at once, and to others after a while.
 */
import { SluiceError } from "../domain/errors.ts";
import type { DataClaim, DataLock } from "../ports/data-lock.ts";

const takenForDeadMs = 60_000;
const askEveryMs = 250;

interface Held {
  readonly holder: string;
  readonly sinceMs: number;
}

export function memoryDataLock(database: string): DataLock["exclusively"] {
  let held: Held | undefined;
  const otherOf = ({ holder, clock }: DataClaim): string | undefined =>
    held === undefined || held.holder === holder || clock.now() - held.sinceMs >= takenForDeadMs
      ? undefined
      : held.holder;
  return async (claim, signal, body) => {
    signal.throwIfAborted();
    await untilFree(database, claim, () => otherOf(claim), signal);
    const mine: Held = { holder: claim.holder, sinceMs: claim.clock.now() };
    held = mine;
    try {
      return await body(signal);
    } finally {
      if (held === mine) held = undefined;
    }
  };
}

async function untilFree(
  database: string,
  { clock, onWait, waitMs }: DataClaim,
  other: () => string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const giveUpAtMs = clock.now() + waitMs;
  const first = other();
  if (first !== undefined) await onWait(first);
  for (let holder = other(); holder !== undefined; holder = other()) {
    if (clock.now() >= giveUpAtMs) throw busy(database, holder);
    await clock.sleep(askEveryMs, signal);
  }
}

const busy = (database: string, holder: string): SluiceError =>
  new SluiceError({
    code: "DATABASE_BUSY",
    remedy: "retry",
    at: `databases.${database}`,
    message: `${database} is busy: ${holder} has its data lock.`,
    hint: "When that has ended, ask again: sluice backup create",
  });
