/**
 * A notification as a CDEvent of the specification 0.5.1 in a CloudEvent 1.0 (structured mode). What CDEvents has a name for bears
 * it: runs of the pipeline, the service's versions, incidents. The rest (approvals, weights) is in the namespace that the
 * specification keeps for tools, `dev.cdeventsx`.
 */
import { hash } from "node:crypto";
import type { Json } from "../../domain/json.ts";
import type { Notification, NotificationKind } from "../../domain/notification.ts";
import { webhookPayload } from "./webhook-payload.ts";

interface Subject {
  readonly type: string;
  readonly id: string;
  readonly content: { readonly [key: string]: Json };
}

export function cloudEventOf(notification: Notification, key: string): Json {
  const { project, environment, atMs } = notification;
  const { type, id: subjectId, content } = subjectOf(notification);
  const source = `/sluice/${encodeURIComponent(project)}/${encodeURIComponent(environment)}`;
  // A key may hold anything; an event's id is the same for each repetition.
  const id = hash("sha256", key);
  const timestamp = new Date(atMs).toISOString();
  const { idempotencyKey: _, ...customData } = webhookPayload(notification, key);
  return {
    specversion: "1.0",
    id,
    source,
    type,
    subject: subjectId,
    time: timestamp,
    datacontenttype: "application/json",
    data: {
      context: { specversion: "0.5.1", id, source, type, timestamp },
      subject: { id: subjectId, content },
      customData: customData as unknown as Json,
      customDataContentType: "application/json",
    },
  };
}

type Make = (notification: Notification) => Subject;

const service =
  (predicate: string): Make =>
  ({ project, environment, version, serves }) => ({
    type: `dev.cdevents.service.${predicate}.0.3.0`,
    id: project,
    content: {
      environment: { id: environment },
      artifactId: `pkg:generic/${encodeURIComponent(project)}@${encodeURIComponent(serves ?? version)}`,
    },
  });

const incident: Make = ({ project, environment, deploymentId, version, message }) => ({
  type: "dev.cdevents.incident.detected.0.3.0",
  id: deploymentId,
  content: {
    description: message,
    environment: { id: environment },
    service: { id: project },
    artifactId: `pkg:generic/${encodeURIComponent(project)}@${encodeURIComponent(version)}`,
  },
});

const finished =
  (outcome: "failure" | "cancel" | "error"): Make =>
  ({ project, environment, deploymentId, message }) => ({
    type: "dev.cdevents.pipelinerun.finished.0.3.0",
    id: deploymentId,
    content: { pipelineName: `${project}/${environment}`, uri: runUri(deploymentId), outcome, errors: message },
  });

const custom =
  (predicate: string): Make =>
  ({ deploymentId, environment, title, message }) => ({
    type: `dev.cdeventsx.sluice-deployment.${predicate}.0.1.0`,
    id: deploymentId,
    content: { environment: { id: environment }, title, message },
  });

const runUri = (deploymentId: string): string => `urn:sluice:deployment:${encodeURIComponent(deploymentId)}`;

const subjects: Readonly<Record<NotificationKind, Make>> = {
  started: ({ project, environment, deploymentId }) => ({
    type: "dev.cdevents.pipelinerun.started.0.3.0",
    id: deploymentId,
    content: { pipelineName: `${project}/${environment}`, uri: runUri(deploymentId) },
  }),
  // The first version of an environment is deployed, each later one is an upgrade: only then there is a way back.
  succeeded: (notification) =>
    service(notification.rollbackMinutesLeft === null ? "deployed" : "upgraded")(notification),
  "rolled-back": service("rolledback"),
  failed: finished("failure"),
  rejected: finished("cancel"),
  expired: finished("cancel"),
  cancelled: finished("cancel"),
  superseded: finished("cancel"),
  "rollback-failed": finished("error"),
  quarantined: finished("error"),
  "rollback-triggered": incident,
  alert: incident,
  "backup-failed": incident,
  "drill-failed": incident,
  "objective-missed": incident,
  "awaiting-approval": custom("waiting"),
  "approval-reminder": custom("reminded"),
  approved: custom("approved"),
  "stage-passed": custom("shifted"),
  "component-updated": custom("updated"),
  test: custom("tested"),
};

const subjectOf = (notification: Notification): Subject => subjects[notification.kind](notification);
