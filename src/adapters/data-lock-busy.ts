/** The data lock's refusal, in the same words whatever the database. */
import { humanDuration } from "../domain/duration.ts";
import { SluiceError } from "../domain/errors.ts";

export const dataLockBusy = (database: string, holder: string, waitMs: number, look: string): SluiceError =>
  new SluiceError({
    code: "DATABASE_BUSY",
    remedy: "retry",
    at: `databases.${database}`,
    message: `${database} was not free within ${humanDuration(waitMs)}: ${holder} has its data lock. Nothing was touched.`,
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
