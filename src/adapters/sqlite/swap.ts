/** B7: a restored file takes the live one's name. Whoever has the live one open keeps it from happening: its instances are stopped first. */
import { access, link, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import type { SwapStanding } from "../../ports/data-swap.ts";
import { shellQuoted } from "../restore-command.ts";
import { readSqlite } from "./reader.ts";

interface Place {
  readonly name: string;
  readonly file: string;
}

export function besideFile({ file }: Place, suffix: string): string {
  const extension = extname(file);
  return join(dirname(file), `${basename(file, extension)}_${suffix}${extension}`);
}

export async function swapFiles(place: Place, restored: string, kept: string, signal: AbortSignal): Promise<void> {
  const failed = (reason: string) => swapFailed(place, restored, reason);
  await access(restored).catch(() => {
    throw failed(`${restored} is not there`);
  });
  const settled = await readSqlite({ command: "settle", file: place.file }, signal);
  if (settled.kind === "failed") throw failed(settled.reason);
  // A link refuses a name that is taken; the rename then replaces the live one in one step.
  await link(place.file, kept).catch((error: Error) => {
    throw failed(error.message);
  });
  await rename(restored, place.file).catch((error: Error) => {
    throw failed(error.message);
  });
}

/**
 * Between the second name of the live one and the rename a death leaves both names: then the kept one is the live one still, and the
 * second name goes first.
 */
export async function settleFiles(place: Place, restored: string, kept: string): Promise<SwapStanding> {
  const [copy, before, live] = await Promise.all([restored, kept, place.file].map(identityOf));
  if (copy !== undefined && before !== undefined) {
    if (before !== live)
      throw notSettled(place, restored, `${kept} is there as well, and is another file than ${place.file}`);
    await rm(kept);
  }
  if (copy !== undefined) await rm(restored);
  for (const folder of await unfinishedFolders(restored)) await rm(folder, { recursive: true, force: true });
  return copy === undefined && before !== undefined ? "swapped" : "nothing";
}

/** Where a file is made before it gets its name. */
export const unfinishedPrefix = (into: string): string => join(dirname(into), `.sluice-restore-${basename(into)}-`);

async function unfinishedFolders(into: string): Promise<readonly string[]> {
  const names = await readdir(dirname(into)).catch(() => []);
  return names.map((name) => join(dirname(into), name)).filter((path) => path.startsWith(unfinishedPrefix(into)));
}

const identityOf = (path: string): Promise<string | undefined> =>
  stat(path, { bigint: true }).then(
    ({ dev, ino }) => `${dev} ${ino}`,
    () => undefined,
  );

const notSettled = ({ name, file }: Place, restored: string, reason: string): SluiceError =>
  new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: `databases.${name}`,
    message: `${restored}, a copy that a swap left beside ${file}, was not removed: ${reason}.`,
    hint: `The live file was not touched. When nobody needs the copy: rm ${shellQuoted(restored)}`,
  });

const swapFailed = ({ name, file }: Place, restored: string, reason: string): SluiceError =>
  new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: `databases.${name}`,
    message: `${file} is what it was: the swap with ${restored} failed: ${reason}.`,
    hint: `Nobody may have the file open while it is swapped. Stop what uses it, then repeat: fuser -v ${file}`,
  });
