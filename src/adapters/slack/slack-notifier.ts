/**
 * N2: Slack. With an incoming webhook each notification is a message of its own; with a bot's token those of one deployment are a
 * thread, whose end is shown in the channel as well. Slack has no key against repeats: a repeated delivery after a crash between
 * Slack's answer and our note of it is a second message, with the same key in its metadata.
 */
import type { Json } from "../../domain/json.ts";
import { endsDeployment, type Notification, notificationTones } from "../../domain/notification.ts";
import type { Secret } from "../../domain/secret.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Earlier, Notifier } from "../../ports/notifier.ts";
import { askChannel, type ChannelHttp, channelFailed, channelUrl } from "../channel-http.ts";
import { slackMessage } from "./slack-message.ts";

export type SlackWay =
  | { readonly kind: "webhook"; readonly url: Secret }
  /** @param channel Slack's id of the channel (C…, G…) or its name. */
  | { readonly kind: "bot"; readonly api: string; readonly token: Secret; readonly channel: string };

export interface SlackOptions {
  readonly name: string;
  readonly way: SlackWay;
  /** Mentioned where something went wrong. */
  readonly onCall: readonly string[];
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

export function slackNotifier(options: SlackOptions): Notifier {
  const { name, way, clock, timeoutMs } = options;
  const secret = way.kind === "webhook" ? way.url : way.token;
  const channel: ChannelHttp = { what: "Slack channel", name, clock, timeoutMs, secrets: [secret] };
  const tell = way.kind === "webhook" ? byWebhook(channel, way.url) : byBot(channel, way);
  return {
    kind: "slack",
    name,
    tell: (notification, key, signal, earlier) => {
      const isUrgent = notificationTones[notification.kind] === "bad" || notification.kind === "alert";
      const message = slackMessage(notification, isUrgent ? options.onCall : []);
      return tell({ ...message, unfurl_links: false, unfurl_media: false }, { notification, key, earlier }, signal);
    },
  };
}

interface Told {
  readonly notification: Notification;
  readonly key: string;
  readonly earlier: Earlier | undefined;
}

type Tell = (message: object, told: Told, signal: AbortSignal) => Promise<Json | undefined>;

function byWebhook(channel: ChannelHttp, address: Secret): Tell {
  const url = channelUrl(channel, address, true);
  return async (message, _, signal) => {
    await askChannel(channel, posting(url, message), signal);
    return undefined;
  };
}

function byBot(http: ChannelHttp, { api, token, channel }: Extract<SlackWay, { readonly kind: "bot" }>): Tell {
  const url = channelUrl(http, `${api.replace(/\/$/, "")}/chat.postMessage`, true);
  return async (message, { notification: { kind, deploymentId }, key, earlier }, signal) => {
    const thread = threadIn(earlier);
    const inThread = thread === undefined ? {} : { thread_ts: thread, reply_broadcast: endsDeployment(kind) };
    const metadata = {
      event_type: "sluice_notification",
      event_payload: { key, kind, deployment: deploymentId },
    };
    const body = { channel, ...message, ...inThread, parse: "none", link_names: false, metadata };
    const answer = await askChannel(http, posting(url, body, token), signal);
    const ts = postedAt(http, answer);
    return thread === undefined ? { ts } : undefined;
  };
}

function posting(url: URL, message: object, token?: Secret) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` };
  const headers = { "content-type": "application/json; charset=utf-8", "user-agent": "sluice", ...authorization };
  return { url, method: "POST" as const, headers, body: JSON.stringify(message), readsBody: true };
}

function threadIn(earlier: Earlier | undefined): string | undefined {
  const ts = (earlier?.thread as { readonly ts?: Json } | null | undefined)?.ts;
  return typeof ts === "string" ? ts : undefined;
}

/** What passes by itself; every other refusal (no such channel, a wrong token) is a person's to mend. */
const passing = /^(ratelimited|rate_limited|internal_error|fatal_error|service_unavailable|request_timeout)$/;

/** Slack answers 200 to what it refuses. */
function postedAt(http: ChannelHttp, answer: string): string {
  const { ok, ts, error } = parsed(answer);
  if (ok === true && typeof ts === "string") return ts;
  const why = typeof error === "string" ? error : "an answer that is none of Slack's";
  throw channelFailed(
    http,
    `refused it: ${excerpt(why, 100)}`,
    ok === false && !passing.test(why) ? "operator" : "retry",
  );
}

function parsed(answer: string): { readonly ok?: unknown; readonly ts?: unknown; readonly error?: unknown } {
  try {
    return (JSON.parse(answer) ?? {}) as object;
  } catch {
    return {};
  }
}
