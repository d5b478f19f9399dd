/** A channel that tells people. Delivered from the outbox at least once; the key lets a receiver drop repeats. */
import type { Json } from "../domain/json.ts";
import type { Notification } from "../domain/notification.ts";

/** What the outbox knows besides the notification. */
export interface Earlier {
  /** What the channel gave back for the deployment's first notification that it took; null where nothing. */
  readonly thread: Json | null;
  /** A later deployment of the environment has succeeded since: what this tells of is over. */
  readonly isOver: boolean;
}

export interface Notifier {
  readonly kind: string;
  readonly name: string;
  /** Takes more than a few lines: what it is told comes with the report of the deployment, where there is one. */
  readonly takesReport?: boolean;
  /**
   * Resolves when the channel took it, with what it wants to see again with the next one of the deployment; rejects when it did not.
   * What is worth another try (remedy `retry`) the outbox tries again, not before `retryAfterMs` of the failure. Never called from
   * inside a stage; notifications of one deployment come in order, one at a time.
   */
  tell(
    notification: Notification,
    idempotencyKey: string,
    signal: AbortSignal,
    earlier?: Earlier,
    // biome-ignore lint/suspicious/noConfusingVoidType: most channels have nothing to give back
  ): Promise<Json | void>;
}
