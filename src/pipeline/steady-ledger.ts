/**
 * The ledger as a run uses it. It may be away for a while: nothing may be done without it, but nothing is undone because of it
 * either, so every call waits until it is back. And being refused as stale is not a failure of the deployment: somebody else is
 * running it, so this run is lost.
 */
import { SluiceError } from "../domain/errors.ts";
import type { Clock } from "../ports/clock.ts";
import { FlowLost } from "../ports/flow.ts";
import type { Ledger } from "../ports/ledger.ts";

const retryMs = 500;

/**
 * @param lost ends the waiting as well.
 * @param revive called before each further try.
 */
export function steadyLedger(
  ledger: Ledger,
  clock: Clock,
  lost: AbortSignal,
  revive: () => Promise<void> = async () => undefined,
): Ledger {
  const wait = async () => {
    await revive().catch(() => undefined);
    await clock.sleep(retryMs, lost);
  };
  return new Proxy(ledger, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      return (...given: unknown[]) => steadily(() => Reflect.apply(member, target, given), wait);
    },
  });
}

async function steadily<T>(call: () => Promise<T>, wait: () => Promise<void>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (thrown) {
      throwUnlessAway(thrown);
      await wait();
    }
  }
}

function throwUnlessAway(thrown: unknown): void {
  if (!(thrown instanceof SluiceError)) throw thrown;
  if (thrown.failure.code === "STALE_ATTEMPT") throw new FlowLost(thrown.message);
  // A database whose disk is full is away as well: it goes on where it was as soon as there is room.
  const { code, at } = thrown.failure;
  const full = code === "DISK_FULL" && at === "ledger";
  if (code !== "LEDGER_UNREACHABLE" && !full) throw thrown;
}
