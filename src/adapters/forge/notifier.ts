/**
 * N2 T10: tells the forge what became of a deployment: its deployments and commit statuses, one issue for each incident, the release
 * of the tag, and for a stage before production a release candidate that starts other workflows. Each of them is idempotent, so a
 * notification that is delivered again adds nothing.
 */
import { SluiceError } from "../../domain/errors.ts";
import type { ForgeTopic } from "../../domain/forge-settings.ts";
import type { Notification, NotificationKind } from "../../domain/notification.ts";
import type { DeploymentEntry, Forge, StatusEntry } from "../../ports/forge.ts";
import type { Earlier, Notifier } from "../../ports/notifier.ts";
import { failureText, fenced, successText } from "./incident-text.ts";

export interface ForgeNotifierOptions {
  readonly name: string;
  readonly forge: Forge;
  readonly topics: readonly ForgeTopic[];
  /** Of issues; the first one is how they are found again. */
  readonly labels: readonly string[];
  /** Started on the tag of a release candidate. */
  readonly workflows: readonly string[];
}

interface Told {
  readonly options: ForgeNotifierOptions;
  readonly notification: Notification;
  readonly key: string;
  readonly isOver: boolean;
  readonly signal: AbortSignal;
}

type WithCommit = Notification & { readonly commit: string };

export function forgeNotifier(options: ForgeNotifierOptions): Notifier {
  return {
    kind: options.forge.kind,
    name: options.name,
    async tell(notification, key, signal, earlier?: Earlier) {
      const told = { options, notification, key, isOver: earlier?.isOver ?? false, signal };
      if (notification.kind === "test") return tryOut(told);
      const asked = options.topics.map((topic) => topics[topic](told));
      const failures = (await Promise.allSettled(asked)).flatMap((one) =>
        one.status === "rejected" ? [one.reason] : [],
      );
      signal.throwIfAborted();
      // One that may still work keeps the whole on the list: the others then find that they were done.
      if (failures.length > 0) throw failures.find(isPassing) ?? failures[0];
    },
  };
}

/** By hand, to see whether it works: an issue that is opened and closed; without issues, that the forge takes the token. */
async function tryOut({ options, notification, key, signal }: Told): Promise<void> {
  const { project, environment, title, message: text } = notification;
  const common = { mark: `test of ${project}/${environment}`, labels: options.labels };
  if (options.topics.includes("issues")) {
    await options.forge.openIncident({ ...common, key, title, text: fenced(text) }, signal);
  }
  await options.forge.closeIncident({ ...common, key: `${key}/end`, text: "The test is over." }, signal);
}

const isPassing = (thrown: unknown): boolean => thrown instanceof SluiceError && thrown.failure.remedy === "retry";

const topics: Readonly<Record<ForgeTopic, (told: Told) => Promise<void>>> = {
  deployments: async ({ options, notification, signal }) => {
    const state = deploymentStates[notification.kind];
    if (state === undefined || !hasCommit(notification)) return;
    const { commit, deploymentId, environment, environmentUrl, title } = notification;
    const entry = { commit, deploymentId, environment, environmentUrl, state, description: title };
    await options.forge.reportDeployment(entry, signal);
  },

  statuses: async ({ options, notification, signal }) => {
    const state = deploymentStates[notification.kind];
    if (state === undefined || !hasCommit(notification)) return;
    const { commit, environment, title } = notification;
    const entry = { commit, context: `sluice/${environment}`, state: statusOf[state], description: title };
    await options.forge.reportStatus(entry, signal);
  },

  issues: async ({ options, notification, key, isOver, signal }) => {
    const { project, environment, kind, title } = notification;
    const common = { mark: `${project}/${environment}`, key, labels: options.labels };
    if (kind === "succeeded") {
      await options.forge.closeIncident({ ...common, text: successText(notification) }, signal);
    } else if (incidents.has(kind) && !isOver) {
      await options.forge.openIncident({ ...common, title, text: failureText(notification) }, signal);
    }
  },

  releases: async ({ options, notification, signal }) => {
    if (notification.kind !== "succeeded" || !hasCommit(notification)) return;
    const { commit, version: tag, environment: mark } = notification;
    await options.forge.publishRelease(
      { tag, commit, mark, text: successText(notification), candidate: false },
      signal,
    );
  },

  /** What was gone back to is no candidate for anything. */
  candidates: async ({ options, notification, signal }) => {
    if (notification.kind !== "succeeded" || notification.isRollback || !hasCommit(notification)) return;
    const { commit, version, environment: mark } = notification;
    const tag = candidateTag(version);
    await options.forge.publishRelease({ tag, commit, mark, text: successText(notification), candidate: true }, signal);
    for (const workflow of options.workflows) await options.forge.startWorkflow(workflow, tag, commit, signal);
  },
};

const hasCommit = (notification: Notification): notification is WithCommit => notification.commit !== undefined;

/** `v1.4.0` becomes `rc-1.4.0`. */
export const candidateTag = (version: string): string => `rc-${version.replace(/^v/, "")}`;

const incidents: ReadonlySet<NotificationKind> = new Set(["failed", "rolled-back", "rollback-failed", "quarantined"]);

const deploymentStates: Readonly<Partial<Record<NotificationKind, DeploymentEntry["state"]>>> = {
  started: "in_progress",
  "awaiting-approval": "queued",
  approved: "in_progress",
  succeeded: "success",
  failed: "failure",
  "rolled-back": "failure",
  "rollback-failed": "error",
  quarantined: "error",
  rejected: "inactive",
  expired: "inactive",
  cancelled: "inactive",
  superseded: "inactive",
};

/** A status has no word for what never became active: it did not go through. */
const statusOf: Readonly<Record<DeploymentEntry["state"], StatusEntry["state"]>> = {
  queued: "pending",
  in_progress: "pending",
  success: "success",
  failure: "failure",
  error: "error",
  inactive: "failure",
};
