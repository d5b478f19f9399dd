/** The channels of an environment as settings, with the events that it has each of them told (N3). */
import type { NotifierSettings } from "../domain/settings.ts";
import type { CompleteEnvironment, Configuration } from "./schema.ts";

type Absolute = (path: string) => string;
type Written = Configuration["notify"][string];

export function notifiersOf(
  configuration: Configuration,
  routes: CompleteEnvironment["notify"],
  absolute: Absolute,
): readonly NotifierSettings[] {
  return Object.entries(configuration.notify).flatMap(([name, channel]) => {
    const events = eventsFor(name, channel, routes);
    return events.length === 0 ? [] : [{ ...settingsOf(name, channel, absolute), events }];
  });
}

/** None: the environment does not tell it. */
function eventsFor(name: string, channel: Written, routes: CompleteEnvironment["notify"]): readonly string[] {
  if (routes === undefined) return channel.events;
  if (Array.isArray(routes)) return routes.includes(name) ? channel.events : [];
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
  return route === "usual" ? channel.events : (route ?? []);
}

function settingsOf(name: string, channel: Written, absolute: Absolute): NotifierSettings {
  const common = { name, events: channel.events };
  switch (channel.kind) {
    case "log-file":
      return { ...common, kind: channel.kind, file: absolute(channel.file) };
    case "webhook": {
      const { kind, url, signingSecret = null, format } = channel;
      return { ...common, kind, url, signingSecret, format };
    }
    case "slack":
      return { ...common, kind: channel.kind, onCall: channel.onCall, way: slackWay(channel) };
    case "email": {
      const { kind, server, user, password, from, to } = channel;
      return { ...common, kind, server, from, to, login: user && password ? { user, password } : null };
    }
    case "statuspage": {
      const { kind, api, page, token, components } = channel;
      return { ...common, kind, api, page, token, components };
    }
    case "pagerduty": {
      const { kind, api, routingKey } = channel;
      return { ...common, kind, api, routingKey };
    }
    case "github": {
      const { kind, tell: topics, labels, workflows } = channel;
      return { ...common, kind, topics, labels, workflows };
    }
  }
}

type SlackSettings = Extract<NotifierSettings, { readonly kind: "slack" }>;

/** The schema has seen to it that one of the two is whole. */
function slackWay(channel: Extract<Written, { readonly kind: "slack" }>): SlackSettings["way"] {
  const { webhook, token, api, channel: where } = channel;
  if (token !== undefined && where !== undefined) return { kind: "bot", api, token, channel: where };
  return { kind: "webhook", url: webhook as NonNullable<typeof webhook> };
}
