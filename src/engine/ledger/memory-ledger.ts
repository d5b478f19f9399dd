/**
 * The ledger in memory, for simulation and tests: the same decisions as the real one, atomic because nothing here waits
 * between reading and writing. What goes in is copied and frozen.
 */
import { randomUUID } from "node:crypto";
import { chainName } from "../../domain/audit.ts";
import { asJson } from "../../domain/json.ts";
import { defaultLeaseMs, firstFreeId, mayReplace, ruleOnOutcome } from "../../domain/lock.ts";
import { type DeploymentRow, type Ledger, peopleTopic, type ServingRow, type UnderWay } from "../../ports/ledger.ts";
import { cancelEvent, steeringEvent, supersedeEvent, voteEvent, voteKey } from "./chain.ts";
import { memoryAudit } from "./memory-audit.ts";
import { memoryEvidence } from "./memory-evidence.ts";
import { memoryLocks } from "./memory-locks.ts";
import { memoryOutbox } from "./memory-outbox.ts";
import { memoryPins } from "./memory-pins.ts";
import { memoryScheduled } from "./memory-scheduled.ts";
import { kept, type MemoryStore, memoryStore, type StoredServing, visible } from "./memory-store.ts";
import { outcomeLatched, staleAttempt } from "./refusals.ts";

/** @param options.now the ledger's clock, milliseconds. */
export function memoryLedger(options: { readonly now: () => number; readonly id?: string }): Ledger {
  const store = memoryStore({ now: options.now, id: options.id ?? randomUUID() });
  return {
    id: store.id,
    now: async () => store.now(),
    ...memoryDeployments(store),
    ...memoryAttempts(store),
    ...memoryLocks(store),
    ...memoryPeople(store),
    ...memoryEvidence(store),
    ...memoryEvents(store),
    ...memoryAudit(store),
    ...memoryServing(store),
    ...memoryOutbox(store),
    ...memoryScheduled(store.now),
    ...memoryPins(store),
    async saveRecord(deploymentId, record) {
      store.find(deploymentId);
      store.records.set(deploymentId, kept(record));
    },
    record: async (deploymentId) => store.records.get(deploymentId),
    close: async () => undefined,
  };
}

type Part<Name extends keyof Ledger> = Pick<Ledger, Name>;

const newestFirst = <T>(rows: Iterable<T>): T[] => [...rows].reverse();

function memoryDeployments(store: MemoryStore): Part<"createDeployment" | "deployment" | "deployments" | "underWay"> {
  return {
    async createDeployment(given) {
      const id = firstFreeId(given.id, (candidate) => store.deployments.has(candidate));
      store.environment(given.environment);
      store.deployments.set(id, {
        ...kept(given),
        id,
        createdAtMs: store.now(),
        state: "running",
        outcome: null,
        endedAtMs: null,
        attempt: 0,
        executor: null,
        heartbeatAtMs: 0,
        leaseMs: defaultLeaseMs,
        cancelRequested: null,
        superseded: null,
        steering: null,
        queuedAtMs: null,
        approvals: new Map(),
      });
      return visible(store.find(id), store.now());
    },
    async deployment(id) {
      const row = store.deployments.get(id);
      return row && visible(row, store.now());
    },
    async deployments({ project, environment, unfinished, limit }) {
      return newestFirst(store.deployments.values())
        .filter((row) => project === undefined || row.project === project)
        .filter((row) => environment === undefined || row.environment === environment)
        .filter((row) => !unfinished || row.outcome === null)
        .slice(0, limit)
        .map((row) => visible(row, store.now()));
    },
    async underWay(members) {
      const unfinished = newestFirst(store.deployments.values()).filter((row) => row.outcome === null);
      return unfinished.map((row) => withPartOfInput(visible(row, store.now()), members));
    },
  };
}

function withPartOfInput({ input, ...row }: DeploymentRow, members: readonly string[]): UnderWay {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  const there = isObject ? Object.entries(input).filter(([name]) => members.includes(name)) : [];
  return { ...row, inputPart: Object.fromEntries(there) };
}

function memoryAttempts(
  store: MemoryStore,
): Part<"setState" | "finish" | "beginAttempt" | "heartbeat" | "heartbeats" | "assertInCharge" | "release"> {
  return {
    async setState(id, state, attempt) {
      const row = store.takeCharge(id, attempt);
      if (row.outcome === null) row.state = state;
    },
    async finish(id, outcome, attempt) {
      const row = store.takeCharge(id, attempt);
      const ruling = ruleOnOutcome(row.outcome, outcome);
      if (ruling === "refuse") throw outcomeLatched(id, row.outcome ?? "", outcome);
      if (ruling === "write") Object.assign(row, { outcome, state: "ended", endedAtMs: store.now() });
    },
    async beginAttempt(id, { id: executorId, host, pid }, after) {
      const row = store.find(id);
      if (after !== undefined && !mayReplace(row, after)) throw staleAttempt(id, after);
      const n = store.nextNumber(row.environment);
      const executor = { id: executorId, host, pid };
      Object.assign(row, { attempt: n, executor, heartbeatAtMs: store.now(), leaseMs: defaultLeaseMs });
      const environment = store.environment(row.environment);
      if (environment.lock?.deploymentId === id) environment.lock = { ...environment.lock, attempt: n };
      return { ledgerId: store.id, n, deploymentId: id };
    },
    async heartbeat(id, attempt, leaseMs) {
      const row = store.takeCharge(id, attempt);
      Object.assign(row, { heartbeatAtMs: store.now(), leaseMs });
      return { cancelRequested: row.cancelRequested };
    },
    async heartbeats(beats) {
      const inCharge = beats.filter(({ id, attempt }) => store.deployments.get(id)?.attempt === attempt.n);
      return inCharge.map(({ id, leaseMs }) => {
        const row = store.find(id);
        Object.assign(row, { heartbeatAtMs: store.now(), leaseMs });
        const hasMessages = [...store.messages.values()].some((each) => each.deploymentId === id && !each.delivered);
        const hasNotifications = [...store.outbox.values()].some(
          (each) => each.deploymentId === id && each.deliveredAtMs === null && each.gaveUpAtMs === null,
        );
        return { id, cancelRequested: row.cancelRequested, hasMessages, hasNotifications };
      });
    },
    async assertInCharge(attempt) {
      store.takeCharge(attempt.deploymentId, attempt);
    },
    async release(id, attempt) {
      store.takeCharge(id, attempt).executor = null;
    },
  };
}

