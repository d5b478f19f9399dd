/** The data lock beside the file itself, so that every project of this machine that names the file finds it. */
import { realpath } from "node:fs/promises";
import type { DataClaim } from "../../ports/data-lock.ts";
import { holdFileDataLock } from "../file-data-lock.ts";

export async function holdDataLock<T>(
  place: { readonly name: string; readonly file: string },
  claim: DataClaim,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  // By whatever name the file is reached it is one file.
  const file = await realpath(place.file).catch(() => place.file);
  const beside = { name: place.name, what: `the database file ${place.file}`, folder: `${file}.sluice-lock` };
  return holdFileDataLock(beside, claim, signal, body);
}
