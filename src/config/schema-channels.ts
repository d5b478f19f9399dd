/** The channels that people are told by, and which events of an environment go where (N2 N3). */
import { z } from "zod";
import { type NotificationKind, notificationKinds, pagedKinds, publishedKinds } from "../domain/notification.ts";
import { forgeChannel } from "./schema-forge.ts";
import { file, httpUrl, key, line, name, say, secretName } from "./schema-values.ts";

const events = <const Kinds extends readonly [NotificationKind, ...NotificationKind[]]>(
  kinds: Kinds,
  usual: readonly Kinds[number][] = kinds,
) =>
  key(
    z
      .array(z.enum(kinds as readonly string[]))
      .min(1)
      .default([...usual]),
    "Events that are told here, unless an environment says otherwise.",
    ["succeeded", "failed", "rolled-back"],
  );

const secret = (description: string, example: string) =>
  key(z.strictObject({ secret: key(secretName(), "Name of a secret.", example) }), description, { secret: example });

const LogFile = z.strictObject({
  kind: key(z.literal("log-file"), "Lines in a file.", "log-file"),
  file: key(file(), "The file, relative to the project.", "deployment-logs/notifications.log"),
  events: events(notificationKinds),
});

const Webhook = z.strictObject({
  kind: key(z.literal("webhook"), "A POST with a JSON body.", "webhook"),
  url: key(
    z.union([httpUrl(), z.strictObject({ secret: key(secretName(), "Name of a secret.", "TEAM_WEBHOOK") })]),
    "Where it is sent; most such addresses are secrets.",
    { secret: "TEAM_WEBHOOK" },
  ),
  signingSecret: secret(
    "Secret that signs each message, so that the receiver can tell it is ours.",
    "TEAM_WEBHOOK_KEY",
  ).optional(),
  format: key(
    z.enum(["sluice", "cdevents"]).default("sluice"),
    "One flat object of Sluice's own, or a CDEvent in a CloudEvent.",
    "cdevents",
  ),
  events: events(notificationKinds),
});

/** Slack's ids of people and of groups. */
const slackId = () =>
  line().regex(/^[UWS][A-Z0-9]{2,20}$/, {
    error: say("it is no id of a person or group in Slack", "copy it from the profile, for example U02AB3CDE"),
  });

const slackApi = "https://slack.com/api";

const Slack = z
  .strictObject({
    kind: key(z.literal("slack"), "Slack, by an incoming webhook or as a bot.", "slack"),
    webhook: secret("The address of an incoming webhook: each event is a message.", "SLACK_WEBHOOK").optional(),
    token: secret("The token of a bot (xoxb-…): the events of one deployment are a thread.", "SLACK_TOKEN").optional(),
    channel: key(line().max(80).optional(), "Where the bot writes: the channel's id.", "C024BE91L"),
    api: key(httpUrl().default(slackApi), "Slack's API.", slackApi),
    onCall: key(
      z.array(slackId()).max(20).default([]),
      "Who is mentioned where something went wrong: ids of people (U…) and groups (S…).",
      ["S0614TZR7"],
    ),
    events: events(notificationKinds),
  })
  .refine(({ webhook, token, channel }) => (webhook === undefined) === (token !== undefined && channel !== undefined), {
    error: say("Slack is reached by a webhook or as a bot", "write webhook: …, or token: … and channel: …"),
  });

/** `smtps://` begins with TLS; `smtp://` demands STARTTLS, but on this machine. */
const smtpUrl = () =>
  line().refine((text) => /^smtps?:\/\/[^/@?#]+$/.test(text) && URL.canParse(text), {
    error: say(
      "it is no mail server",
      "write for example smtps://smtp.example.com:465; the login goes into user and password",
    ),
  });

const address = () =>
  line()
    .max(320)
    .regex(/^[^<>]*<[^<>\s@]+@[^<>\s@]+>$|^[^<>\s@,;]+@[^<>\s@,;]+$/, {
      error: say("it is no mail address", "write for example ada@example.com, or Ada <ada@example.com>"),
    });

const Email = z
  .strictObject({
    kind: key(z.literal("email"), "Mail: a summary after success, the incident report after a rollback.", "email"),
    server: key(
      smtpUrl(),
      "The mail server; smtps:// begins with TLS, smtp:// demands STARTTLS.",
      "smtps://smtp.example.com:465",
    ),
    user: key(line().optional(), "Who logs in.", "deploy@example.com"),
    password: secret("The login's password.", "SMTP_PASSWORD").optional(),
    from: key(address(), "The sender.", "Sluice <deploy@example.com>"),
    to: key(z.array(address()).min(1).max(100), "Who gets it.", ["stakeholders@example.com"]),
    events: events(notificationKinds, [
      "awaiting-approval",
      "approval-reminder",
      "succeeded",
      "failed",
      "rolled-back",
      "rollback-failed",
      "quarantined",
      "backup-failed",
      "drill-failed",
      "objective-missed",
    ]),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    error: say("a login has a user and a password", "write both, or neither"),
  });

const statuspageApi = "https://api.statuspage.io/v1";

const Statuspage = z.strictObject({
  kind: key(z.literal("statuspage"), "An incident on a status page, by Statuspage's API.", "statuspage"),
  page: key(line().regex(/^[A-Za-z0-9]{1,40}$/), "The page's id.", "kctbh9vrtdwd"),
  token: secret("The API key.", "STATUSPAGE_TOKEN"),
  components: key(z.array(line().max(40)).default([]), "Ids of the components that an incident belongs to.", [
    "8kbf7d35c070",
  ]),
  api: key(httpUrl().default(statuspageApi), "Statuspage's API.", statuspageApi),
  events: events(publishedKinds, ["rollback-triggered", "rolled-back", "rollback-failed", "quarantined", "succeeded"]),
});

const pagerDutyApi = "https://events.pagerduty.com";

const PagerDuty = z.strictObject({
  kind: key(z.literal("pagerduty"), "An alert in PagerDuty, by the Events API v2.", "pagerduty"),
  routingKey: secret("The integration's key.", "PAGERDUTY_KEY"),
  api: key(
    httpUrl().default(pagerDutyApi),
    "PagerDuty's events API; the EU has its own.",
    "https://events.eu.pagerduty.com",
  ),
  events: events(pagedKinds),
});

const Github = z.strictObject({ ...forgeChannel(), events: events(notificationKinds) });

export const channels = () =>
  key(
    z.record(
      name("a channel"),
      z.discriminatedUnion("kind", [LogFile, Webhook, Slack, Email, Statuspage, PagerDuty, Github]),
    ),
    "Channels that people are told by, by name.",
    { log: { kind: "log-file", file: "deployment-logs/notifications.log" } },
  );

/** Which channels an environment tells, each of its own events or of these. */
export const routing = () =>
  key(
    z
      .union([
        z.array(name("a channel")),
        z.record(name("a channel"), z.union([z.literal("usual"), z.array(z.enum(notificationKinds))])),
      ])
      .optional(),
    "Channels that are told; all of them unless some are named. As a mapping: the events of each, or `usual` for the channel's own.",
    { team: "usual", pager: ["rollback-failed", "quarantined"] },
  );
