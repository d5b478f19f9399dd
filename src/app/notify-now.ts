/** A message by hand: through the outbox like every other, but delivered at once, so that each channel's answer can be shown. */
import { randomUUID } from "node:crypto";
import type { Notification, NotificationKind } from "../domain/notification.ts";
import { deliverNotifications } from "../pipeline/outbox.ts";
import type { Parts } from "../pipeline/parts.ts";

export interface Delivery {
  readonly channel: string;
  readonly delivered: boolean;
  readonly error: string | null;
}

export interface Message {
  readonly kind: NotificationKind;
  readonly title: string;
  readonly message: string;
  readonly next: string;
}

export async function notifyNow(parts: Parts, message: Message, signal: AbortSignal): Promise<readonly Delivery[]> {
  const { ledger, settings, notifiers, clock } = parts;
  const id = `manual-${randomUUID()}`;
  const serving = await ledger.serving(settings.environment);
  const notification: Notification = {
    ...message,
    atMs: clock.now(),
    project: settings.project,
    environment: settings.environment,
    environmentUrl: settings.url,
    deploymentId: id,
    version: serving?.version ?? "nothing",
    backup: null,
    rollbackMinutesLeft: null,
  };
  await ledger.enqueueNotifications(
    notifiers.map(({ name }) => ({ key: `${id}/${name}`, channel: name, notification })),
  );
  await deliverNotifications(parts, id, signal);
  const undelivered = new Map((await ledger.undelivered(id)).map(({ channel, lastError }) => [channel, lastError]));
  return notifiers.map(({ name }) => ({
    channel: name,
    delivered: !undelivered.has(name),
    error: undelivered.has(name) ? (undelivered.get(name) ?? "not tried yet") : null,
  }));
}
