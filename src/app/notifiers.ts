/** N2 N3: the channels of an environment. A channel whose secret is missing is no channel; pre-flight has said so. */
import { logFileNotifier } from "../adapters/log-file/log-file-notifier.ts";
import { webhookNotifier } from "../adapters/webhook/webhook-notifier.ts";
import type { Notification } from "../domain/notification.ts";
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings, NotifierSettings, ValueOrSecret } from "../domain/settings.ts";
import type { Parts } from "../pipeline/parts.ts";
import type { Clock } from "../ports/clock.ts";
import type { Notifier } from "../ports/notifier.ts";

type Resolve = (value: ValueOrSecret) => string | Secret;

export function notifiersFor(settings: EnvironmentSettings, resolve: Resolve, clock: Clock): Parts["notifiers"] {
  return settings.notify.map((channel) => ({
    kind: channel.kind,
    name: channel.name,
    wants: ({ kind }: Notification) => channel.events.length === 0 || channel.events.includes(kind),
    // Made when it is used: a missing secret then fails this one delivery, which is retried and shown.
    tell: async (...args: Parameters<Notifier["tell"]>) => notifierFor(channel, resolve, clock).tell(...args),
  }));
}

function notifierFor(channel: NotifierSettings, resolve: Resolve, clock: Clock): Notifier {
  if (channel.kind === "log-file") return logFileNotifier({ name: channel.name, file: channel.file });
  const signing = channel.signingSecret === null ? undefined : resolve(channel.signingSecret);
  const secret = typeof signing === "string" ? new Secret(`${channel.name} signing secret`, signing) : signing;
  return webhookNotifier({ name: channel.name, url: resolve(channel.url), clock, ...(secret ? { secret } : {}) });
}
