/**
 * The command line's contract on output: results on stdout, progress on stderr, `--json` as one object per line, failures too,
 * and the last line is the next command to run. No colour and no cursor movement where nobody watches.
 */
import { stripVTControlCharacters } from "node:util";
import pc from "picocolors";
import { type Failure, failureOf } from "../domain/errors.ts";
import { asJson, type Json } from "../domain/json.ts";
import { exitCodeOfFailure } from "../domain/outcome.ts";
import { type Redactor, stripControl } from "../domain/redactor.ts";
import { fold } from "./render/text.ts";

export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  on?(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
}

export interface Streams {
  readonly stdout: Stream;
  readonly stderr: Stream;
}

export interface Output {
  readonly json: boolean;
  /** Somebody watches stderr: a line may be redrawn. */
  readonly live: boolean;
  /** Of stderr and stdout; infinite where nobody watches: what is read later is not cut. */
  readonly columns: () => number;
  readonly resultColumns: () => number;
  /** Stdout is a terminal: a screen may be redrawn. */
  readonly screen: boolean;
  /** Aborted when whoever read stdout has gone (`| head`). */
  readonly readerGone: AbortSignal;
  /** The command's result: the object with `--json`, else the text. One of several where results come as a stream. */
  result(value: unknown, text: string): void;
  /** One of a stream of objects; text only where it is progress for people. */
  event(value: unknown, text: string | undefined): void;
  /** For people only: nothing with `--json`. */
  progress(text: string): void;
  /** Without a line break, for redrawing; only when `live`. */
  draw(text: string): void;
  /** The last line. */
  next(command: string): void;
  failure(failure: Failure, more?: Readonly<Record<string, unknown>>): void;
  /** Secrets known from now on never leave. */
  redactWith(redactor: Redactor): void;
}

const environment = process.env;
const forced = environment["FORCE_COLOR"] !== undefined && environment["FORCE_COLOR"] !== "0";
/** An empty NO_COLOR counts as unset (no-color.org). */
const unwanted = Boolean(environment["NO_COLOR"]) || environment["TERM"] === "dumb";

/** Always paints unless NO_COLOR says no; a stream that is no terminal takes the paint off again. */
export const paint = pc.createColors(!unwanted);

export function openOutput(options: { readonly json: boolean }, streams: Streams = process): Output {
  const { json } = options;
  const { stdout, stderr } = streams;
  const gone = new AbortController();
  let redact = (text: string): string => text;
  let redactJson = (value: Json): Json => value;
  const writer = (stream: Stream) => {
    const plain = stream.isTTY !== true && !forced;
    stream.on?.("error", (error) => {
      if (error.code !== "EPIPE") throw error;
      if (stream === stdout) gone.abort();
    });
    return (text: string) => void stream.write(plain ? stripVTControlCharacters(redact(text)) : redact(text));
  };
  const out = writer(stdout);
  const err = writer(stderr);
  const line = (value: unknown) => out(`${JSON.stringify(redactJson(asJson(value)))}\n`);
  const columnsOf = (stream: Stream) => () =>
    stream.isTTY === true ? (stream.columns ?? 80) : Number.POSITIVE_INFINITY;
  const columns = columnsOf(stderr);
  const movable = environment["TERM"] !== "dumb";
  return {
    json,
    live: !json && movable && stderr.isTTY === true,
    screen: !json && movable && stdout.isTTY === true,
    columns,
    resultColumns: columnsOf(stdout),
    readerGone: gone.signal,
    result: (value, text) => (json ? line(value) : out(`${text}\n`)),
    event(value, text) {
      if (json) line(value);
      else if (text !== undefined) err(`${text}\n`);
    },
    progress(text) {
      if (!json) err(`${text}\n`);
    },
    draw: (text) => err(text),
    next(command) {
      if (!json) err(`${paint.dim("next:")} ${command}\n`);
    },
    failure(failure, more = {}) {
      if (json) line({ error: { ...failure, ...more } });
      else for (const text of failureLines(failure, columns())) err(`${text}\n`);
    },
    redactWith(redactor) {
      redact = (text) => redactor.text(text);
      redactJson = (value) => redactor.json(value);
    },
  };
}

export function failureLines({ code, message, hint, evidence }: Failure, columns: number): readonly string[] {
  const shown = evidence ? stripControl(evidence).trimEnd().split("\n").slice(-20) : [];
  const tail = shown.length > 0 ? ["", ...shown.map((text) => paint.dim(`  │ ${text}`)), ""] : [];
  const head = fold(`${stripControl(message)} ${paint.dim(`(${code})`)}`, columns - 2, "  ");
  return [`${paint.red("✗")} ${head.join("\n")}`, ...tail, ...fold(`  ${stripControl(hint)}`, columns, "  ")];
}

/** What ended a command, told once, and the exit code it has. */
export function failWith(output: Output, thrown: unknown): number {
  const failure = failureOf(thrown, "cli");
  const { faults } = thrown as { readonly faults?: unknown };
  output.failure(failure, faults === undefined ? {} : { faults });
  return exitCodeOfFailure(failure.code);
}
