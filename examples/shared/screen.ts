/**
 * What an example prints: a heading an act, a sentence, the commands as they are typed and what they print, and on a
 * terminal one live line at the bottom. A pipe gets the same text without colours and without the live line.
 */
import pc from "picocolors";
import { type Presentation, wrap } from "./presentation.ts";

export interface Screen {
  readonly presentation: Presentation;
  heading(title: string, subtitle: string): void;
  /** A sentence of the example itself. */
  say(text: string): void;
  command(words: readonly string[]): void;
  /** A line of a command's output. */
  output(line: string): void;
  good(text: string): void;
  bad(text: string): void;
  /** As it is, e.g. a table. */
  print(text: string): void;
  /** Replaces the live line; undefined removes it. */
  live(text: string | undefined): void;
}

const textWidth = 100;

export function openScreen(stream: NodeJS.WriteStream, presentation: Presentation): Screen {
  const { colour, width } = presentation;
  const colours = pc.createColors(colour);
  let drawn = "";
  const erase = () => {
    if (drawn !== "") stream.write("\r\u001b[2K");
  };
  const line = (text: string) => {
    erase();
    stream.write(`${text}\n`);
    stream.write(drawn);
  };
  const paragraph = (text: string, glyph = "") => {
    const lines = wrap(text, Math.min(width, textWidth) - 4);
    for (const [index, each] of lines.entries()) line(`  ${index === 0 ? glyph : glyph && "  "}${each}`);
  };
  return {
    presentation,
    heading(title, subtitle) {
      const rule = "─".repeat(Math.max(3, Math.min(width, textWidth) - title.length - subtitle.length - 6));
      line("");
      line(`${colours.dim("──")} ${colours.bold(title)}  ${subtitle} ${colours.dim(rule)}`);
    },
    say: (text) => paragraph(text),
    command: (words) => line(`  ${colours.dim("$")} ${colours.bold(`sluice ${words.join(" ")}`)}`),
    output: (text) => line(text === "" ? `  ${colours.dim("│")}` : `  ${colours.dim("│")} ${text}`),
    good: (text) => paragraph(text, `${colours.green("✓")} `),
    bad: (text) => paragraph(text, `${colours.red("✗")} `),
    print: (text) => line(text.trimEnd()),
    live(text) {
      if (!colour) return;
      erase();
      drawn = text === undefined ? "" : colours.dim(text.slice(0, width - 1));
      stream.write(drawn);
    },
  };
}
