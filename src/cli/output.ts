/**
 * The command line's contract on output: results on stdout, progress on stderr, `--json` as one object per line, failures too,
 * and the last line is the next command to run.
 */
import pc from "picocolors";
import { type Failure, failureOf } from "../domain/errors.ts";
import { asJson, type Json } from "../domain/json.ts";
import { exitCodeOfFailure } from "../domain/outcome.ts";
import type { Redactor } from "../domain/redactor.ts";
import { stripControl } from "../domain/redactor.ts";

export interface Streams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
}

export interface Output {
  readonly json: boolean;
  /** Somebody watches: cursor movements and colours are welcome on stderr. */
  readonly live: boolean;
  readonly columns: number;
  /** The command's result: the object with `--json`, else the text. */
  result(value: unknown, text: string): void;
  /** One of a stream of objects; text only where it is progress for people. */
  event(value: unknown, text: string | undefined): void;
  /** For people only: nothing with `--json`. */
  progress(text: string): void;
  /** Without a line break, for redrawing; only when `live`. */
  draw(text: string): void;
  /** The last line. */
  next(command: string): void;
  failure(failure: Failure): void;
  /** Secrets known from now on never leave. */
  redactWith(redactor: Redactor): void;
}

export function openOutput(options: { readonly json: boolean; readonly color: boolean }, streams: Streams = process): Output {
  let redact = (text: string): string => text;
  let redactJson = (value: Json): Json => value;
  const out = (text: string) => void streams.stdout.write(`${redact(text)}\n`);
  const err = (text: string) => void streams.stderr.write(`${redact(text)}\n`);
  const line = (value: unknown) => out(JSON.stringify(redactJson(asJson(value))));
  const { json } = options;
  return {
    json,
    live: !json && streams.stderr.isTTY === true && options.color,
    columns: streams.stderr.columns ?? 100,
    result: (value, text) => (json ? line(value) : out(text)),
    event(value, text) {
      if (json) line(value);
      else if (text !== undefined) err(text);
    },
    progress(text) {
      if (!json) err(text);
    },
    draw: (text) => void streams.stderr.write(redact(text)),
    next(command) {
      if (json) return;
      err(`${paint.dim("next:")} ${command}`);
    },
    failure(failure) {
      if (json) line({ error: failure });
      else for (const text of failureLines(failure)) err(text);
    },
    redactWith(redactor) {
      redact = (text) => redactor.text(text);
      redactJson = (value) => redactor.json(value);
    },
  };
}

export const paint = pc.createColors(pc.isColorSupported);

function failureLines({ code, message, hint, evidence }: Failure): readonly string[] {
  const tail = evidence ? ["", ...stripControl(evidence).trimEnd().split("\n").slice(-20).map((text) => paint.dim(`  │ ${text}`)), ""] : [];
  return [`${paint.red("✗")} ${stripControl(message)} ${paint.dim(`(${code})`)}`, ...tail, `  ${stripControl(hint)}`];
}

/** What ended a command, told once, and the exit code it has. */
export function failWith(output: Output, thrown: unknown): number {
  const failure = failureOf(thrown, "cli");
  output.failure(failure);
  return exitCodeOfFailure(failure.code);
}
