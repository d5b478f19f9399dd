/** Two readings of one database, of its dump and of what was restored from it: the first thing that differs, in words. */
import type { Reading } from "../ports/database.ts";

/** Undefined where both say the same. Statements that `leftOut` matches are compared on neither side. */
export function readingDifference(archive: Reading, restored: Reading, leftOut?: RegExp): string | undefined {
  for (const part of new Set([...archive.parts.keys(), ...restored.parts.keys()])) {
    if (archive.parts.get(part) !== restored.parts.get(part)) return `the rows of ${part} differ`;
  }
  const kept = (lines: readonly string[]) => (leftOut ? lines.filter((line) => !leftOut.test(line)) : lines);
  const [dumped, found] = [kept(archive.schema), kept(restored.schema)];
  const at = dumped.findIndex((line, index) => line !== found[index]);
  if (at < 0 && found.length === dumped.length) return undefined;
  const line = at < 0 ? dumped.length : at;
  return `the dump says ${shown(dumped[line])} where the restored database says ${shown(found[line])}`;
}

const shown = (line: string | undefined): string =>
  line === undefined ? "nothing more" : `"${line.length > 160 ? `${line.slice(0, 160)}…` : line}"`;
