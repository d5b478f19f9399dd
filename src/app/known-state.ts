import { existsSync, lstatSync } from "node:fs";
import { join } from "node:path";

/**
 * Was there ever a ledger in this state folder? Also where its traces are damaged: then opening it says so. Costs nothing and
 * makes nothing.
 */
export function hasState(stateFolder: string): boolean {
  const isFolder = lstatSync(stateFolder, { throwIfNoEntry: false })?.isDirectory() !== false;
  return !isFolder || ["postgres.json", "postgres"].some((name) => existsSync(join(stateFolder, name)));
}
