/** A typed word before something that cannot be taken back. Without a terminal nobody is asked: the word is an option. */
import { createInterface } from "node:readline/promises";
import type { ErrorCode } from "../domain/error-codes.ts";
import { SluiceError } from "../domain/errors.ts";

export interface Confirmation {
  readonly word: string;
  /** From `--confirm`. */
  readonly given: string | undefined;
  readonly code: ErrorCode;
  /** The whole command with the word. */
  readonly command: string;
}

export async function confirm({ word, given, code, command }: Confirmation): Promise<void> {
  const typed = given ?? (await asked(word));
  if (typed === word) return;
  throw new SluiceError({
    code,
    remedy: "operator",
    at: "cli.confirm",
    message: `The word ${word} ${typed === undefined ? "was not given" : "is not what was typed"}.`,
    hint: `Nothing was touched: ${command}`,
  });
}

async function asked(word: string): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await prompt.question(`Type ${word} to go on: `);
  } finally {
    prompt.close();
  }
}
