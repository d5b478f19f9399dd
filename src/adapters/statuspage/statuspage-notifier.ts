/**
 * N2: a status page, by Statuspage's API. What is written there the public reads: the words are ours, and nothing of an error, an
 * address or a host is in them. One incident for a deployment: created, updated, resolved. It bears the deployment in its metadata and
 * is looked up there, so that a repeated delivery finds what the first one made.
 */
import type { Notification, NotificationKind, publishedKinds } from "../../domain/notification.ts";
import type { Secret } from "../../domain/secret.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Notifier } from "../../ports/notifier.ts";
import { askChannel, type ChannelHttp, channelFailed, channelUrl } from "../channel-http.ts";

export interface StatuspageOptions {
  readonly name: string;
  /** `https://api.statuspage.io/v1`. */
  readonly api: string;
  readonly page: string;
  readonly token: Secret;
  /** Ids of the page's components that an incident belongs to. */
  readonly components: readonly string[];
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

interface Update {
  readonly status: "investigating" | "identified" | "monitoring" | "resolved";
  readonly impact: "none" | "minor" | "major";
  readonly body: string;
}

/** Kinds that are not here change nothing on the page. `succeeded` resolves what is open, and opens nothing. */
const updates: Readonly<Record<(typeof publishedKinds)[number], Update>> = {
  started: { status: "monitoring", impact: "none", body: "A new version is being released." },
  alert: { status: "investigating", impact: "minor", body: "We are looking into a problem with a new version." },
  "rollback-triggered": {
    status: "identified",
    impact: "minor",
    body: "A problem with a new version was found. We are going back to the version before.",
  },
  "rolled-back": { status: "resolved", impact: "minor", body: "The version before serves again." },
  failed: { status: "resolved", impact: "none", body: "The new version was not released. Nothing has changed." },
  cancelled: { status: "resolved", impact: "none", body: "The new version was not released." },
  "rollback-failed": { status: "identified", impact: "major", body: "We are working on restoring the service." },
  quarantined: { status: "identified", impact: "major", body: "We are working on restoring the service." },
  succeeded: { status: "resolved", impact: "none", body: "The new version serves." },
};

interface Incident {
  readonly id: string;
  readonly status: string;
  readonly metadata?: {
    readonly sluice?: { readonly deployment?: string; readonly place?: string; readonly key?: string };
  };
}

const isOpen = ({ status }: Incident): boolean => !["resolved", "postmortem", "completed"].includes(status);

export function statuspageNotifier(options: StatuspageOptions): Notifier {
  const page = pageOf(options);
  return {
    kind: "statuspage",
    name: options.name,
    async tell(notification, key, signal, earlier) {
      const { kind } = notification;
      const update = (updates as Partial<Record<NotificationKind, Update>>)[kind];
      if (kind === "test") await page.ask("GET", "", undefined, signal);
      // What is over by now is written as what it was, and closed.
      if (update)
        await publish(
          page,
          earlier?.isOver ? { ...update, status: "resolved" } : update,
          { notification, key },
          signal,
        );
    },
  };
}

interface Told {
  readonly notification: Notification;
  readonly key: string;
}

const opensNothing: ReadonlySet<NotificationKind> = new Set(["succeeded", "failed", "cancelled"]);

async function publish(page: Page, update: Update, told: Told, signal: AbortSignal): Promise<void> {
  const incidents = await page.incidents(signal);
  for (const incident of concerned(told, incidents)) await page.update(incident, update, told, signal);
  const { kind, deploymentId } = told.notification;
  const isThere = incidents.some(({ metadata }) => metadata?.sluice?.deployment === deploymentId);
  if (!isThere && !opensNothing.has(kind)) await page.create(update, told, signal);
}

/** The deployment's own; success also ends those that an earlier one of the environment left open. */
function concerned({ notification, key }: Told, incidents: readonly Incident[]): readonly Incident[] {
  return incidents.filter((incident) => {
    const { deployment, place, key: last } = incident.metadata?.sluice ?? {};
    if (!isOpen(incident) || last === key) return false;
    if (deployment === notification.deploymentId) return true;
    return notification.kind === "succeeded" && place === placeOf(notification);
  });
}

const placeOf = ({ project, environment }: Notification): string => `${project}/${environment}`;

type Page = ReturnType<typeof pageOf>;

function pageOf({ name, api, page, token, components, clock, timeoutMs }: StatuspageOptions) {
  const http: ChannelHttp = { what: "status page", name, clock, timeoutMs, secrets: [token] };
  const base = `${api.replace(/\/$/, "")}/pages/${encodeURIComponent(page)}`;
  const ask = (method: "GET" | "POST" | "PATCH", path: string, body: object | undefined, signal: AbortSignal) => {
    const headers = {
      authorization: `OAuth ${token.reveal()}`,
      "content-type": "application/json",
      "user-agent": "sluice",
    };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const url = channelUrl(http, `${base}${path}`, true);
    return askChannel(http, { url, method, headers, ...content, readsBody: true }, signal);
  };
  const incidentOf = ({ status, impact, body }: Update, { notification, key }: Told) => ({
    status,
    body,
    impact_override: impact,
    metadata: { sluice: { deployment: notification.deploymentId, place: placeOf(notification), key } },
  });
  return {
    ask,
    async incidents(signal: AbortSignal): Promise<readonly Incident[]> {
      const answer = await ask("GET", "/incidents?limit=50", undefined, signal);
      const found = listIn(answer);
      if (found === undefined) throw channelFailed(http, "gave an answer that is no list of incidents", "retry");
      return found;
    },
    async create(update: Update, told: Told, signal: AbortSignal) {
      const named = { name: excerpt(`Release ${told.notification.version}`, 200), component_ids: components };
      await ask("POST", "/incidents", { incident: { ...named, ...incidentOf(update, told) } }, signal);
    },
    async update({ id, metadata }: Incident, update: Update, told: Told, signal: AbortSignal) {
      const { impact_override: _, ...changes } = incidentOf(update, told);
      const deployment = metadata?.sluice?.deployment ?? told.notification.deploymentId;
      const incident = { ...changes, metadata: { sluice: { ...changes.metadata.sluice, deployment } } };
      await ask("PATCH", `/incidents/${encodeURIComponent(id)}`, { incident }, signal);
    },
  };
}

function listIn(answer: string): readonly Incident[] | undefined {
  try {
    const list = JSON.parse(answer) as unknown;
    return Array.isArray(list) ? (list as readonly Incident[]) : undefined;
  } catch {
    return undefined;
  }
}
