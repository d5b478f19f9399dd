/**
 * The state folder (`.sluice` beside the project) says which format of state it holds, so that an earlier Sluice never
 * touches what a later one wrote. Everything else in it belongs to whoever wrote it.
 */
import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diskFull, SluiceError } from "../../domain/errors.ts";

/** Rises when an earlier Sluice could no longer work with what this one writes. */
export const stateFormat = 1;

/** Refuses a newer folder before anything is written; then makes the folder and its `version` where they are missing. */
export function prepareStateFolder(stateFolder: string): void {
  try {
    refuseNewer(stateFolder);
    mkdirSync(stateFolder, { recursive: true, mode: 0o755 });
    accessSync(stateFolder, constants.W_OK | constants.X_OK);
    const file = join(stateFolder, "version");
    if (readFormat(file) === undefined) writeWhole(file, `${stateFormat}\n`);
  } catch (cause) {
    throw stateTrouble(cause, stateFolder);
  }
}

/** A file that is there is whole, whatever was killed or full when it was written. */
function writeWhole(file: string, text: string): void {
  const writing = `${file}.${process.pid}`;
  try {
    writeFileSync(writing, text);
    renameSync(writing, file);
  } catch (error) {
    rmSync(writing, { force: true });
    throw error;
  }
}

/** What the system says about the folder, in our words: full, or not ours to write. Anything else stays what it is. */
export function stateTrouble(thrown: unknown, stateFolder: string): unknown {
  if (thrown instanceof SluiceError || !(thrown instanceof Error)) return thrown;
  const code = "code" in thrown ? String(thrown.code) : "";
  if (["ENOSPC", "EDQUOT", "53100"].includes(code)) return new SluiceError(diskFull(stateFolder, thrown.message));
  const ofSystem = "syscall" in thrown;
  return new SluiceError({
    code: ofSystem ? "STATE_UNWRITABLE" : "LEDGER_UNREACHABLE",
    remedy: "operator",
    at: stateFolder,
    message: ofSystem
      ? `The state folder ${stateFolder} cannot be used: ${thrown.message}. Nothing was changed.`
      : `The state database of ${stateFolder} cannot be opened: ${thrown.message}`,
    hint: ofSystem
      ? `Give yourself write access, or keep the state in a database of your own (SLUICE_DATABASE_URL). To look: ls -ld ${stateFolder}`
      : `Its log is ${join(stateFolder, "postgres.log")}. Then: sluice status`,
    cause: thrown,
  });
}

/** Throws LEDGER_NEWER where the folder was written by a Sluice with a newer format. Reads only. */
export function refuseNewer(stateFolder: string): void {
  const found = readFormat(join(stateFolder, "version"));
  if (found === undefined || (/^\d+$/.test(found) && Number(found) <= stateFormat)) return;
  throw new SluiceError({
    code: "LEDGER_NEWER",
    remedy: "operator",
    at: stateFolder,
    message: `The state folder ${stateFolder} has format ${found}; this Sluice knows formats up to ${stateFormat}. Nothing was touched.`,
    hint: "Use the Sluice that wrote it, or a later one. To see yours: sluice --version",
  });
}

/** Undefined: nobody has written it yet, or whoever began to was killed. What is no number was not written by this format. */
function readFormat(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  if (text === "") return undefined;
  return /^\d{1,9}$/.test(text) ? text : JSON.stringify(text.slice(0, 40));
}
