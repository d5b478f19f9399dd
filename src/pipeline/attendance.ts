/**
 * What a process does all the time while it runs a deployment: shows that it lives, learns that it was cancelled or replaced,
 * delivers messages and notifications, and renews the router's weights. None of it is journalled.
 */
import type { Attempt } from "../domain/attempt.ts";
import { failureOf } from "../domain/errors.ts";
import type { FlowEngine } from "../ports/flow.ts";
import { deliverNotifications } from "./outbox.ts";
import type { Run } from "./run.ts";

export function attend(
  run: Run,
  engine: Pick<FlowEngine, "send">,
  reviveLedger: () => Promise<void> = async () => undefined,
): { stop(): Promise<void> } {
  const { clock, settings } = run.parts;
  const stopped = new AbortController();
  const loop = async () => {
    while (!stopped.signal.aborted && !run.lostSignal.aborted) {
      if ((await beat(run)) === "ledger away") await quietly(reviveLedger);
      await quietly(() => deliverMessages(run, engine));
      await quietly(() => run.traffic.renew(stopped.signal));
      await quietly(() => deliverNotifications(run.parts, run.row.id, stopped.signal));
      await clock.sleep(settings.lock.heartbeatMs, stopped.signal).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

async function beat(run: Run): Promise<"ledger away" | undefined> {
  const attempt: Attempt = run.attempt;
  try {
    const { cancelRequested } = await run.parts.ledger.heartbeat(run.row.id, attempt, run.parts.settings.lock.leaseMs);
    if (cancelRequested) run.cancel(cancelRequested.by, cancelRequested.reason);
  } catch (thrown) {
    const { code, message } = failureOf(thrown, "pipeline.attendance");
    // The lock stage may just have brought a new number; only refusal of the present one means that we lost it.
    if (code === "STALE_ATTEMPT" && attempt.n === run.attempt.n) run.lose(message);
    if (code === "LEDGER_UNREACHABLE") return "ledger away";
  }
  return undefined;
}

async function deliverMessages(run: Run, engine: Pick<FlowEngine, "send">): Promise<void> {
  const { ledger } = run.parts;
  for (const { key, topic, message } of await ledger.undeliveredMessages(run.row.id)) {
    await engine.send(run.row.id, topic, message, key);
    await ledger.markDelivered(key);
  }
}

/** These are tried again at the next beat; that they failed shows in what stays undelivered. */
async function quietly(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch {
    // Deliberately nothing: see above.
  }
}
