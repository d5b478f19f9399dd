/**
 * N2: PagerDuty, Events API v2. One alert for what is wrong with an environment's deployments: the first bad news opens it, more of it
 * is added, and the next deployment that succeeds resolves it. Backups, drills and objectives have alerts of their own, which a
 * person resolves. The dedup key makes a repeated delivery harmless.
 */
import {
  type Notification,
  type NotificationKind,
  notificationFacts,
  type pagedKinds,
} from "../../domain/notification.ts";
import type { Secret } from "../../domain/secret.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Notifier } from "../../ports/notifier.ts";
import { askChannel, type ChannelHttp, channelUrl } from "../channel-http.ts";

export interface PagerDutyOptions {
  readonly name: string;
  readonly routingKey: Secret;
  /** `https://events.pagerduty.com`, or that of another service region. */
  readonly api: string;
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

type Severity = "critical" | "error" | "warning" | "info";

interface Meaning {
  readonly severity: Severity;
  /** Of an environment: what shares one alert. */
  readonly subject: string;
}

/** What opens an alert. `succeeded` resolves the one of deployments; the other kinds mean nothing here. */
type Opening = Exclude<(typeof pagedKinds)[number], "succeeded"> | "test";

const meanings: Readonly<Record<Opening, Meaning>> = {
  alert: { severity: "warning", subject: "deployment" },
  "rollback-triggered": { severity: "error", subject: "deployment" },
  failed: { severity: "error", subject: "deployment" },
  "rolled-back": { severity: "error", subject: "deployment" },
  "rollback-failed": { severity: "critical", subject: "deployment" },
  quarantined: { severity: "critical", subject: "deployment" },
  "backup-failed": { severity: "error", subject: "backup" },
  "drill-failed": { severity: "warning", subject: "drill" },
  "objective-missed": { severity: "warning", subject: "objective" },
  test: { severity: "info", subject: "test" },
};

export function pagerDutyNotifier(options: PagerDutyOptions): Notifier {
  const { name, api, routingKey, clock, timeoutMs } = options;
  const http: ChannelHttp = { what: "PagerDuty service", name, clock, timeoutMs, secrets: [routingKey] };
  const url = channelUrl(http, `${api.replace(/\/$/, "")}/v2/enqueue`, true);
  const send = async (event: object, signal: AbortSignal): Promise<void> => {
    const body = JSON.stringify({ routing_key: routingKey.reveal(), ...event });
    const headers = { "content-type": "application/json", "user-agent": "sluice" };
    await askChannel(http, { url, method: "POST", headers, body, readsBody: true }, signal);
  };
  return {
    kind: "pagerduty",
    name,
    async tell(notification, key, signal, earlier) {
      const { kind, deploymentId } = notification;
      const meaning = (meanings as Partial<Record<NotificationKind, Meaning>>)[kind];
      if (kind === "succeeded") await send(resolving(dedupKey(notification, "deployment")), signal);
      if (meaning === undefined) return;
      // What is over by now is filed and closed at once, beside the alert that may be open.
      const isOver = kind === "test" || (earlier?.isOver === true && meaning.subject === "deployment");
      const dedup = dedupKey(notification, isOver ? `${meaning.subject}/${deploymentId}` : meaning.subject);
      await send(triggering(notification, meaning.severity, dedup, key), signal);
      if (isOver) await send(resolving(dedup), signal);
    },
  };
}

/** 255 characters are the most. */
const dedupKey = ({ project, environment }: Notification, subject: string): string =>
  `sluice/${project}/${environment}/${subject}`.slice(0, 255);

const resolving = (dedup: string) => ({ event_action: "resolve", dedup_key: dedup });

function triggering(notification: Notification, severity: Severity, dedup: string, key: string) {
  const { project, environment, environmentUrl, kind, atMs, title, message, next } = notification;
  const facts = notificationFacts(notification).map(([label, value]) => [label, excerpt(value, 300)]);
  return {
    event_action: "trigger",
    dedup_key: dedup,
    client: "Sluice",
    payload: {
      // 1024 characters are the most.
      summary: excerpt(`${title}: ${message}`, 1000),
      source: `${project}/${environment}`,
      severity,
      timestamp: new Date(atMs).toISOString(),
      group: project,
      class: kind,
      custom_details: { ...Object.fromEntries(facts), "What to do": excerpt(next, 500), key },
    },
    ...(environmentUrl?.startsWith("https://") ? { links: [{ href: environmentUrl, text: environment }] } : {}),
  };
}
