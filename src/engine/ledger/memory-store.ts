/** What the memory ledger remembers, and the reads that several of its parts share. */
import type { Approval } from "../../domain/approval.ts";
import type { Attempt } from "../../domain/attempt.ts";
import { type ChainEnd, chainName } from "../../domain/audit.ts";
import type { DeploymentEvent, NewEvent } from "../../domain/events.ts";
import type { Json } from "../../domain/json.ts";
import { leaseExpired } from "../../domain/lock.ts";
import type { DeploymentRow, LockRow, OutboxRow, ServingRow } from "../../ports/ledger.ts";
import { chained, emptyChain } from "./chain.ts";
import { deploymentUnknown, staleAttempt } from "./refusals.ts";

export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export type StoredDeployment = Mutable<Omit<DeploymentRow, "executor">> & {
  executor: { readonly id: string; readonly host: string; readonly pid: number } | null;
  heartbeatAtMs: number;
  leaseMs: number;
  /** Since when it waits for the lock. */
  queuedAtMs: number | null;
  readonly approvals: Map<string, Approval>;
};

interface StoredEnvironment {
  lastAttempt: number;
  serving: StoredServing | undefined;
  lock: LockRow | undefined;
}

export type StoredServing = Mutable<ServingRow> & { removed: boolean };

interface StoredMessage {
  readonly key: string;
  readonly deploymentId: string;
  readonly topic: string;
  readonly message: Json;
  delivered: boolean;
}

export type MemoryStore = ReturnType<typeof memoryStore>;

export function memoryStore(options: { readonly now: () => number; readonly id: string }) {
  const deployments = new Map<string, StoredDeployment>();
  const environments = new Map<string, StoredEnvironment>();
  const events: DeploymentEvent[] = [];
  const ends = new Map<string, ChainEnd>();

  const find = (id: string): StoredDeployment => {
    const row = deployments.get(id);
    if (!row) throw deploymentUnknown(id);
    return row;
  };
  const environment = (name: string): StoredEnvironment => {
    const found = environments.get(name) ?? { lastAttempt: 0, serving: undefined, lock: undefined };
    environments.set(name, found);
    return found;
  };
  return {
    id: options.id,
    now: options.now,
    deployments,
    environments,
    events,
    /** By `chainName`. */
    ends: ends as ReadonlyMap<string, ChainEnd>,
    messages: new Map<string, StoredMessage>(),
    serving: [] as StoredServing[],
    outbox: new Map<string, Mutable<OutboxRow> & { nextAttemptAtMs: number }>(),
    records: new Map<string, Json>(),
    find,
    environment,
    nextNumber: (name: string): number => ++environment(name).lastAttempt,
    takeCharge(id: string, attempt: Attempt): StoredDeployment {
      const row = find(id);
      if (row.attempt !== attempt.n) throw staleAttempt(id, attempt.n);
      return row;
    },
    append(event: NewEvent, attempt: number): void {
      const chain =
        event.deploymentId === null
          ? chainName({ kind: "environment", id: event.environment })
          : chainName({ kind: "deployment", id: event.deploymentId });
      if (events.some((other) => sameEvent(other, event, attempt))) return;
      const made = chained(event, attempt, options.now(), ends.get(chain) ?? emptyChain);
      ends.set(chain, { seq: made.seq, hash: made.hash });
      events.push(made);
    },
  };
}

const sameEvent = (a: DeploymentEvent, b: NewEvent, attempt: number): boolean =>
  a.deploymentId === b.deploymentId &&
  a.environment === b.environment &&
  a.step === b.step &&
  a.attempt === attempt &&
  a.phase === b.phase &&
  a.key === b.key;

/** The row as readers see it; a copy, so that nobody holds a view into the store. */
export function visible(row: StoredDeployment, nowMs: number): DeploymentRow {
  const { heartbeatAtMs, leaseMs, queuedAtMs: _since, approvals: _, executor, ...rest } = row;
  const expired = leaseExpired(heartbeatAtMs, leaseMs, nowMs);
  return structuredClone({ ...rest, executor: executor && { ...executor, heartbeatAtMs, expired } });
}
