/**
 * The ledger: lock, lease, fence, approvals, messages, events, outbox and records of all environments, in one place with
 * transactions. Two stores implement it (PostgreSQL; memory for simulation) and pass one contract suite. Every decision in it
 * is a pure function of `domain/` (lock.ts, approval.ts, events.ts); the store only makes reading, deciding and writing atomic.
 *
 * Times are the ledger's own clock (the database's), one clock for all machines.
 */

import type { Approval, ApprovalVote } from "../domain/approval.ts";
import type { Attempt } from "../domain/attempt.ts";
import type { Chain, StoredChain } from "../domain/audit.ts";
import type { MetricBucket } from "../domain/canary/bucket.ts";
import type { DeploymentEvent, NewEvent } from "../domain/events.ts";
import type { Json } from "../domain/json.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { ScheduledDue, ScheduledEnd, ScheduledExecutor, ScheduledRun } from "../domain/schedule.ts";
import type { Steering, SteeringOrder } from "../domain/steering.ts";
import type { Superseded } from "../domain/supersede.ts";
import type { BackupPins } from "./backup-pins.ts";
import type { Outbox } from "./outbox.ts";

export interface DeploymentRow {
  readonly id: string;
  readonly project: string;
  readonly environment: string;
  readonly kind: "deploy" | "rollback";
  readonly version: string;
  readonly commit: string;
  readonly startedBy: string;
  readonly createdAtMs: number;
  /** `running` until an outcome is written; `waiting` while it waits for people. */
  readonly state: "running" | "waiting" | "cancelling" | "quarantined" | "ended";
  readonly outcome: Outcome | null;
  readonly endedAtMs: number | null;
  /** The number of the execution attempt in charge; 0 before the first. */
  readonly attempt: number;
  readonly executor: ExecutorRow | null;
  /** What the flow was started with. */
  readonly input: Json;
  readonly applicationVersion: string;
  readonly cancelRequested: { readonly by: string; readonly reason: string; readonly atMs: number } | null;
  /** A newer release took its place before it held the lock; it ends as soon as it sees this. */
  readonly superseded: Superseded | null;
  /** What a person last ordered for its rollout. */
  readonly steering: Steering | null;
}

export interface ExecutorRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly heartbeatAtMs: number;
  /** The heartbeat is older than the lease, by the ledger's clock. */
  readonly expired: boolean;
}

/** An unfinished deployment as whoever watches over all of them reads it once a second: without what its flow was started with. */
export interface UnderWay extends Omit<DeploymentRow, "input"> {
  /** The members of `input` that were asked for and are there. */
  readonly inputPart: Readonly<Record<string, Json>>;
}

export interface Beat {
  readonly id: string;
  readonly attempt: Attempt;
  readonly leaseMs: number;
}

/** What a heartbeat brings back, and whether it is worth asking for more. */
export interface Attended {
  readonly id: string;
  readonly cancelRequested: DeploymentRow["cancelRequested"];
  readonly hasMessages: boolean;
  /** Undelivered, due or not. */
  readonly hasNotifications: boolean;
}

export interface LockRow {
  readonly environment: string;
  readonly deploymentId: string;
  readonly attempt: number;
  readonly heldBy: string;
  readonly sinceMs: number;
  /** `manual` is a lock a person took with `sluice lock`. */
  readonly kind: "deployment" | "manual";
  readonly reason: string;
}

export type LockResult =
  | { readonly kind: "acquired"; readonly attempt: Attempt }
  | { readonly kind: "busy"; readonly holder: LockRow };

/** What a deployment that asks for the lock may hear besides: others came before it, or a newer release took its place. */
export type LockAnswer =
  | LockResult
  | { readonly kind: "queued"; readonly behind: string }
  | { readonly kind: "superseded"; readonly by: Superseded };

/** The version an environment serves: what a rollback returns to (X6). Written only after traffic was read back. */
export interface ServingRow {
  readonly environment: string;
  readonly deploymentId: string;
  readonly version: string;
  readonly commit: string;
  readonly sinceMs: number;
  /** What the rollback needs to start it again: components, artifacts, run specs, by reference. */
  readonly detail: Json;
}

/**
 * What the sequential test of one deployment knows: fixed at its start (`plan`), and after every applied bucket (`state`). One
 * test runs across all weights, so a deployment has one.
 */
