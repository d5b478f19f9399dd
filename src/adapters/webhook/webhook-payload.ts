/** What a webhook's receiver gets: one flat object, documented here, whose fields may be added to but never renamed. */
import type { Notification } from "../../domain/notification.ts";

export interface WebhookPayload {
  /** The same for every repeat of a delivery; also in the header `Idempotency-Key`. */
  readonly idempotencyKey: string;
  /** What happened: `started`, `failed`, … (domain/notification.ts). */
  readonly event: Notification["kind"];
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly project: string;
  readonly environment: string;
  readonly environmentUrl: string | null;
  readonly deploymentId: string;
  readonly version: string;
  readonly title: string;
  readonly message: string;
  /** The backup that a restore would use. */
  readonly backup: string | null;
  /** Minutes in which a rollback is still possible. */
  readonly rollbackMinutesLeft: number | null;
  /** What to do; ends with a command. */
  readonly next: string;
  /** The version that serves afterwards, where the deployment has ended; null: none. */
  readonly serves?: string | null;
}

export function webhookPayload(notification: Notification, idempotencyKey: string): WebhookPayload {
  const { kind, atMs, report: _, ...facts } = notification;
  return { idempotencyKey, event: kind, at: new Date(atMs).toISOString(), ...facts };
}