function memoryPeople(
  store: MemoryStore,
): Part<
  | "recordApproval"
  | "approvals"
  | "post"
  | "requestCancel"
  | "supersede"
  | "steer"
  | "undeliveredMessages"
  | "markDelivered"
> {
  const post = (deploymentId: string, topic: string, message: unknown, key: string) => {
    if (store.messages.has(key)) return;
    store.messages.set(key, { key, deploymentId, topic, message: kept(asJson(message)), delivered: false });
  };
  return {
    async recordApproval(id, vote) {
      const row = store.find(id);
      const key = voteKey(vote);
      const approval = row.approvals.get(key) ?? kept({ ...vote, atMs: store.now() });
      row.approvals.set(key, approval);
      store.append(voteEvent(id, row.environment, vote), 0);
      post(id, peopleTopic, { kind: "approval", by: vote.by }, `${id}:vote:${key}`);
      return approval;
    },
    approvals: async (id) => [...(store.deployments.get(id)?.approvals.values() ?? [])],
    async post(id, topic, message, key) {
      post(store.find(id).id, topic, message, key);
    },
    async requestCancel(id, by, reason) {
      const row = store.find(id);
      if (row.cancelRequested !== null || row.outcome !== null) return;
      row.cancelRequested = kept({ by, reason, atMs: store.now() });
      store.append(cancelEvent(id, row.environment, by, reason), 0);
      post(id, peopleTopic, { kind: "cancel", by }, `${id}:cancel`);
    },
    async supersede(id, by) {
      const row = store.find(id);
      const holdsLock = store.environment(row.environment).lock?.deploymentId === id;
      if (row.superseded === null && row.outcome === null && !holdsLock) {
        row.superseded = kept(by);
        store.append(supersedeEvent(id, row.environment, by), 0);
        post(id, peopleTopic, { kind: "superseded", ...by }, `${id}:superseded`);
      }
      return row.superseded?.by === by.by;
    },
    async steer(id, order) {
      const row = store.find(id);
      if (row.outcome !== null) return;
      row.steering = { ...structuredClone(order), atMs: store.now() };
      const key = String((store.ends.get(chainName({ kind: "deployment", id }))?.seq ?? 0) + 1);
      store.append(steeringEvent(id, row.environment, key, order), 0);
      post(id, peopleTopic, order, `${id}:steer:${key}`);
    },
    async undeliveredMessages(id) {
      const waiting = [...store.messages.values()].filter((each) => each.deploymentId === id && !each.delivered);
      return waiting.map(({ key, topic, message }) => ({ key, topic, message }));
    },
    async markDelivered(key) {
      const message = store.messages.get(key);
      if (message) message.delivered = true;
    },
  };
}

function memoryEvents(store: MemoryStore): Part<"append" | "events" | "audit"> {
  return {
    async append(event, attempt) {
      if (event.deploymentId !== null) {
        if (attempt) store.takeCharge(event.deploymentId, attempt);
        else store.find(event.deploymentId);
      }
      store.append(event, event.deploymentId === null ? 0 : (attempt?.n ?? 0));
    },
    async events(deploymentId, afterSeq, limit) {
      const all = store.chain(chainName({ kind: "deployment", id: deploymentId }));
      return all.filter(({ seq }) => seq > afterSeq).slice(0, limit);
    },
    async audit({ environment, limit }) {
      const found = newestFirst(store.events).filter((each) => each.deploymentId === null);
      return found.filter((each) => environment === undefined || each.environment === environment).slice(0, limit);
    },
  };
}

function memoryServing(store: MemoryStore): Part<"serving" | "servingHistory" | "setServing" | "clearServing"> {
  const shown = ({ removed: _, ...row }: StoredServing): ServingRow => row;
  return {
    async serving(environment) {
      const row = store.environments.get(environment)?.serving;
      return row && shown(row);
    },
    async servingHistory(environment, limit) {
      const rows = newestFirst(store.serving).filter((row) => row.environment === environment && !row.removed);
      return rows.slice(0, limit).map(shown);
    },
    async setServing(row, attempt) {
      store.takeCharge(attempt.deploymentId, attempt);
      const place = store.environment(row.environment);
      const before = place.serving;
      // A repeated step says the same again: the row is brought up to date, not doubled.
      if (before?.deploymentId === row.deploymentId && before.version === row.version) {
        Object.assign(before, kept({ detail: row.detail, commit: row.commit }));
        return;
      }
      place.serving = { ...kept(row), removed: false };
      store.serving.push(place.serving);
    },
    async clearServing(environment, attempt) {
      store.takeCharge(attempt.deploymentId, attempt);
      const place = store.environment(environment);
      if (place.serving) place.serving.removed = true;
      place.serving = undefined;
    },
  };
}
