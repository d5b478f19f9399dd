/** Examples under a command's help: one or two lines that work as they stand. */
export const examples = (...lines: readonly string[]): string =>
  `\nFor example:\n${lines.map((line) => `  ${line}`).join("\n")}`;
