/**
 * N3: notifications leave from the outbox, at least once, with an idempotency key; a channel that is down delays nothing, but for
 * one try before a deployment ends (settle.ts).
 */
import { failureOf } from "../domain/errors.ts";
import type { Parts } from "./parts.ts";

const firstRetryMs = 1_000;
const longestRetryMs = 5 * 60_000;

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

export async function deliverNotifications(
  parts: Pick<Parts, "ledger" | "notifiers">,
  deploymentId: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const due = await parts.ledger.dueNotifications(20, deploymentId);
  await Promise.all(
    due.map(async (row) => {
      const notifier = parts.notifiers.find(({ name }) => name === row.channel);
      const retryAfterMs = Math.min(longestRetryMs, firstRetryMs * 2 ** row.attempts);
      if (notifier === undefined) {
        await parts.ledger.notificationFailed(row.key, "the channel is not configured any more", longestRetryMs);
        return;
      }
      try {
        await notifier.tell(row.notification, row.key, signal);
      } catch (thrown) {
        await parts.ledger.notificationFailed(
          row.key,
          failureOf(thrown, `notify.${row.channel}`).message,
          retryAfterMs,
        );
        return;
      }
      await parts.ledger.notificationDelivered(row.key);
    }),
  );
}
