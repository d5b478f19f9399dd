/** A message by hand: through the outbox like every other, but delivered at once, so that each channel's answer can be shown. */
import { randomUUID } from "node:crypto";
import { asJson } from "../domain/json.ts";
import type { Notification, NotificationKind } from "../domain/notification.ts";
import { deliverLeft, deliverNotifications } from "../pipeline/outbox.ts";
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

/** @param channels all of them unless some are named. */
export async function notifyNow(
  parts: Parts,
  message: Message,
  signal: AbortSignal,
  channels?: readonly string[],
): Promise<readonly Delivery[]> {
  const { ledger, settings, clock, redactor } = parts;
  const notifiers = parts.notifiers.filter(({ name }) => channels?.includes(name) ?? true);
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
  const clean = redactor.json(asJson(notification)) as unknown as Notification;
  await ledger.enqueueNotifications(
    notifiers.map(({ name }) => ({ key: `${id}/${name}`, channel: name, notification: clean })),
  );
  await deliverNotifications(parts, id, signal);
  const undelivered = new Map((await ledger.undelivered(id)).map(({ channel, lastError }) => [channel, lastError]));
  return notifiers.map(({ name }) => ({
    channel: name,
    delivered: !undelivered.has(name),
    error: undelivered.has(name) ? (undelivered.get(name) ?? "not tried yet") : null,
  }));
}

/** What was given up is due once more, and tried at once where no deployment is under way that does so. */
export async function tellAgain(parts: Parts, channel: string | undefined, signal: AbortSignal): Promise<number> {
  const revived = await parts.ledger.reviveNotifications(parts.settings.environment, channel);
  await deliverLeft(parts, signal);
  return revived;
}
