/** A channel that tells people. Delivered from the outbox at least once; the key lets a receiver drop repeats. */
import type { Notification } from "../domain/notification.ts";

export interface Notifier {
  readonly kind: string;
  readonly name: string;
  /** Resolves when the channel took it; rejects when it did not, and the outbox retries. Never called from inside a stage. */
  tell(notification: Notification, idempotencyKey: string, signal: AbortSignal): Promise<void>;
}
