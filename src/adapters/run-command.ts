/**
 * The one place where adapters run a program: argv without a shell, a closed environment, its own process group, bounded
 * memory, and an end that was waited for. A secret goes into the child's environment and nowhere else: it is refused in
 * argv and taken out of every line before anyone sees it.
 */
import { constants } from "node:os";
// Read here and nowhere else in the adapters: a child needs PATH and its like, and what is inherited is named.
import { env as ownEnvironment } from "node:process";
import type { Readable } from "node:stream";
import { execa, type Options } from "execa";
import type { ErrorCode } from "../domain/error-codes.ts";
import { SluiceError } from "../domain/errors.ts";
import { Secret } from "../domain/secret.ts";
import { type Redact, redactor } from "./redact.ts";

export type CommandEnvironment = Readonly<Record<string, string | Secret>>;

export interface CommandRequest {
  /** Program and arguments. Nothing is interpreted; a secret in it is refused. */
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** The only environment besides PATH, HOME, LANG, TMPDIR and what `inheritEnv` names. */
  readonly env?: CommandEnvironment;
  readonly inheritEnv?: readonly string[];
  /** After this long the whole process group gets SIGTERM, and SIGKILL five seconds later. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
  /** Every line as it is printed, free of secrets. A line longer than 64 KB comes in pieces. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** Given on standard input, which is empty otherwise. */
  readonly input?: string | Uint8Array | Readable;
}

export interface CommandResult {
  /** As a shell reports it: 128 + number for a signal, 124 when `timeoutMs` passed. */
  readonly exitCode: number;
  readonly timedOut: boolean;
  /** The last 50 lines, at most 8 KB, free of secrets. */
  readonly stdoutTail: string;
  readonly stderrTail: string;
  readonly tookMs: number;
}

const alwaysInherited = ["PATH", "HOME", "LANG", "TMPDIR"] as const;
const killAfterMs = 5_000;
const longestLine = 65_536;
const tailLines = 50;
const tailCharacters = 8_192;
const timedOutExitCode = 124;

/** Named variables of our own environment, those that are set. */
export function inheritedEnvironment(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (ownEnvironment[name] === undefined ? [] : [[name, ownEnvironment[name]]])),
  );
}

/** The end of a text as evidence: at most `lines` lines and 8 KB. */
export function tailOf(text: string, lines = tailLines): string {
  return text.trimEnd().split("\n").slice(-lines).join("\n").slice(-tailCharacters);
}

/**
 * Runs a command to its end. Whatever exit code it has is a result, not an error.
 * Errors: COMMAND_FAILED when the program cannot be started at all; the signal's reason when it was aborted, thrown only
 * after the process group has ended.
 */
export async function runCommand(request: CommandRequest): Promise<CommandResult> {
  const { signal } = request;
  signal.throwIfAborted();
  refuseSecretsInArguments(request);
  const redact = redactor(Object.values(request.env ?? {}));
  const startedAt = performance.now();
  const child = execa(request.argv[0] ?? "", request.argv.slice(1), optionsOf(request));
  const stdout = followLines(child.stdout, redact, (line) => request.onLine?.(line, "stdout"));
  const stderr = followLines(child.stderr, redact, (line) => request.onLine?.(line, "stderr"));

  const timeout = request.timeoutMs === undefined ? undefined : AbortSignal.timeout(request.timeoutMs);
  const stopping = AbortSignal.any([signal, ...(timeout ? [timeout] : [])]);
  const release = endGroupOn(stopping, child.pid, [child.stdout, child.stderr]);
  const result = await child.finally(release);

  signal.throwIfAborted();
  if (child.pid === undefined) throw cannotStart(request, result.cause);
  const timedOut = timeout?.aborted === true;
  return {
    exitCode: timedOut ? timedOutExitCode : exitCodeOf(result),
    timedOut,
    stdoutTail: stdout(),
    stderrTail: stderr(),
    tookMs: Math.round(performance.now() - startedAt),
  };
}

/** Like `runCommand`, but an exit code other than 0 is an error of `code` with the last lines as evidence. */
export async function checkedCommand(
  request: CommandRequest,
  failure: { readonly code: ErrorCode; readonly at: string; readonly what: string; readonly hint: string },
): Promise<CommandResult> {
  const result = await runCommand(request);
  if (result.exitCode === 0) return result;
  const how = result.timedOut ? `took longer than ${request.timeoutMs} ms` : `ended with exit code ${result.exitCode}`;
  throw new SluiceError({
    code: failure.code,
    remedy: "operator",
    at: failure.at,
    message: `${failure.what}: ${commandName(request)} ${how}.`,
    hint: failure.hint,
    evidence: tailOf(`${result.stdoutTail}\n${result.stderrTail}`.trim()),
  });
}

