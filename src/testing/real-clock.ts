/** Real time, for suites that run real processes. */
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../ports/clock.ts";

export function realClock(): Clock {
  return {
    now: () => Date.now(),
    sleep: (ms, signal) =>
      delay(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
        throw signal?.aborted ? signal.reason : error;
      }),
  };
}

/** Asks until it is so; an error after `limitMs`. In place of sleeping. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 30_000,
): Promise<void> {
  const untilMs = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > untilMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await delay(10);
  }
}