export interface EvidenceRow {
  readonly plan: Json;
  readonly state: Json;
  /** Buckets below this index were applied, each exactly once, or skipped for a reason that is kept in their place. */
  readonly nextIndex: number;
}

/**
 * The topic of the messages that the ledger itself posts: `{ kind: "approval" | "cancel" | "superseded" | "pause" | "promote" | "continue", by }`. They only wake a flow that
 * waits for people; what counts is in the rows.
 */
export const peopleTopic = "people";

export interface Ledger extends BackupPins, Outbox {
  /** UUID made with the ledger; part of every fencing token. */
  readonly id: string;

  now(): Promise<number>;

  /** Inserts the deployment under the first free id of `id`, `id-2`, `id-3` …; returns the row. */
  createDeployment(
    row: Omit<
      DeploymentRow,
      | "state"
      | "outcome"
      | "endedAtMs"
      | "attempt"
      | "executor"
      | "createdAtMs"
      | "cancelRequested"
      | "superseded"
      | "steering"
    >,
  ): Promise<DeploymentRow>;
  deployment(id: string): Promise<DeploymentRow | undefined>;
  /** Newest first. */
  deployments(filter: {
    readonly project?: string;
    readonly environment?: string;
    readonly unfinished?: boolean;
    readonly limit?: number;
  }): Promise<readonly DeploymentRow[]>;
  /** All that are unfinished, newest first, with these members of their inputs, which as a whole are some kilobytes each. */
  underWay(members: readonly string[]): Promise<readonly UnderWay[]>;
  setState(id: string, state: "running" | "waiting" | "cancelling" | "quarantined", attempt: Attempt): Promise<void>;
  /** Writes the outcome once; a second, different outcome is refused (outcomes latch). */
  finish(id: string, outcome: Outcome, attempt: Attempt): Promise<void>;

  /**
   * A new execution attempt takes charge of the deployment: the environment's next number, this executor, lease begun. If the
   * deployment holds the lock, the lock follows. From now on writes of the attempt before are refused (STALE_ATTEMPT).
   * @param after only in place of this attempt, which was found abandoned: of several that want to take over one succeeds, and
   * the others, like whoever comes after the end, are refused with STALE_ATTEMPT.
   */
  beginAttempt(
    id: string,
    executor: { readonly id: string; readonly host: string; readonly pid: number },
    after?: number,
  ): Promise<Attempt>;
  /** Renews the lease; tells what has arrived. Rejects with STALE_ATTEMPT when another attempt is in charge. */
  heartbeat(
    id: string,
    attempt: Attempt,
    leaseMs: number,
  ): Promise<{ readonly cancelRequested: DeploymentRow["cancelRequested"] }>;
  /**
   * The heartbeats of a process that runs many, in one go. Missing in the answer: whoever is no longer in charge, and whose row
   * somebody else holds just now, since one that is held must not keep the others waiting. Ask for those alone.
   */
  heartbeats(beats: readonly Beat[]): Promise<readonly Attended[]>;
  /** Throws STALE_ATTEMPT unless `attempt` is in charge of its deployment. Called just before every effect. */
  assertInCharge(attempt: Attempt): Promise<void>;
  /** Gives up charge without ending, so that another process need not wait for the lease to run out. */
  release(id: string, attempt: Attempt): Promise<void>;

  /** @param waits it will ask again until it is its turn, and has a place in the queue until then. */
  acquireLock(environment: string, attempt: Attempt, heldBy: string, waits?: boolean): Promise<LockAnswer>;
  /** A lock that a person takes, e.g. during an incident. */
  acquireManualLock(environment: string, by: string, reason: string): Promise<LockResult>;
  /** No-op where the deployment does not hold it. */
  releaseLock(environment: string, attempt: Attempt): Promise<void>;
  /** By hand; audited. Returns what was released. */
  forceUnlock(environment: string, by: string, reason: string): Promise<LockRow | undefined>;
  lock(environment: string): Promise<LockRow | undefined>;
  locks(): Promise<readonly LockRow[]>;

  /** The approval row, the event and the message that wakes the flow, in one transaction. */
  recordApproval(deploymentId: string, vote: ApprovalVote): Promise<Approval>;
  approvals(deploymentId: string): Promise<readonly Approval[]>;

