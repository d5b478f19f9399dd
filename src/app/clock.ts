import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../ports/clock.ts";

/** The machine's clock; the only one in production. */
export const machineClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      await wait(ms, undefined, signal ? { signal } : {});
    } catch (thrown) {
      // Node rejects with an AbortError of its own; callers want to know why.
      throw signal?.aborted ? signal.reason : thrown;
    }
  },
};
