/** Text in columns: widths as a terminal counts them, cut and folded without breaking colours or wide characters. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what a colour begins with
const colour = /\u001b\[[0-9;]*m/y;
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** East Asian wide and fullwidth forms; emoji are asked separately. */
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const emoji = /^\p{Emoji_Presentation}|\ufe0f/u;
const invisible = /^[\p{M}\p{Cf}\p{Cc}]+$/u;

interface Piece {
  readonly text: string;
  readonly columns: number;
}

function* pieces(text: string): Generator<Piece> {
  let plainFrom = 0;
  for (let at = 0; at <= text.length; at++) {
    colour.lastIndex = at;
    const found = at < text.length ? colour.exec(text) : null;
    if (found === null && at < text.length) continue;
    for (const { segment } of segmenter.segment(text.slice(plainFrom, at)))
      yield { text: segment, columns: columnsOf(segment) };
    if (found === null) return;
    yield { text: found[0], columns: 0 };
    at += found[0].length - 1;
    plainFrom = at + 1;
  }
}

function columnsOf(grapheme: string): number {
  if (invisible.test(grapheme)) return 0;
  return wide.test(grapheme) || emoji.test(grapheme) ? 2 : 1;
}

/** Columns of one line; colours count nothing. */
export function widthOf(text: string): number {
  let sum = 0;
  for (const { columns } of pieces(text)) sum += columns;
  return sum;
}

/** At most `columns` wide, ending with `…` where something was cut; an open colour is closed. */
export function clip(text: string, columns: number): string {
  if (!Number.isFinite(columns) || widthOf(text) <= columns) return text;
  if (columns <= 0) return "";
  let kept = "";
  let left = columns - 1;
  for (const piece of pieces(text)) {
    if (piece.columns > left) break;
    kept += piece.text;
    left -= piece.columns;
  }
  return kept.includes("\u001b") ? `${kept}…\u001b[0m` : `${kept}…`;
}

export const padEnd = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(0, columns - widthOf(text)));
export const padStart = (text: string, columns: number): string =>
  " ".repeat(Math.max(0, columns - widthOf(text))) + text;

/** Folds at spaces; every line after the first begins with `indent`. A word longer than a line is left whole, for copying. */
export function fold(text: string, columns: number, indent = ""): readonly string[] {
  return text.split("\n").flatMap((paragraph, at) => foldLine(paragraph, columns, at === 0 ? "" : indent, indent));
}

function foldLine(text: string, columns: number, first: string, indent: string): readonly string[] {
  if (!Number.isFinite(columns)) return [first + text];
  const lines: string[] = [];
  const [head = "", ...words] = text.split(" ");
  let line = first + head;
  for (const word of words) {
    const fits = widthOf(line) + 1 + widthOf(word) <= columns;
    if (!fits) lines.push(line);
    line = fits ? `${line} ${word}` : indent + word;
  }
  return [...lines, line];
}

/** `head` and, beside it, the folded text. */
export function hanging(head: string, text: string, columns: number): readonly string[] {
  return fold(head + text, columns, " ".repeat(widthOf(head)));
}

/** Columns side by side, two spaces apart; what is too wide is cut at the end of its line, never wrapped. */
export function table(rows: readonly (readonly string[])[], columns: number, indent = ""): readonly string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, at) => Math.max(...rows.map((row) => widthOf(row[at] ?? ""))));
  return rows.map((row) =>
    clip(
      indent + row.map((cell, at) => (at === row.length - 1 ? cell : padEnd(cell, widths[at] ?? 0))).join("  "),
      columns,
    ).trimEnd(),
  );
}

export const plural = (count: number, word: string, many = `${word}s`): string =>
  `${number(count)} ${count === 1 ? word : many}`;

export const number = (count: number): string => count.toLocaleString("en-US");

/** `2026-11-20 22:51:09Z`: one time zone in all output. */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`;
