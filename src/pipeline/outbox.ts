/**
 * N3: notifications leave from the outbox, at least once, with an idempotency key; a channel that is down delays nothing, but for
 * one try before a deployment ends (settle.ts).
 */
import { failureOf } from "../domain/errors.ts";
import type { OutboxRow } from "../ports/ledger.ts";
import type { Parts } from "./parts.ts";

const firstRetryMs = 1_000;
const longestRetryMs = 5 * 60_000;
const atOnce = 20;

export interface Outbox {
  /** Tries what is due. */
  deliver(signal: AbortSignal): Promise<void>;
}

/** One try at a time: two side by side would tell everything twice. */
export function outboxOf(parts: Pick<Parts, "ledger" | "notifiers">, deploymentId: string): Outbox {
  let last: Promise<unknown> = Promise.resolve();
  return {
    deliver(signal) {
      const next = last.then(() => deliverNotifications(parts, deploymentId, signal));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

type Sending = Pick<Parts, "ledger" | "notifiers">;

export async function deliverNotifications(
  parts: Sending,
  deploymentId: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await deliverAll(parts, await parts.ledger.dueNotifications(atOnce, deploymentId), signal);
}

/** What deployments left behind that ended while a channel was down. */
export async function deliverLeft(parts: Sending & Pick<Parts, "settings">, signal: AbortSignal): Promise<void> {
  const { environment } = parts.settings;
  while (!signal.aborted) {
    const left = await parts.ledger.claimLeftNotifications(environment, atOnce, longestRetryMs);
    if (left.length === 0) return;
    await deliverAll(parts, left, signal);
  }
}

const deliverAll = (parts: Sending, rows: readonly OutboxRow[], signal: AbortSignal) =>
  Promise.all(rows.map((row) => deliverOne(parts, row, signal)));

async function deliverOne({ ledger, notifiers }: Sending, row: OutboxRow, signal: AbortSignal): Promise<void> {
  const notifier = notifiers.find(({ name }) => name === row.channel);
  const retryAfterMs = Math.min(longestRetryMs, firstRetryMs * 2 ** row.attempts);
  if (notifier === undefined) {
    await ledger.notificationFailed(row.key, "the channel is not configured any more", longestRetryMs);
    return;
  }
  try {
    await notifier.tell(row.notification, row.key, signal);
  } catch (thrown) {
    await ledger.notificationFailed(row.key, failureOf(thrown, `notify.${row.channel}`).message, retryAfterMs);
    return;
  }
  await ledger.notificationDelivered(row.key);
}
