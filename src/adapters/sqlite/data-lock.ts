/** The data lock beside the file itself, so that every project of this machine that names the file finds it. */
import { mkdir, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import type { DataClaim } from "../../ports/data-lock.ts";
import { dataLockBusy } from "../data-lock-busy.ts";
import { lockHolder, withFileLock } from "../file-lock.ts";

export async function holdDataLock<T>(
  place: { readonly name: string; readonly file: string },
  { clock, waitMs, onWait }: DataClaim,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  // By whatever name the file is reached it is one file.
  const file = await realpath(place.file).catch(() => place.file);
  const folder = `${file}.sluice-lock`;
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw unusable(place, dirname(file), error);
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
    throw dataLockBusy(place.name, `process ${pid}`, waitMs, `ps -fp ${pid}`);
  }
}

const unusable = (place: { readonly name: string; readonly file: string }, folder: string, cause: Error): SluiceError =>
  new SluiceError({
    code: "DATABASE_UNREACHABLE",
    remedy: "operator",
    at: `databases.${place.name}`,
    message: `No lock can be made beside the database file ${place.file}: ${cause.message}.`,
    hint: `Correct the path, or give this account the right to write into the folder: ls -ld ${folder}`,
    cause,
  });
