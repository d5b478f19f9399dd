/** Events chained by hash, and the events that the ledger writes by itself for what people do. */
import { hash as digestOf, randomUUID } from "node:crypto";
import type { ApprovalVote } from "../../domain/approval.ts";
import { type ChainEnd, linkText } from "../../domain/audit.ts";
import type { DeploymentEvent, NewEvent } from "../../domain/events.ts";
import { asJson, type Json } from "../../domain/json.ts";
import { type SteeringOrder, steeringTitle } from "../../domain/steering.ts";
import type { Superseded } from "../../domain/supersede.ts";
import type { BackupPin } from "../../ports/backup-pins.ts";
import { storable } from "./storable.ts";

export const emptyChain: ChainEnd = { seq: 0, hash: "" };

export function chained(event: NewEvent, attempt: number, atMs: number, end: ChainEnd): DeploymentEvent {
  // The hash covers exactly what a store gives back.
  const facts = { ...storable(event), seq: end.seq + 1, attempt, atMs };
  return { ...facts, hash: digestOf("sha256", linkText(end.hash, facts)) };
}

/** The same vote given twice is one vote, one event and one message. */
export const voteKey = (vote: ApprovalVote): string => `${vote.by}:${vote.decision}:${vote.planDigest}`;

export const voteEvent = (deploymentId: string, environment: string, vote: ApprovalVote): NewEvent => ({
  deploymentId,
  environment,
  step: vote.decision,
  phase: "end",
  key: voteKey(vote),
  title: vote.decision === "approve" ? `Approved by ${vote.by}` : `Rejected by ${vote.by}`,
  tone: vote.decision === "approve" ? "ok" : "bad",
  actor: vote.by,
  detail: asJson(vote),
});

export const cancelEvent = (deploymentId: string, environment: string, by: string, reason: string): NewEvent => ({
  deploymentId,
  environment,
  step: "cancel",
  phase: "begin",
  key: "",
  title: `Cancel asked for by ${by}`,
  tone: "warn",
  actor: by,
  detail: { reason },
});

export const supersedeEvent = (deploymentId: string, environment: string, by: Superseded): NewEvent => ({
  deploymentId,
  environment,
  step: "supersede",
  phase: "progress",
  key: "",
  title: `Superseded by ${by.version} (deployment ${by.by})`,
  tone: "warn",
  actor: null,
  detail: asJson(by),
});

/** @param key makes it unique among the deployment's orders. */
export const steeringEvent = (
  deploymentId: string,
  environment: string,
  key: string,
  order: SteeringOrder,
): NewEvent => ({
  deploymentId,
  environment,
  step: `${order.kind} by hand`,
  phase: "progress",
  key,
  title: steeringTitle(order),
  tone: "warn",
  actor: order.by,
  detail: { reason: order.reason },
});

/** @param key makes it unique among the environment's locks and unlocks by hand. */
export const lockEvent = (
  step: "lock" | "unlock",
  key: string,
  environment: string,
  by: string,
  reason: string,
  released: Json,
): NewEvent => ({
  deploymentId: null,
  environment,
  step,
  phase: "end",
  key,
  title: step === "lock" ? `Locked by ${by}: ${reason}` : `Unlocked by hand by ${by}: ${reason}`,
  tone: "warn",
  actor: by,
  detail: { reason, released },
});

export const pinEvent = (step: "pin" | "unpin", { backupId, by, environment, reason }: BackupPin): NewEvent => ({
  deploymentId: null,
  environment,
  step,
  phase: "end",
  key: randomUUID(),
  title: `${by} ${step === "pin" ? "wants backup" : "no longer wants backup"} ${backupId} kept: ${reason}`,
  tone: "info",
  actor: by,
  detail: { backup: backupId, reason },
});
