/** N2 N3: the channels of an environment. A channel whose secret is missing is no channel; pre-flight has said so. */
import { emailNotifier } from "../adapters/email/email-notifier.ts";
import { forgeNotifier } from "../adapters/forge/notifier.ts";
import { logFileNotifier } from "../adapters/log-file/log-file-notifier.ts";
import { pagerDutyNotifier } from "../adapters/pagerduty/pagerduty-notifier.ts";
import { slackNotifier } from "../adapters/slack/slack-notifier.ts";
import { statuspageNotifier } from "../adapters/statuspage/statuspage-notifier.ts";
import { webhookNotifier } from "../adapters/webhook/webhook-notifier.ts";
import type { Notification } from "../domain/notification.ts";
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings, NotifierSettings } from "../domain/settings.ts";
import type { Parts } from "../pipeline/parts.ts";
import type { Clock } from "../ports/clock.ts";
import type { Forge } from "../ports/forge.ts";
import type { Notifier } from "../ports/notifier.ts";
import { forgeFor } from "./forges.ts";
import type { Resolve } from "./secret-lookup.ts";

export function notifiersFor(settings: EnvironmentSettings, resolve: Resolve, clock: Clock): Parts["notifiers"] {
  const forge = forgeFor(settings, resolve, clock, oneTryMs);
  return settings.notify.map((channel) => ({
    kind: channel.kind,
    name: channel.name,
    takesReport: channel.kind === "email" || channel.kind === "github",
    wants: ({ kind }: Notification) => channel.events.length === 0 || channel.events.includes(kind),
    // Made when it is used: a missing secret then fails this one delivery, which is shown.
    tell: async (...args: Parameters<Notifier["tell"]>) =>
      notifierFor(channel, { resolve, clock, forge }).tell(...args),
  }));
}

type Kinds = { readonly [Kind in NotifierSettings["kind"]]: Extract<NotifierSettings, { readonly kind: Kind }> };
type Make<Kind extends keyof Kinds> = (channel: Kinds[Kind], around: Surroundings) => Notifier;

interface Surroundings {
  readonly resolve: Resolve;
  readonly clock: Clock;
  readonly forge: Forge | undefined;
}

/** The outbox tries again by itself, and others wait behind this channel. */
const oneTryMs = 5_000;

const factories: { readonly [Kind in keyof Kinds]: Make<Kind> } = {
  "log-file": ({ name, file }) => logFileNotifier({ name, file }),
  webhook({ name, url, signingSecret, format = "sluice" }, { resolve, clock }) {
    const secret = signingSecret === null ? {} : { secret: secretOf(`${name} signing secret`, resolve(signingSecret)) };
    return webhookNotifier({ name, url: resolve(url), clock, format, ...secret });
  },
  slack({ name, way, onCall }, { resolve, clock }) {
    if (way.kind === "webhook")
      return slackNotifier({ name, onCall, clock, way: { ...way, url: secretOf(name, resolve(way.url)) } });
    return slackNotifier({ name, onCall, clock, way: { ...way, token: secretOf(name, resolve(way.token)) } });
  },
  email({ name, server, login, from, to }, { resolve, clock }) {
    const known = login && { user: login.user, password: secretOf(name, resolve(login.password)) };
    return emailNotifier({ name, server, login: known, from, to, clock });
  },
  statuspage: ({ name, api, page, token, components }, { resolve, clock }) =>
    statuspageNotifier({ name, api, page, components, clock, token: secretOf(name, resolve(token)) }),
  pagerduty: ({ name, api, routingKey }, { resolve, clock }) =>
    pagerDutyNotifier({ name, api, clock, routingKey: secretOf(name, resolve(routingKey)) }),
  github(channel, { forge }) {
    // The configuration is refused where it names a channel and no repository.
    if (forge === undefined) throw new Error(`there is no forge for the channel ${channel.name}`);
    return forgeNotifier({ ...channel, forge });
  },
};

const notifierFor = <Kind extends keyof Kinds>(channel: Kinds[Kind], around: Surroundings): Notifier =>
  (factories[channel.kind as Kind] as Make<Kind>)(channel, around);

const secretOf = (name: string, value: string | Secret): Secret =>
  value instanceof Secret ? value : new Secret(name, value);
