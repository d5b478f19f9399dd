/** B7: a restored file takes the live one's name. Whoever has the live one open keeps it from happening: its instances are stopped first. */
import { access, link, rename } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
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

const swapFailed = ({ name, file }: Place, restored: string, reason: string): SluiceError =>
  new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: `databases.${name}`,
    message: `${file} is what it was: the swap with ${restored} failed: ${reason}.`,
    hint: `Nobody may have the file open while it is swapped. Stop what uses it, then repeat: fuser -v ${file}`,
  });
