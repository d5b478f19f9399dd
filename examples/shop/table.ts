/**
 * The demo's last word: one row a release, columns aligned, long reasons wrapped to the terminal's width. Colour only
 * on a terminal and never under NO_COLOR; a file or a pipe gets plain text.
 */
import pc from "picocolors";
import type { Outcome } from "../../src/domain/outcome.ts";
import { type Presentation, wrap } from "../shared/presentation.ts";

export interface DemoRow {
  readonly release: string;
  readonly outcome: Outcome;
  /** Did it end as it should? The demo passes when all rows did. */
  readonly asExpected: boolean;
  readonly why: string;
  /** From the first request that reached the candidate, or the step's begin, to the decision; undefined: nothing to detect. */
  readonly detectMs?: number | undefined;
  readonly served: number;
  readonly failed: number;
  readonly failedBySluice: number;
  /** Path of the deployment's records, relative to where the demo was started. */
  readonly records: string;
}

type Paint = (text: string) => string;

interface Column {
  readonly title: readonly string[];
  readonly align: "left" | "right";
  readonly text: (row: DemoRow) => string;
  readonly paint: (row: DemoRow, colours: typeof pc) => Paint;
}

const plain = (): Paint => (text) => text;
const left = { align: "left", paint: plain } as const;
const right = { align: "right", paint: plain } as const;

const columns: readonly Column[] = [
  { ...left, title: ["release"], text: (row) => row.release, paint: (_, colours) => colours.bold },
  { ...left, title: ["outcome"], text: (row) => row.outcome, paint: outcomePaint },
  { ...left, title: ["why"], text: (row) => row.why },
  { ...right, title: ["time to", "detect"], text: (row) => duration(row.detectMs) },
  { ...right, title: ["requests", "served"], text: (row) => whole(row.served) },
  { ...right, title: ["failed"], text: (row) => whole(row.failed) },
  {
    ...right,
    title: ["failed by", "Sluice"],
    text: (row) => whole(row.failedBySluice),
    paint: (row, colours) => (row.failedBySluice === 0 ? colours.green : colours.red),
  },
  { ...left, title: ["records"], text: (row) => row.records, paint: (_, colours) => colours.dim },
];

const gap = "  ";
const readable = 24;
const narrowest = 16;

/** The table and below it the sums, ending with a line break. */
export function renderTable(rows: readonly DemoRow[], { width, colour }: Presentation): string {
  const colours = pc.createColors(colour) as typeof pc;
  const widths = columnWidths(rows, width);
  const heading = cellLines(
    columns.map((column) => column.title),
    widths,
    () => colours.dim,
  );
  const rule = colours.dim(widths.map((each) => "─".repeat(each)).join(gap));
  const body = rows.flatMap((row) => {
    const cells = columns.map((column, index) => wrap(column.text(row), widths[index] ?? 0));
    return cellLines(cells, widths, (column) => column.paint(row, colours));
  });
  return `${[...heading, rule, ...body, rule, totals(rows, colours)].join("\n")}\n`;
}

/** Everything ended as it should, and Sluice lost nothing. */
export const demoPassed = (rows: readonly DemoRow[]): boolean =>
  rows.length > 0 && rows.every((row) => row.asExpected && row.failedBySluice === 0);

function totals(rows: readonly DemoRow[], colours: typeof pc): string {
  const sum = (pick: (row: DemoRow) => number) => rows.reduce((total, row) => total + pick(row), 0);
  const lost = sum((row) => row.failedBySluice);
  const verdict = `${whole(lost)} because of Sluice (must be 0)`;
  const unexpected = rows.filter((row) => !row.asExpected).map((row) => row.release);
  const surprise = unexpected.length === 0 ? "" : colours.red(` Not as expected: ${unexpected.join(", ")}.`);
  const counted = `${whole(sum((row) => row.served))} requests served, ${whole(sum((row) => row.failed))} failed`;
  return `${counted}, ${lost === 0 ? colours.green(verdict) : colours.red(verdict)}.${surprise}`;
}

function columnWidths(rows: readonly DemoRow[], width: number): readonly number[] {
  const natural = columns.map((column) =>
    Math.max(...[...column.title, ...rows.map(column.text)].map((text) => text.length)),
  );
  const [whyIndex, recordsIndex] = [columns.findIndex(isWhy), columns.length - 1];
  const [why, records] = [natural[whyIndex] ?? 0, natural[recordsIndex] ?? 0];
  const fixed = natural.reduce((sum, each) => sum + each, 0) - why - records;
  const free = width - fixed - gap.length * (columns.length - 1);
  // A path in one piece can be copied; it is broken only where the reason would be left too narrow to read.
  const unbroken = free - records >= readable;
  const whyWidth = Math.max(narrowest, Math.min(why, unbroken ? free - records : Math.floor((free * 2) / 3)));
  const recordsWidth = Math.max(narrowest, Math.min(records, free - whyWidth));
  return natural.map((each, index) => (index === whyIndex ? whyWidth : index === recordsIndex ? recordsWidth : each));
}

const isWhy = (column: Column): boolean => column.title[0] === "why";

/** The lines of one row whose cells may have several lines each; painted after padding, so colours take no room. */
function cellLines(
  cells: readonly (readonly string[])[],
  widths: readonly number[],
  paintOf: (column: Column) => Paint,
): readonly string[] {
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) => {
    const texts = columns.map((column, index) => {
      const text = cells[index]?.[line] ?? "";
      const padding = " ".repeat(Math.max(0, (widths[index] ?? 0) - text.length));
      const painted = text === "" ? "" : paintOf(column)(text);
      return column.align === "left" ? painted + padding : padding + painted;
    });
    return texts.join(gap).trimEnd();
  });
}

function outcomePaint(row: DemoRow, colours: typeof pc): Paint {
  if (!row.asExpected) return colours.red;
  return row.outcome === "succeeded" ? colours.green : colours.yellow;
}

const whole = (count: number): string => count.toLocaleString("en-GB");

function duration(ms: number | undefined): string {
  if (ms === undefined) return "–";
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
