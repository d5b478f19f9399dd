/**
 * Markdown of Sluice's own reports as HTML for a mail: headings, lists, tables, code, paragraphs. Everything is escaped first, so that
 * what others wrote stays text; links and images are left as they are written.
 */
export function mailHtml(title: string, markdown: string): string {
  const style = "font-family:system-ui,sans-serif;font-size:15px;line-height:1.45;color:#1f2328;max-width:46rem";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title></head>
<body style="${style}">
${blocksOf(markdown.split(/\r?\n/)).join("\n")}
</body></html>
`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? "");

/** Each kind of block takes the lines it understands from the front. */
interface Kind {
  readonly begins: (line: string) => boolean;
  readonly goesOn: (line: string) => boolean;
  readonly html: (lines: readonly string[]) => string;
}

const fence = (line: string): boolean => line.startsWith("```");
const isRow = (line: string): boolean => line.startsWith("|");
const isItem = (line: string): boolean => line.startsWith("- ");
const isHeading = (line: string): boolean => /^#{1,3} /.test(line);
const isIndented = (line: string): boolean => line.startsWith("    ");
const isSpecial = (line: string): boolean =>
  line === "" || [fence, isRow, isItem, isHeading, isIndented].some((is) => is(line));

const kinds: readonly Kind[] = [
  { begins: isHeading, goesOn: () => false, html: ([line = ""]) => heading(line) },
  {
    begins: isItem,
    goesOn: isItem,
    html: (lines) => `<ul>${lines.map((line) => `<li>${inline(line.slice(2))}</li>`).join("")}</ul>`,
  },
  { begins: isRow, goesOn: isRow, html: tableOf },
  { begins: isIndented, goesOn: isIndented, html: (lines) => pre(lines.map((line) => line.slice(4))) },
  { begins: () => true, goesOn: (line) => !isSpecial(line), html: (lines) => `<p>${inline(lines.join(" "))}</p>` },
];

function blocksOf(lines: readonly string[]): readonly string[] {
  const blocks: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const { end, html } = blockAt(lines, at);
    blocks.push(...html);
    at = end;
  }
  return blocks;
}

function blockAt(lines: readonly string[], at: number): { readonly end: number; readonly html: readonly string[] } {
  const line = lines[at] ?? "";
  if (line === "") return { end: at + 1, html: [] };
  if (!fence(line)) return { end: endOf(lines, at), html: [kindOf(line).html(lines.slice(at, endOf(lines, at)))] };
  const closes = lines.findIndex((each, index) => index > at && fence(each));
  const last = closes === -1 ? lines.length : closes;
  return { end: last + 1, html: [pre(lines.slice(at + 1, last))] };
}

const kindOf = (line: string): Kind => kinds.find(({ begins }) => begins(line)) as Kind;

function endOf(lines: readonly string[], at: number): number {
  const { goesOn } = kindOf(lines[at] ?? "");
  const length = lines.slice(at + 1).findIndex((line) => !goesOn(line));
  return length === -1 ? lines.length : at + 1 + length;
}

function heading(line: string): string {
  const level = line.indexOf(" ");
  return `<h${level}>${inline(line.slice(level + 1))}</h${level}>`;
}

const pre = (lines: readonly string[]): string =>
  `<pre style="background:#f6f8fa;padding:8px;white-space:pre-wrap">${lines.map(escaped).join("\n")}</pre>`;

function tableOf(lines: readonly string[]): string {
  const rows = lines.filter((line) => !/^\|[\s:|-]+\|$/.test(line)).map((line) => line.split("|").slice(1, -1));
  const cell = (text: string) => `<td style="padding:2px 12px 2px 0">${inline(text.trim())}</td>`;
  return `<table>${rows.map((cells) => `<tr>${cells.map(cell).join("")}</tr>`).join("")}</table>`;
}

const inline = (text: string): string => escaped(text).replace(/`([^`]+)`/g, "<code>$1</code>");
