/** N3: notifications leave from the outbox, at least once, with an idempotency key; a channel that is down delays nothing. */
import { failureOf } from "../domain/errors.ts";
import type { Parts } from "./parts.ts";

const firstRetryMs = 1_000;
const longestRetryMs = 5 * 60_000;

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
