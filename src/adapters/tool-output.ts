/**
 * What a database's tool prints, as bytes. They end only after the tool exited 0: a killed pg_dump whose output looks whole is
 * the first lie of the copied recipe. No shell and no pipe between processes that nobody watches.
 */
import { Readable } from "node:stream";
import { execa } from "execa";
import type { SluiceError } from "../domain/errors.ts";
import { Secret } from "../domain/secret.ts";
import { redactor } from "./redact.ts";
import { type CommandEnvironment, tailOf } from "./run-command.ts";
import { type WatchedBytes, watchedBytes } from "./watched-bytes.ts";

export interface ToolRequest {
  readonly argv: readonly string[];
  readonly env: CommandEnvironment;
  readonly signal: AbortSignal;
  readonly cwd?: string;
  /** A command of the user's may start others, which end with it. */
  readonly withChildren?: true;
  /** Given on standard input, which is empty otherwise. What goes wrong at its source is thrown as it is. */
  readonly input?: AsyncIterable<Uint8Array>;
  readonly fault: (reason: string, evidence: string) => SluiceError;
}

export async function* outputOf(request: ToolRequest): AsyncGenerator<Uint8Array> {
  const { argv, signal } = request;
  const source = request.input && watched(request.input, signal);
  const child = execa(argv[0] ?? "", argv.slice(1), {
    env: revealed(request.env),
    extendEnv: false,
    ...(source ? { input: Readable.from(source.bytes(), { objectMode: false }) } : { stdin: "ignore" as const }),
    stdout: "pipe",
    stderr: "pipe",
    buffer: false,
    reject: false,
    cancelSignal: signal,
    detached: request.withChildren === true,
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
  });
  const endAll = () => {
    if (request.withChildren) endGroup(child.pid);
    child.kill();
    // One that left the group may still hold the pipe; it must not hold us.
    child.stdout.destroy();
  };
  signal.addEventListener("abort", endAll, { once: true });
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-16_384);
  });
  try {
    for await (const chunk of child.stdout) yield chunk;
    const result = await child;
    signal.throwIfAborted();
    const broken = source?.broken();
    if (broken) throw broken.error;
    if (result.exitCode === 0) return;
    const how = result.signal === undefined ? `exit code ${result.exitCode}` : `signal ${result.signal}`;
    const secrets = Object.values(request.env).filter((value) => value instanceof Secret);
    throw request.fault(how, tailOf(redactor(secrets)(words)));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    // Also when the reader stops early: without this the tool would hold its locks until its pipe breaks.
    signal.removeEventListener("abort", endAll);
    endAll();
    await child;
  }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGTERM");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const revealed = (environment: CommandEnvironment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
  );

/** As `watchedBytes`, and let go of when the signal is aborted. */
export const watched = (bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): WatchedBytes =>
  watchedBytes(untilAborted(bytes, signal));

/** A source that hangs must not hold up an abort: it is let go of, not waited for. */
async function* untilAborted(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const source = bytes[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const next = await Promise.race([source.next(), aborted.promise]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    source.return?.().catch(() => undefined);
  }
}
