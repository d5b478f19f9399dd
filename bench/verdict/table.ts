/** What a part of the bench hands back: a table in Markdown, and the figures that were promised. */
import type { Figure } from "../router-throughput.ts";

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note: string;
  readonly figures: readonly Figure[];
}

export const markdownOf = ({ title, head, rows, note }: Table): string =>
  [
    `### ${title}`,
    "",
    line(head),
    line(head.map((_, at) => (at === 0 ? "---" : "---:"))),
    ...rows.map(line),
    "",
    note,
    "",
  ].join("\n");

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** A share of runs in percent; of none, the bound that is 95 % sure (the rule of three). */
export function percent(share: number, runs: number): string {
  if (share === 0) return `0 (< ${((100 * 3) / runs).toPrecision(1)}) %`;
  return `${(100 * share).toFixed(share < 0.01 ? 2 : share < 0.1 ? 1 : 0)} %`;
}

export const whole = (value: number): string =>
  Number.isFinite(value) ? Math.round(value).toLocaleString("en-US") : "never";
