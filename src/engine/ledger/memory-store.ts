/** What the memory ledger remembers, and the reads that several of its parts share. */
import type { Approval } from "../../domain/approval.ts";
import type { Attempt } from "../../domain/attempt.ts";
import { type ChainEnd, chainName } from "../../domain/audit.ts";
import type { MetricBucket } from "../../domain/canary/bucket.ts";
import type { DeploymentEvent, NewEvent } from "../../domain/events.ts";
import type { Json } from "../../domain/json.ts";
import { leaseExpired } from "../../domain/lock.ts";
import type { DeploymentRow, EvidenceRow, LockRow, ServingRow } from "../../ports/ledger.ts";
import type { OutboxRow } from "../../ports/outbox.ts";
import { chained, emptyChain } from "./chain.ts";
import { deploymentUnknown, staleAttempt } from "./refusals.ts";
import { storable } from "./storable.ts";

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
  const chains = new Map<string, DeploymentEvent[]>();
  const ends = new Map<string, ChainEnd>();
  const known = new Set<string>();

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
    /** In order; by `chainName`. */
    chain: (name: string): readonly DeploymentEvent[] => chains.get(name) ?? [],
    /** By `chainName`. */
    ends: ends as ReadonlyMap<string, ChainEnd>,
    messages: new Map<string, StoredMessage>(),
    serving: [] as StoredServing[],
    outbox: new Map<string, Mutable<OutboxRow> & { nextAttemptAtMs: number }>(),
    records: new Map<string, Json>(),
    evidence: new Map<string, EvidenceRow>(),
    buckets: new Map<string, Map<string, MetricBucket>>(),
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
      const name = eventName(event, attempt);
      if (known.has(name)) return;
      known.add(name);
      const made = frozen(chained(event, attempt, options.now(), ends.get(chain) ?? emptyChain));
      ends.set(chain, { seq: made.seq, hash: made.hash });
      events.push(made);
      const before = chains.get(chain);
      if (before) before.push(made);
      else chains.set(chain, [made]);
    },
  };
}

/** What makes it unique. */
const eventName = ({ deploymentId, environment, step, phase, key }: NewEvent, attempt: number): string =>
  JSON.stringify([deploymentId, environment, step, attempt, phase, key]);

/** Kept for good and given out as it is: no reader can change what the store holds. */
export function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}

/** As the store keeps it: a copy that nobody can change. */
export const kept = <T>(value: T): T => frozen(storable(value));

/** The row as readers see it; all within it is frozen, so that nobody holds a view into the store. */
export function visible(row: StoredDeployment, nowMs: number): DeploymentRow {
  const { heartbeatAtMs, leaseMs, queuedAtMs: _since, approvals: _, executor, ...rest } = row;
  const expired = leaseExpired(heartbeatAtMs, leaseMs, nowMs);
  return { ...rest, executor: executor && { ...executor, heartbeatAtMs, expired } };
}
