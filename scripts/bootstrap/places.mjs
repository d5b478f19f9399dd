/** Where the set-up reads and writes, and how it speaks: short lines on stderr. */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const leastMajor = 24;
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const windows = process.platform === "win32";
export const cacheDir = join(root, ".cache");

/** A set-up that cannot go on, told without a stack. */
export class SetupError extends Error {}

export const say = (line) => process.stderr.write(`sluice: ${line}\n`);
export const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;

/** Whether this user may write `path`, or create it. */
export function writable(path) {
  if (!fs.existsSync(path)) return dirname(path) !== path && writable(dirname(path));
  try {
    fs.accessSync(path, fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
