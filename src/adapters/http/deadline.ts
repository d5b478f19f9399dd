/** A limit on work, by the injected clock. The timer ends with the work, so that nothing keeps the process alive. */
import type { Clock } from "../../ports/clock.ts";

/** The abort reason of a deadline: the work took too long. Anything else that aborts is the caller's own signal. */
export class DeadlinePassed extends Error {
  override readonly name = "DeadlinePassed";
}

/** Gives `work` a signal that fires with the caller's or after `ms`, and rejects then even if the work does not notice. */
export async function within<T>(
  ms: number,
  clock: Clock,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const deadline = new AbortController();
  const finished = new AbortController();
  const timer = clock.sleep(ms, finished.signal).then(
    () => deadline.abort(new DeadlinePassed(`no complete answer within ${Math.round(ms)} ms`)),
    () => undefined,
  );
  const either = AbortSignal.any([signal, deadline.signal]);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  either.addEventListener("abort", () => reject(either.reason), { once: true });
  try {
    return await Promise.race([work(either), aborted]);
  } finally {
    finished.abort();
    await timer;
  }
}
