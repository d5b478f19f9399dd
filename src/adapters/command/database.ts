/**
 * Anything that has commands: one prints the backup, one may restore it. Nobody here can read what they print, so a backup is
 * stored, and restored where there is a command for that, and never called more. A dump counts only when its command exited 0
 * and printed something.
 */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import type { ProofCheck, ProofLimit } from "../../domain/backup.ts";
import { humanDuration } from "../../domain/duration.ts";
import type { ErrorCode } from "../../domain/error-codes.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { Database, DatabaseFacts, Dump, Rehearsal, RehearsalRequest } from "../../ports/database.ts";
import { holdFileDataLock } from "../file-data-lock.ts";
import { printsDump, shellQuoted } from "../restore-command.ts";
import { type CommandEnvironment, type CommandResult, inheritedEnvironment, runCommand } from "../run-command.ts";
import { outputOf, watched } from "../tool-output.ts";

export interface CommandDatabaseOptions {
  readonly name: string;
  /** Exit code 0: it answers. */
  readonly ping: readonly string[];
  /** What it prints is the backup. */
  readonly dump: readonly string[];
  /** Reads the backup from its standard input; `{into}` is the place, which it must refuse where it exists. */
  readonly restore: readonly string[] | null;
  /** Looks at what was restored into `{into}`. */
  readonly check: readonly string[] | null;
  /** Removes a scratch place, `{into}`. */
  readonly drop: readonly string[] | null;
  /** With dot. */
  readonly extension: string;
  readonly environment: CommandEnvironment;
  readonly timeoutMs: number;
  readonly cwd: string;
  /** Absolute. Whoever uses the same one excludes each other. */
  readonly lockFolder: string;
  readonly proofLimit: ProofLimit;
}

const format = "command";
/** One word, and no option of a command. */
const plainPlace = /^[A-Za-z0-9_/.][\w./-]{0,199}$/;
export const cannotSwap = "a database by commands has none that swaps";

export function commandDatabase(options: CommandDatabaseOptions): Database {
  const { name } = options;
  return {
    kind: "command",
    name,
    proofLimit: options.proofLimit,
    cannotSwap,
    exclusively: async (claim, signal, body) => {
      signal.throwIfAborted();
      const folder = options.lockFolder;
      await mkdir(dirname(folder), { recursive: true });
      return holdFileDataLock({ name, what: `the locks of ${name}`, folder }, claim, signal, body);
    },
    beside: (suffix) => `${name}_${suffix}`,
    swapIn: async () => {
      throw failure(options, "RESTORE_FAILED", `Nothing was swapped: ${cannotSwap}`);
    },
    writtenSince: async () => null,
    facts: (signal) => askedFacts(options, signal),
    tools: async () =>
      `${name} by ${options.dump[0] ?? ""}, at most ${options.proofLimit.level}: ${options.proofLimit.because}`,
    dump: async (signal) => dump(options, signal),
    async readBack(given, bytes) {
      requireFormat(options, given);
      for await (const _ of bytes);
      return { parts: new Map(), schema: [] };
    },
    async restore(given, bytes, into, signal) {
      requireFormat(options, given);
      await restoreInto(options, bytes, into, signal);
      return { ...nothingKnown(options), name: into };
    },
    rehearse: (request, signal) => rehearse(options, request, signal),
    restoreCommands: (_format, storedAt, into, endpoint) => restoreCommands(options, storedAt, into, endpoint),
  };
}

/** What no command tells is not made up: no tables, no size. */
const nothingKnown = ({ name }: CommandDatabaseOptions): DatabaseFacts => ({
  ...{ kind: "command", name, serverVersion: "unknown", sizeBytes: 0, tables: [] },
});

async function askedFacts(options: CommandDatabaseOptions, signal: AbortSignal): Promise<DatabaseFacts> {
  const result = await run(options, options.ping, signal);
  if (result.exitCode === 0) return nothingKnown(options);
  throw failure(
    options,
    "DATABASE_UNREACHABLE",
    `It does not answer: ${endOf(options.ping, result)}`,
    result.stderrTail,
  );
}

function dump(options: CommandDatabaseOptions, signal: AbortSignal): Dump {
  signal.throwIfAborted();
  const bytes = printed(options, signal);
  return { facts: nothingKnown(options), snapshot: null, format, extension: options.extension, bytes };
}