function optionsOf(request: CommandRequest) {
  const env = Object.entries(request.env ?? {}).map(([name, value]) => [
    name,
    value instanceof Secret ? value.reveal() : value,
  ]);
  return {
    env: { ...inheritedEnvironment([...alwaysInherited, ...(request.inheritEnv ?? [])]), ...Object.fromEntries(env) },
    extendEnv: false,
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    ...inputOf(request.input),
    stdout: "pipe",
    stderr: "pipe",
    buffer: false,
    reject: false,
    // Its own group, so that what it started ends with it.
    detached: true,
    cleanup: false,
  } satisfies Options;
}

function inputOf(input: CommandRequest["input"]): Options {
  if (input === undefined) return { stdin: "ignore" };
  return typeof input === "string" || input instanceof Uint8Array ? { input } : { input };
}

/** Hands complete, redacted lines on and keeps the last ones; the returned function yields the tail. */
function followLines(
  stream: Readable | null | undefined,
  redact: Redact,
  onLine: (line: string) => void,
): () => string {
  const kept: string[] = [];
  let rest = "";
  const take = (line: string) => {
    const shown = redact(line.endsWith("\r") ? line.slice(0, -1) : line);
    kept.push(shown);
    if (kept.length > tailLines) kept.shift();
    onLine(shown);
  };
  stream?.setEncoding("utf8");
  stream?.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
    if (rest.length < longestLine) return;
    take(rest);
    rest = "";
  });
  stream?.on("end", () => {
    if (rest !== "") take(rest);
  });
  return () => tailOf(kept.join("\n"));
}

/** Ends the group when `stopping` is aborted; the returned function lets go of everything. */
function endGroupOn(
  stopping: AbortSignal,
  pid: number | undefined,
  outputs: readonly (Readable | null | undefined)[],
): () => void {
  let killing: AbortSignal | undefined;
  const kill = () => {
    signalGroup(pid, "SIGKILL");
    // A grandchild that left the group may still hold the pipes; it must not hold us.
    for (const output of outputs) output?.destroy();
  };
  const terminate = () => {
    signalGroup(pid, "SIGTERM");
    killing = AbortSignal.timeout(killAfterMs);
    killing.addEventListener("abort", kill, { once: true });
  };
  if (stopping.aborted) terminate();
  else stopping.addEventListener("abort", terminate, { once: true });
  return () => {
    stopping.removeEventListener("abort", terminate);
    killing?.removeEventListener("abort", kill);
    // What the command left behind in its group after an abort ends as well.
    if (stopping.aborted) signalGroup(pid, "SIGKILL");
  };
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function exitCodeOf(result: {
  readonly exitCode?: number | undefined;
  readonly signal?: NodeJS.Signals | undefined;
}): number {
  if (result.exitCode !== undefined) return result.exitCode;
  return 128 + (result.signal === undefined ? 0 : constants.signals[result.signal]);
}

function refuseSecretsInArguments(request: CommandRequest): void {
  for (const value of Object.values(request.env ?? {})) {
    if (!(value instanceof Secret) || !request.argv.some((argument) => holds(argument, value))) continue;
    throw new SluiceError({
      code: "INTERNAL",
      remedy: "bug",
      at: "adapters.run-command",
      message: `The secret ${value.name} is an argument of ${commandName(request)}, where every user of the machine can read it.`,
      hint: `Refer to it by its environment variable in the command, then check with: sluice validate`,
    });
  }
}

const holds = (argument: string, secret: Secret): boolean =>
  secret.reveal().length > 3 && argument.includes(secret.reveal());

const commandName = (request: CommandRequest): string => `"${request.argv[0] ?? ""}"`;

function cannotStart(request: CommandRequest, cause: unknown): SluiceError {
  const reason = (cause as NodeJS.ErrnoException | undefined)?.code ?? "unknown reason";
  const place = request.cwd === undefined ? "" : ` in ${request.cwd}`;
  return new SluiceError({
    code: "COMMAND_FAILED",
    remedy: "operator",
    at: "adapters.run-command",
    message: `The program ${commandName(request)} cannot be started${place} (${reason}).`,
    hint: `Install it or correct its name; look for it with: command -v ${request.argv[0] ?? ""}`,
  });
}
