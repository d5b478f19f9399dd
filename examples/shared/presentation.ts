/** How a stream is printed on: its width, and whether it takes colours. Only on a terminal, and never under NO_COLOR. */
export interface Presentation {
  /** Characters in a line. */
  readonly width: number;
  readonly colour: boolean;
}

/** How to print on a stream: `presentationOf(process.stdout, process.env)`. */
export function presentationOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  environment: Readonly<Record<string, string | undefined>>,
): Presentation {
  const terminal = stream.isTTY === true;
  const plain = Boolean(environment.NO_COLOR) || environment.TERM === "dumb";
  return { width: (terminal && stream.columns) || 140, colour: terminal && !plain };
}

/** At blanks; a word that is longer than the line, such as a path, after its slashes, else anywhere. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [""];
  for (const piece of text.split(/(?<= )/).flatMap((word) => broken(word, width))) {
    const last = lines.length - 1;
    const joined = `${lines[last] ?? ""}${piece}`;
    if (joined.trimEnd().length <= width) lines[last] = joined;
    else lines.push(piece);
  }
  return lines.map((line) => line.trimEnd());
}

function broken(word: string, width: number): readonly string[] {
  if (word.trimEnd().length <= width) return [word];
  return word.split(/(?<=\/)/).flatMap((part) => part.match(new RegExp(`.{1,${width}}`, "g")) ?? []);
}
