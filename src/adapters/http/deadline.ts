/** A limit on work, by the injected clock. The timer ends with the work, so that nothing keeps the process alive. */
import type { Clock } from "../../ports/clock.ts";
import { deadlineIn } from "../../ports/deadline.ts";

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
  const reason = new DeadlinePassed(`no complete answer within ${Math.round(ms)} ms`);
  await using limit = deadlineIn(ms, clock, { signal, reason });
  const either = limit.signal;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  either.addEventListener("abort", () => reject(either.reason), { once: true });
  return await Promise.race([work(either), aborted]);
}
