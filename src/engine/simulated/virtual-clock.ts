/**
 * Time that passes only when nobody can go on without it. Every sleep is a timer; when all code that could run has run
 * (the event loop comes to its next turn), time jumps to the earliest timer and wakes that one sleeper alone. So a deployment of two
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

/**
 * Turns of the event loop asked for at once: code that can run runs between any two of them, but the loop's own work (asking the
 * system for files and sockets) is done once for all of them.
 */
const turnsAtOnce = 16;

/** @param options.startMs milliseconds since the epoch; 2026-01-01 by default. */
export function virtualClock(options: { readonly startMs?: number } = {}): VirtualClock {
  let nowMs = options.startMs ?? Date.UTC(2026, 0, 1);
  let held = 0;
  let turnsLeft = 0;
  let stopped = false;
  // In the order of waking; equal times in the order of falling asleep.
  const timers: Timer[] = [];

  const schedule = () => {
    if (turnsLeft > 0 || held > 0 || timers.length === 0 || stopped) return;
    for (turnsLeft = 0; turnsLeft < turnsAtOnce; turnsLeft++) setImmediate(turn);
  };
  const turn = () => {
    turnsLeft--;
    if (held === 0) wakeNext();
    schedule();
  };
  const wakeNext = () => {
    const next = timers.shift();
    nowMs = Math.max(nowMs, next?.atMs ?? nowMs);
    next?.wake();
  };
  const insert = (timer: Timer) => {
    // Halves, since a world of ten thousand deployments has forty thousand sleepers.
    let [at, end] = [0, timers.length];
    while (at < end) {
      const middle = (at + end) >>> 1;
      if ((timers[middle] as Timer).atMs > timer.atMs) end = middle;
      else at = middle + 1;
    }
    timers.splice(at, 0, timer);
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
    },
  };
}
