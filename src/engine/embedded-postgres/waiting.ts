/** Waiting for another process, in small steps and never for ever. */
import { execFileSync } from "node:child_process";
import { readlinkSync } from "node:fs";

export interface PollOptions {
  readonly everyMs: number;
  readonly forMs: number;
  /** For the error: what did not happen in time. */
  readonly what: string;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves as soon as `condition` holds; throws after `forMs`. */
export async function poll(condition: () => boolean | Promise<boolean>, options: PollOptions): Promise<void> {
  const endsAtMs = Date.now() + options.forMs;
  while (!(await condition())) {
    if (Date.now() > endsAtMs) throw new Error(`waited ${options.forMs} ms for ${options.what}`);
    await pause(options.everyMs);
  }
}

/**
 * What tells whose server a live process is: the folder that it works in (PostgreSQL goes to its data folder, whatever that was
 * called when it was started), else its command line. Undefined where the system does not tell.
 */
export function folderServedBy(pid: number): string | undefined {
  try {
    if (process.platform === "linux") return readlinkSync(`/proc/${pid}/cwd`);
    return execFileSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" });
  } catch {
    return undefined;
  }
}
