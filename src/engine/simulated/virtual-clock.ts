/**
 * Time that passes only when nobody can go on without it. Every sleep is a timer; when all code that could run has run
 * (the event loop comes round), time jumps to the earliest timer and wakes that one sleeper alone. So a deployment of two
 * days takes milliseconds, and the same program runs in the same order every time.
 */
import type { Clock } from "../../ports/clock.ts";

export interface VirtualClock extends Clock {
  /** Time stands still while real work outside of virtual time (a file, a socket) is under way. */
  hold<T>(work: Promise<T>): Promise<T>;
  /** No sleeper wakes any more: the end of a test. */
  stop(): void;
}

interface Timer {
  readonly atMs: number;
  readonly wake: () => void;
}

/** @param options.startMs milliseconds since the epoch; 2026-01-01 by default. */
export function virtualClock(options: { readonly startMs?: number } = {}): VirtualClock {
  let nowMs = options.startMs ?? Date.UTC(2026, 0, 1);
  let held = 0;
  let comingRound: NodeJS.Immediate | undefined;
  let stopped = false;
  // In the order of waking; equal times in the order of falling asleep.
  const timers: Timer[] = [];

  const schedule = () => {
    if (comingRound || held > 0 || timers.length === 0 || stopped) return;
    comingRound = setImmediate(() => {
      comingRound = undefined;
      if (held > 0) return;
      const next = timers.shift();
      nowMs = Math.max(nowMs, next?.atMs ?? nowMs);
      next?.wake();
      schedule();
    });
  };
  const insert = (timer: Timer) => {
    const later = timers.findIndex(({ atMs }) => atMs > timer.atMs);
    timers.splice(later === -1 ? timers.length : later, 0, timer);
    schedule();
  };

  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const cut = () => {
          timers.splice(timers.indexOf(timer), 1);
          reject(signal?.reason as Error);
        };
        const wake = () => {
          signal?.removeEventListener("abort", cut);
          resolve();
        };
        const timer = { atMs: nowMs + Math.max(0, ms), wake };
        if (signal?.aborted) {
          reject(signal.reason as Error);
          return;
        }
        signal?.addEventListener("abort", cut, { once: true });
        insert(timer);
      }),
    async hold(work) {
      held++;
      try {
        return await work;
      } finally {
        held--;
        schedule();
      }
    },
    stop() {
      stopped = true;
      timers.length = 0;
      clearImmediate(comingRound);
    },
  };
}
