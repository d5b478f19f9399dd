/** Waiting for another process, in small steps and never for ever. */

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

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
