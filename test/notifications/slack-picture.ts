/**
 * A Slack message drawn as SVG, from its Block Kit alone: bold, mentions, emoji, two columns of fields, the small grey context. Widths
 * of letters are estimated, so a line may break elsewhere than in Slack. Emoji are shapes, so that they need no font.
 */
import { escaped } from "../../src/adapters/email/mail-html.ts";
import type { SlackBlock, SlackMessage } from "../../src/adapters/slack/slack-message.ts";

interface Style {
  readonly size: number;
  readonly colour: string;
}

interface Word {
  readonly text: string;
  readonly isBold: boolean;
  readonly isMention: boolean;
}

interface Drawn {
  readonly svg: string;
  readonly height: number;
}

const width = 720;
const left = 62;
const textWidth = width - left - 20;
const body: Style = { size: 15, colour: "#1d1c1d" };
const small: Style = { size: 13, colour: "#616061" };
const font = "Lato, 'Noto Sans', 'DejaVu Sans', system-ui, sans-serif";

export function slackPicture({ text, blocks }: SlackMessage, atMs: number): string {
  const drawn: string[] = [];
  let top = 36;
  for (const block of blocks) {
    const { svg, height } = blockAt(block, top);
    drawn.push(svg);
    top += height + 8;
  }
  const height = Math.round(top + 8);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${font}">
<title>${escaped(unescaped(text))}</title>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="#ffffff" stroke="#dddddd"/>
${header(atMs)}
${drawn.join("\n")}
</svg>
`;
}

function header(atMs: number): string {
  const time = new Date(atMs).toISOString().slice(11, 16);
  return [
    '<rect x="16" y="14" width="36" height="36" rx="6" fill="#1f6feb"/>',
    '<text x="34" y="39" font-size="20" font-weight="700" fill="#ffffff" text-anchor="middle">S</text>',
    `<text x="${left}" y="28" font-size="15" font-weight="700" fill="${body.colour}">Sluice</text>`,
    `<rect x="${left + 60}" y="17" width="30" height="14" rx="2" fill="#e8e8e8"/>`,
    `<text x="${left + 75}" y="28" font-size="10" font-weight="700" fill="${small.colour}" text-anchor="middle">APP</text>`,
    `<text x="${left + 99}" y="28" font-size="12" fill="${small.colour}">${time}</text>`,
  ].join("\n");
}

function blockAt(block: SlackBlock, top: number): Drawn {
  if (block.type === "context") {
    return textAt(block.elements.map(({ text }) => text).join(" "), { x: left, top, width: textWidth }, small);
  }
  return "fields" in block
    ? fieldsAt(
        block.fields.map(({ text }) => text),
        top,
      )
    : textAt(block.text.text, { x: left, top, width: textWidth }, body);
}

/** Two beside each other; a row is as high as the higher one. */
function fieldsAt(fields: readonly string[], top: number): Drawn {
  const column = textWidth / 2;
  const drawn: string[] = [];
  let height = 0;
  for (let at = 0; at < fields.length; at += 2) {
    const row = fields.slice(at, at + 2).map((text, index) => {
      return textAt(text, { x: left + index * column, top: top + height, width: column - 16 }, body);
    });
    drawn.push(...row.map(({ svg }) => svg));
    height += Math.max(...row.map((each) => each.height)) + 6;
  }
  return { svg: drawn.join("\n"), height: height - 6 };
}

interface Box {
  readonly x: number;
  readonly top: number;
  readonly width: number;
}

function textAt(mrkdwn: string, { x, top, width: most }: Box, style: Style): Drawn {
  const lineHeight = style.size * 1.46;
  const lines = mrkdwn.split("\n").flatMap((line) => wrapped(wordsOf(line), most, style));
  const drawn = lines.map(([first, ...rest], at) => {
    const y = Math.round(top + (at + 1) * lineHeight - style.size * 0.3);
    const icon = icons[first?.text ?? ""];
    const words = icon === undefined && first ? [first, ...rest] : rest;
    const spans = words.map(spanOf).join(" ");
    const text = `<text x="${icon === undefined ? x : x + 22}" y="${y}" font-size="${style.size}" fill="${style.colour}">${spans}</text>`;
    return icon === undefined ? text : `<g transform="translate(${x} ${y - 13})">${icon}</g>\n${text}`;
  });
  return { svg: drawn.join("\n"), height: lines.length * lineHeight };
}

function spanOf({ text, isBold, isMention }: Word): string {
  if (isMention) return `<tspan fill="#1264a3">${escaped(text)}</tspan>`;
  return isBold ? `<tspan font-weight="700">${escaped(text)}</tspan>` : escaped(text);
}

/** At the beginning of a line, in a square of 16. */
const icons: Readonly<Record<string, string>> = {
  ":rotating_light:":
    '<path d="M8 0v2M2 2l1.5 1.5M14 2l-1.5 1.5" stroke="#e01e5a" stroke-width="1.6" stroke-linecap="round"/><path d="M3.5 12V8.5a4.5 4.5 0 0 1 9 0V12z" fill="#e01e5a"/><rect x="1.5" y="12" width="13" height="3.5" rx="1" fill="#5b5b5b"/>',
  ":white_check_mark:":
    '<rect width="16" height="16" rx="3" fill="#2eb67d"/><path d="M3.8 8.4l2.9 3 5.5-6.6" fill="none" stroke="#ffffff" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>',
  ":warning:":
    '<path d="M8 1.2L15.2 14.4H0.8z" fill="#ecb22e" stroke="#ecb22e" stroke-width="1.6" stroke-linejoin="round"/><path d="M8 5.8v4M8 12.2v0.2" stroke="#1d1c1d" stroke-width="1.8" stroke-linecap="round"/>',
  ":information_source:":
    '<rect width="16" height="16" rx="3" fill="#3b82c4"/><path d="M8 7.2v4.8M8 4v0.2" stroke="#ffffff" stroke-width="2.2" stroke-linecap="round"/>',
};

/** Slack's own control sequences first: what is left of `<` is a mention of the configuration's, everything else is escaped. */
function wordsOf(line: string): readonly Word[] {
  return line.split(/(\*[^*\n]+\*)/).flatMap((part) => {
    const isBold = part.length > 2 && part.startsWith("*") && part.endsWith("*");
    const words = (isBold ? part.slice(1, -1) : part).split(" ").filter((text) => text !== "");
    return words.map((text): Word => {
      const mention = /^<(?:!subteam\^|@)(\w+)>$/.exec(text)?.[1];
      if (mention !== undefined) return { text: `@${mention}`, isBold, isMention: true };
      return { text: unescaped(text), isBold, isMention: false };
    });
  });
}

const unescaped = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

function wrapped(words: readonly Word[], most: number, { size }: Style): readonly (readonly Word[])[] {
  const lines: Word[][] = [[]];
  let used = 0;
  for (const word of words.flatMap((each) => inPieces(each, most, size))) {
    const wide = widthOf(word, size);
    if (used > 0 && used + wide > most) {
      lines.push([]);
      used = 0;
    }
    lines.at(-1)?.push(word);
    used += wide + size * 0.27;
  }
  return lines;
}

/** A word that is longer than a line, as an id or a path, is broken after a `-` or `/`, else anywhere. */
function inPieces(word: Word, most: number, size: number): readonly Word[] {
  const letters = Math.floor(most / (size * perLetter(word)));
  const pieces = word.text.match(new RegExp(`.{1,${letters}}$|.{1,${letters - 1}}[-/]|.{1,${letters}}`, "gu")) ?? [];
  return pieces.map((text) => ({ ...word, text }));
}

const perLetter = ({ isBold }: Word): number => (isBold ? 0.61 : 0.58);
const widthOf = (word: Word, size: number): number => word.text.length * size * perLetter(word);
