/** A limit on work, by the injected clock: what everybody who has a clock may make of it. */
import type { Clock } from "./clock.ts";

export interface Deadline extends AsyncDisposable {
  /** Fires with the caller's signal, or when the time is over. */
  readonly signal: AbortSignal;
  /** True once the time is over, whatever the caller's signal did. */
  readonly passed: boolean;
}

export interface DeadlineOptions {
  /** The caller's own. */
  readonly signal?: AbortSignal | undefined;
  /** What `signal` is aborted with when the time is over. */
  readonly reason?: unknown;
}

/** Ends with its scope (`await using`), so that no timer keeps the process alive. Work that does not listen to the signal is not ended by it. */
export function deadlineIn(ms: number, clock: Clock, { signal, reason }: DeadlineOptions = {}): Deadline {
  const late = new AbortController();
  const finished = new AbortController();
  const timer = clock.sleep(Math.max(0, ms), finished.signal).then(
    () => late.abort(reason),
    () => undefined,
  );
  return {
    signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
    get passed() {
      return late.signal.aborted;
    },
    async [Symbol.asyncDispose]() {
      finished.abort();
      await timer;
    },
  };
}
