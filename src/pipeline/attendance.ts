/**
 * What a process does all the time while it runs a deployment: shows that it lives, learns that it was cancelled or replaced,
 * delivers messages and notifications, and renews the router's weights. None of it is journalled. Each goes round by itself: a
 * channel or a router that does not answer must not keep the heartbeat waiting.
 */
import { failureOf } from "../domain/errors.ts";
import type { FlowEngine } from "../ports/flow.ts";
import type { Run } from "./run.ts";

/** @param reviveLedger called at a heartbeat that the ledger did not answer. */
export function attend(
  run: Run,
  engine: Pick<FlowEngine, "send">,
  reviveLedger: () => Promise<void> = async () => undefined,
): { stop(): Promise<void> } {
  const { clock, settings } = run.parts;
  const stopped = new AbortController();
  const over = AbortSignal.any([stopped.signal, run.lostSignal]);
  const again = async (action: () => Promise<unknown>) => {
    while (!over.aborted) {
      // What failed is tried again the next time round; that it failed shows in what stays undelivered.
      await action().catch(() => undefined);
      await clock.sleep(settings.lock.heartbeatMs, over).catch(() => undefined);
    }
  };
  const running = Promise.all([
    again(() => beat(run, reviveLedger)),
    again(() => deliverMessages(run, engine)),
    again(renewal(run, stopped.signal)),
    again(() => run.outbox.deliver(stopped.signal)),
  ]);
  return {
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

async function beat(run: Run, reviveLedger: () => Promise<void>): Promise<void> {
  const { attempt } = run;
  try {
    const { leaseMs } = run.parts.settings.lock;
    const { cancelRequested } = await run.ledgerAtOnce.heartbeat(run.row.id, attempt, leaseMs);
    if (cancelRequested) run.charge.cancel(cancelRequested.by, cancelRequested.reason);
  } catch (thrown) {
    const { code, message } = failureOf(thrown, "pipeline.attendance");
    // The lock brings a new number: only where this one is still ours does its refusal mean that we lost the deployment.
    if (code === "STALE_ATTEMPT" && attempt.n === (await run.charge.attemptKnown()).n) run.charge.lose(message);
    if (code === "LEDGER_UNREACHABLE") await reviveLedger();
  }
}

async function deliverMessages(run: Run, engine: Pick<FlowEngine, "send">): Promise<void> {
  const ledger = run.ledgerAtOnce;
  for (const { key, topic, message } of await ledger.undeliveredMessages(run.row.id)) {
    await engine.send(run.row.id, topic, message, key);
    await ledger.markDelivered(key);
  }
}

/**
 * A run that took over after the promotion goes through the weights again in its journal, but must never arm the way back to
 * the version before: that one may be stopped already.
 */
function renewal(run: Run, signal: AbortSignal): () => Promise<void> {
  let promotedBefore: boolean | undefined;
  return async () => {
    promotedBefore ??= (await run.ledgerAtOnce.serving(run.parts.settings.environment))?.deploymentId === run.row.id;
    if (promotedBefore || !run.traffic.isAttended()) return;
    // Released by hand: a renewal under a fresh number would shut out whoever holds the lock now.
    await requireLockWhereKnown(run);
    await run.traffic.renew(signal);
  };
}

/**
 * While the ledger is away it gives nobody a fresh number either: to stop renewing then would take the traffic off a good candidate
 * because of a database.
 */
async function requireLockWhereKnown({ charge, ledgerAtOnce, parts }: Run): Promise<void> {
  const { environment } = parts.settings;
  const [lock] = await Promise.allSettled([ledgerAtOnce.lock(environment)]);
  if (lock.status === "fulfilled") charge.requireLock(environment, lock.value);
  else if (failureOf(lock.reason, "pipeline.attendance").code !== "LEDGER_UNREACHABLE") throw lock.reason;
}
