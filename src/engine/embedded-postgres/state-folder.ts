/**
 * The state folder (`.sluice` beside the project) says which format of state it holds, so that an earlier Sluice never
 * touches what a later one wrote. Everything else in it belongs to whoever wrote it.
 */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";

/** Rises when an earlier Sluice could no longer work with what this one writes. */
export const stateFormat = 1;

/** Refuses a newer folder before anything is written; then makes the folder and its `version` where they are missing. */
export function prepareStateFolder(stateFolder: string): void {
  refuseNewer(stateFolder);
  try {
    mkdirSync(stateFolder, { recursive: true, mode: 0o755 });
    accessSync(stateFolder, constants.W_OK | constants.X_OK);
    const file = join(stateFolder, "version");
    if (!existsSync(file)) writeFileSync(file, `${stateFormat}\n`);
  } catch (cause) {
    throw new SluiceError({
      code: "STATE_UNWRITABLE",
      remedy: "operator",
      at: stateFolder,
      message: `The state folder ${stateFolder} cannot be written: ${(cause as Error).message}.`,
      hint: `Give yourself write access, or keep the state in a database of your own (ledger.url). To look: ls -ld ${stateFolder}`,
      cause,
    });
  }
}

/** Throws LEDGER_NEWER where the folder was written by a Sluice with a newer format. Reads only. */
export function refuseNewer(stateFolder: string): void {
  const found = readFormat(join(stateFolder, "version"));
  if (found === undefined || found <= stateFormat) return;
  throw new SluiceError({
    code: "LEDGER_NEWER",
    remedy: "operator",
    at: stateFolder,
    message: `The state folder has format ${found}; this Sluice knows formats up to ${stateFormat}. Nothing was touched.`,
    hint: "Use the Sluice that wrote it, or a later one. To see yours: sluice --version",
  });
}

function readFormat(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
  // What cannot be read as a number was not written by this format: be careful, call it newer.
  return /^\d+$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}