  /** Cancel, pause, promote …: stored, then delivered to the flow by the process in charge. Cancel also sets the row's flag. */
  post(deploymentId: string, topic: string, message: Json, key: string): Promise<void>;
  requestCancel(deploymentId: string, by: string, reason: string): Promise<void>;
  /**
   * The flag, the event and the message that wakes the flow, in one transaction; nothing where it has ended, holds the lock
   * or was superseded before. Returns whether it is superseded by this one.
   */
  supersede(deploymentId: string, by: Superseded): Promise<boolean>;
  /** The order, its event and the message that wakes the flow, in one transaction. Nothing where the deployment has ended. */
  steer(deploymentId: string, order: SteeringOrder): Promise<void>;
  undeliveredMessages(
    deploymentId: string,
  ): Promise<readonly { readonly key: string; readonly topic: string; readonly message: Json }[]>;
  markDelivered(key: string): Promise<void>;

  /** Appends to the deployment's story; a repeated (deployment, step, attempt, phase, key) is dropped. Hash-chained. */
  append(event: NewEvent, attempt: Attempt | null): Promise<void>;
  /** In order, after `afterSeq`. Sequence numbers rise per deployment from 1, without gaps. */
  events(deploymentId: string, afterSeq: number, limit?: number): Promise<readonly DeploymentEvent[]>;
  /** Events that belong to no deployment (unlock by hand, lock take-over): the environment's audit trail. */
  audit(filter: { readonly environment?: string; readonly limit?: number }): Promise<readonly DeploymentEvent[]>;

  /** What people did, in deployments and beside them, newest first: every event that has an actor. */
  actions(filter: {
    readonly environment?: string;
    readonly deploymentId?: string;
    readonly limit?: number;
  }): Promise<readonly DeploymentEvent[]>;
  /** Every chain of events there is, also one whose deployment or environment is gone. */
  chains(): Promise<readonly Chain[]>;
  /** The whole chain and its noted end, as of one moment; without events where there is none. */
  chain(chain: Chain): Promise<StoredChain>;

  serving(environment: string): Promise<ServingRow | undefined>;
  /** Newest first, the one that serves first. */
  servingHistory(environment: string, limit: number): Promise<readonly ServingRow[]>;
  setServing(row: ServingRow, attempt: Attempt): Promise<void>;
  /** A first deployment was removed: nothing serves. */
  clearServing(environment: string, attempt: Attempt): Promise<void>;

  evidence(deploymentId: string): Promise<EvidenceRow | undefined>;
  /** The first one stays; returns the row that is there afterwards. */
  beginEvidence(deploymentId: string, row: EvidenceRow, attempt: Attempt): Promise<EvidenceRow>;
  /**
   * Keeps the buckets from `fromIndex` on and the state after them, in one transaction. Where other buckets were applied meanwhile
   * (a step beside its own repetition) nothing is written. Returns the row that is there afterwards.
   */
  applyBuckets(
    deploymentId: string,
    fromIndex: number,
    buckets: readonly MetricBucket[],
    after: Pick<EvidenceRow, "state" | "nextIndex">,
    attempt: Attempt,
  ): Promise<EvidenceRow>;
  /** The whole series, by index and metric: what status, report and record draw. */
  evidenceBuckets(deploymentId: string, fromIndex?: number): Promise<readonly MetricBucket[]>;

  /** The record of an ended deployment (D1): plain JSON, replaced as a whole while late lines (O5, notes) are added. */
  saveRecord(deploymentId: string, record: Json): Promise<void>;
  record(deploymentId: string): Promise<Json | undefined>;

  /**
   * True for exactly one caller per due time. @param after in place of that many claims, whose process died: again for one only.
   */
  claimScheduled(due: ScheduledDue, executor: ScheduledExecutor, after: number | null): Promise<boolean>;
  /** The first end counts, and only that of the claim in charge. */
  endScheduled(due: ScheduledDue, executor: ScheduledExecutor, end: ScheduledEnd): Promise<void>;
  /** Newest due time first; with a name, those of this schedule. */
  scheduled(environment: string, limit: number, name?: string): Promise<readonly ScheduledRun[]>;

  close(): Promise<void>;
}
