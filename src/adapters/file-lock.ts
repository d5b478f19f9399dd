/**
 * A lock among the processes of one machine, in a folder of its own, that a killed holder does not keep.
 *
 * The files in the folder are numbered and the highest number is the truth: held, or released. Whoever wants the lock
 * makes the next number, which only one can (`link` never replaces), and only after the highest was released or its
 * holder is gone. Breaking a dead holder's lock is therefore the same step as taking a free one, and no two can do it.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SluiceError } from "../domain/errors.ts";
import type { Clock } from "../ports/clock.ts";
import { identify, isRunning, type ProcessIdentity } from "./process-identity.ts";

interface Ticket {
  readonly holder: ProcessIdentity;
  readonly released: boolean;
}

export interface FileLockOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long to wait for a living holder before giving up (TARGET_UNREACHABLE, naming its pid). */
  readonly waitMs: number;
}

const pollMs = 20;

/** Runs `work` while no other process, and no other call in this one, holds the lock in `folder`. */
export async function withFileLock<T>(folder: string, options: FileLockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const holder = await identify(process.pid);
  if (holder === undefined) throw new Error("this process cannot see itself in the process table");
  const path = await take(folder, holder, options);
  try {
    return await work();
  } finally {
    await replaceTicket(path, { holder, released: true });
  }
}

/** Pid of the process that holds the lock in `folder` now; undefined where nobody does, or the one that did is gone. */
export async function lockHolder(folder: string): Promise<number | undefined> {
  const numbers = await numbersIn(folder).catch(() => []);
  const last = await readTicket(folder, Math.max(0, ...numbers));
  return last && !last.released && (await isRunning(last.holder)) ? last.holder.pid : undefined;
}

async function take(folder: string, holder: ProcessIdentity, options: FileLockOptions): Promise<string> {
  const giveUpAtMs = options.clock.now() + options.waitMs;
  for (;;) {
    options.signal.throwIfAborted();
    const highest = await highestNumber(folder);
    const last = await readTicket(folder, highest);
    if (last === undefined || last.released || !(await isRunning(last.holder))) {
      const path = await tryNext(folder, highest + 1, holder);
      if (path !== undefined) return path;
      continue;
    }
    if (options.clock.now() >= giveUpAtMs) throw heldTooLong(folder, last.holder, options.waitMs);
    await options.clock.sleep(pollMs, options.signal);
  }
}

async function tryNext(folder: string, number: number, holder: ProcessIdentity): Promise<string | undefined> {
  const path = join(folder, String(number));
  const temporary = join(folder, `${number}.${randomBytes(6).toString("hex")}.tmp`);
  await writeFile(temporary, JSON.stringify({ holder, released: false } satisfies Ticket));
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  // Someone slow may have made a number that was long passed and cleared away: only the highest counts.
  if ((await highestNumber(folder)) !== number) {
    await rm(path, { force: true });
    return undefined;
  }
  await clearBelow(folder, number);
  return path;
}

async function numbersIn(folder: string): Promise<readonly number[]> {
  return (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
}

const highestNumber = async (folder: string): Promise<number> => Math.max(0, ...(await numbersIn(folder)));

async function clearBelow(folder: string, number: number): Promise<void> {
  for (const passed of await numbersIn(folder))
    if (passed < number) await rm(join(folder, String(passed)), { force: true });
}

/**
 * Undefined when it was cleared away meanwhile, which means that a higher one is there (`tryNext` will notice), or when a
 * power cut left it empty, which no holder survived.
 */
async function readTicket(folder: string, number: number): Promise<Ticket | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, String(number)), "utf8")) as Ticket;
  } catch {
    return undefined;
  }
}

async function replaceTicket(path: string, ticket: Ticket): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  await writeFile(temporary, JSON.stringify(ticket));
  await rename(temporary, path);
}

function heldTooLong(folder: string, holder: ProcessIdentity, waitMs: number): SluiceError {
  return new SluiceError({
    code: "TARGET_UNREACHABLE",
    remedy: "retry",
    at: "adapters.file-lock",
    message: `Process ${holder.pid} has held the lock in ${folder} for more than ${waitMs} ms.`,
    hint: `See what it does, and end it if it hangs: ps -fp ${holder.pid}`,
  });
}
