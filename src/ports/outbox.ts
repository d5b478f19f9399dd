/** The part of the ledger that keeps what channels are still to be told (N3). */
import type { Json } from "../domain/json.ts";
import type { Notification } from "../domain/notification.ts";

export interface OutboxRow {
  readonly key: string;
  readonly deploymentId: string;
  readonly channel: string;
  readonly notification: Notification;
  readonly attempts: number;
  readonly lastError: string | null;
  readonly deliveredAtMs: number | null;
  /** Given up: kept and shown, and sent again only when a person says so. */
  readonly gaveUpAtMs: number | null;
  /** What the channel gave back for the first of this deployment's notifications that it took: where the others belong. */
  readonly thread: Json | null;
}

export interface Outbox {
  /** One row per channel, keyed; a repeated key is dropped. */
  enqueueNotifications(
    rows: readonly { readonly key: string; readonly channel: string; readonly notification: Notification }[],
  ): Promise<void>;
  /**
   * In the order in which they were written. Those of one deployment for one channel are a line: nobody passes one that waits for its
   * next try, so that a channel never hears of an end before the beginning.
   */
  dueNotifications(limit: number, deploymentId?: string): Promise<readonly OutboxRow[]>;
  /**
   * Due ones that nobody's deployment attends to any more: of an environment's ended deployments, or sent by hand. Whoever asks has them
   * to himself for so long.
   */
  claimLeftNotifications(environment: string, limit: number, forMs: number): Promise<readonly OutboxRow[]>;
  /** @param thread what the channel wants to see again with the next notification of the deployment. */
  notificationDelivered(key: string, thread?: Json): Promise<void>;
  /** @param retryAfterMs null: it is given up. */
  notificationFailed(key: string, error: string, retryAfterMs: number | null): Promise<void>;
  /** In order, with those that were given up. */
  undelivered(deploymentId: string): Promise<readonly OutboxRow[]>;
  /** Makes what was given up for an environment due once more, for one channel or all; returns how many. */
  reviveNotifications(environment: string, channel?: string): Promise<number>;
}
