/** Figures of whole processes, measured from outside: median and spread of wall times, and the line that tells them. */
import type { Figure } from "./router-throughput.ts";

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
};

/** Prints the figures; a broken promise is exit code 1. */
export function report(bench: string, figures: readonly Figure[], json: boolean): void {
  const broken = figures.filter(({ value, limit }) => limit !== undefined && !(value <= limit));
  if (json) console.log(JSON.stringify({ bench, node: process.version, ok: broken.length === 0, figures }));
  else for (const figure of figures) console.log(lineOf(figure));
  if (broken.length > 0) process.exitCode = 1;
}

function lineOf({ what, value, unit, limit }: Figure): string {
  const promise = limit === undefined ? "" : `  (at most ${limit}: ${value <= limit ? "kept" : "BROKEN"})`;
  return `${what.padEnd(62)} ${value.toFixed(value < 10 ? 3 : 0).padStart(9)} ${unit}${promise}`.trimEnd();
}
