/** The machine's time for tests of adapters with real sockets; `offsetMs` moves its calendar. */
import { scheduler } from "node:timers/promises";
import type { Clock } from "../ports/clock.ts";

export function wallClock(offsetMs = 0): Clock {
  return {
    now: () => performance.timeOrigin + performance.now() + offsetMs,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      try {
        await scheduler.wait(ms, signal ? { signal } : {});
      } catch (thrown) {
        signal?.throwIfAborted();
        throw thrown;
      }
    },
  };
}