async function* printed(options: CommandDatabaseOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { cwd, environment, timeoutMs } = options;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const failed = (how: string, evidence = "") => failure(options, "BACKUP_FAILED", `Its dump failed: ${how}`, evidence);
  let sizeBytes = 0;
  try {
    const output = outputOf({
      ...{ argv: options.dump, cwd, withChildren: true, signal: limited },
      env: { ...inheritedEnvironment(["PATH", "HOME", "LANG", "TMPDIR"]), ...environment },
      fault: (how, evidence) => failed(`"${options.dump[0] ?? ""}" ended with ${how}`, evidence),
    });
    for await (const chunk of output) {
      sizeBytes += chunk.byteLength;
      yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw limited.aborted ? failed(`it was not over after ${humanDuration(timeoutMs)}`) : error;
  }
  if (sizeBytes === 0) throw failed(`"${options.dump[0] ?? ""}" exited 0 and printed nothing`);
}

async function restoreInto(
  options: CommandDatabaseOptions,
  bytes: AsyncIterable<Uint8Array>,
  into: string,
  signal: AbortSignal,
): Promise<void> {
  const failed = (reason: string, evidence = "") =>
    failure(options, "RESTORE_FAILED", `Restoring into ${into} failed: ${reason}`, evidence);
  if (options.restore === null) throw failed("it has no restore command");
  if (into === options.name || !plainPlace.test(into)) throw failed("that is not a place for a restore");
  const source = watched(bytes, signal);
  const result = await run(
    options,
    filled(options.restore, into),
    signal,
    Readable.from(source.bytes(), { objectMode: false }),
  );
  const broken = source.broken();
  if (broken) throw broken.error;
  if (result.exitCode !== 0) throw failed(endOf(options.restore, result), result.stderrTail);
}

/** B3: restored into a scratch place by its own commands, looked at, and removed. */
async function rehearse(
  options: CommandDatabaseOptions,
  request: RehearsalRequest,
  signal: AbortSignal,
): Promise<Rehearsal> {
  requireFormat(options, request.format);
  if (options.restore === null || options.drop === null) throw noRestore(options);
  const place = `sluice_rehearsal_${randomBytes(6).toString("hex")}`;
  try {
    const restored = await timed("restored", async () => {
      await restoreInto(options, request.bytes, place, signal);
      return `"${options.restore?.[0] ?? ""}" ended with exit code 0; nothing was compared`;
    });
    const checked =
      options.check === null ? [] : [await timed("checked", () => look(options, options.check ?? [], place, signal))];
    return { facts: nothingKnown(options), checks: [restored, ...checked] };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SluiceError) || error.failure.code !== "RESTORE_FAILED") throw error;
    throw new SluiceError({ ...error.failure, code: "BACKUP_UNVERIFIED", hint: hints.BACKUP_UNVERIFIED, cause: error });
  } finally {
    await drop(options, options.drop, place);
  }
}

async function look(
  options: CommandDatabaseOptions,
  argv: readonly string[],
  place: string,
  signal: AbortSignal,
): Promise<string> {
  const result = await run(options, filled(argv, place), signal);
  if (result.exitCode !== 0)
    throw failure(
      options,
      "RESTORE_FAILED",
      `What was restored does not hold: ${endOf(argv, result)}`,
      result.stderrTail,
    );
  return result.stdoutTail.split("\n").at(-1) || `"${argv[0] ?? ""}" ended with exit code 0`;
}

/** Not bound to the caller's signal: an abort must not leave the scratch place behind. */
async function drop(options: CommandDatabaseOptions, argv: readonly string[], place: string): Promise<void> {
  const result = await run(options, filled(argv, place), new AbortController().signal);
  if (result.exitCode === 0) return;
  const what = `The scratch place ${place} could not be removed: ${endOf(argv, result)}`;
  throw failure(options, "BACKUP_UNVERIFIED", what, result.stderrTail);
}

const run = (
  { cwd, environment, timeoutMs }: CommandDatabaseOptions,
  argv: readonly string[],
  signal: AbortSignal,
  input?: Readable,
): Promise<CommandResult> =>
  runCommand({ argv, cwd, env: environment, timeoutMs, signal, ...(input === undefined ? {} : { input }) });

const filled = (argv: readonly string[], into: string): readonly string[] =>
  argv.map((word) => word.replaceAll("{into}", into));

const endOf = (argv: readonly string[], { exitCode, timedOut }: CommandResult): string =>
  `"${argv[0] ?? ""}" ${timedOut ? "took too long" : `ended with exit code ${exitCode}`}`;

/** B13: what was printed, given back to the restore command; without one, to whoever knows what to do with it. */
function restoreCommands(
  { restore }: CommandDatabaseOptions,
  storedAt: string,
  into: string,
  endpoint?: string,
): readonly string[] {
  const prints = printsDump(storedAt, endpoint) ?? `cat ${shellQuoted(storedAt)}`;
  if (restore === null) return [`${prints} > ${shellQuoted(into)}`];
  return [`${prints} | ${filled(restore, into).map(shellQuoted).join(" ")}`];
}

async function timed(check: string, work: () => Promise<string>): Promise<ProofCheck> {
  const startedAt = performance.now();
  const detail = await work();
  return { check, outcome: "passed", detail, tookMs: Math.round(performance.now() - startedAt) };
}

function requireFormat(options: CommandDatabaseOptions, given: string): void {
  if (given === format) return;
  throw failure(options, "BACKUP_UNVERIFIED", `A dump of format "${given}" is not one of a command`);
}

/** Nothing is wrong with the backup: there is no way to tell. */
const noRestore = (options: CommandDatabaseOptions): SluiceError =>
  new SluiceError({
    ...failure(options, "BACKUP_UNVERIFIED", "Its backups cannot be restored for a test: it has no restore command")
      .failure,
    hint: `Write databases.${options.name}.restore and .drop, then: sluice validate`,
  });

const hints = {
  DATABASE_UNREACHABLE: "Run its ping command by hand, then look again with: sluice check",
  BACKUP_FAILED: "Nothing was changed. Run its dump command by hand, then try again with: sluice backup",
  BACKUP_UNVERIFIED: "Do not rely on this backup. Correct the cause, then take a new one with: sluice backup",
  RESTORE_FAILED: "What was half restored is left as it is. Correct the cause and try again with: sluice restore",
} as const satisfies Partial<Record<ErrorCode, string>>;

function failure({ name }: CommandDatabaseOptions, code: keyof typeof hints, what: string, evidence = ""): SluiceError {
  return new SluiceError({
    code,
    remedy: code === "DATABASE_UNREACHABLE" ? "retry" : "operator",
    at: `databases.${name}`,
    message: `${name}: ${what}.`,
    hint: hints[code],
    ...(evidence === "" ? {} : { evidence }),
  });
}
