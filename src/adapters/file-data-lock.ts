/** The data lock as a lock of a folder, for what has no server that could keep it. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { SluiceError } from "../domain/errors.ts";
import type { DataClaim } from "../ports/data-lock.ts";
import { dataLockBusy } from "./data-lock-waiting.ts";
import { lockHolder, withFileLock } from "./file-lock.ts";

export async function holdFileDataLock<T>(
  place: { readonly name: string; readonly what: string; readonly folder: string },
  { clock, waitMs, onWait }: DataClaim,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { folder, name } = place;
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw unusable(place, error);
  });
  const holder = await lockHolder(folder);
  if (holder !== undefined) await onWait(`process ${holder}`);
  let begun = false;
  try {
    return await withFileLock(folder, { clock, signal, waitMs }, () => {
      begun = true;
      return body(signal);
    });
  } catch (error) {
    if (begun || !(error instanceof SluiceError) || error.failure.code !== "TARGET_UNREACHABLE") throw error;
    const pid = (await lockHolder(folder)) ?? holder ?? 0;
    throw dataLockBusy(name, { name: `process ${pid}`, look: `ps -fp ${pid}` }, waitMs);
  }
}

const unusable = (
  { name, what, folder }: { readonly name: string; readonly what: string; readonly folder: string },
  cause: Error,
): SluiceError =>
  new SluiceError({
    code: "DATABASE_UNREACHABLE",
    remedy: "operator",
    at: `databases.${name}`,
    message: `No lock can be made beside ${what}: ${cause.message}.`,
    hint: `Correct the path, or give this account the right to write into the folder: ls -ld ${dirname(folder)}`,
    cause,
  });
