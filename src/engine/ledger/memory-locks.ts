/** Locks and their queue in memory. */
import { asJson } from "../../domain/json.ts";
import { type InQueue, type LockAsker, leaseExpired, ruleOnLock, ruleOnTurn } from "../../domain/lock.ts";
import type { Ledger, LockRow } from "../../ports/ledger.ts";
import { lockEvent } from "./chain.ts";
import { kept, type MemoryStore, type StoredDeployment } from "./memory-store.ts";
import { answerTo } from "./refusals.ts";

type LocksPart = Pick<Ledger, "acquireLock" | "acquireManualLock" | "releaseLock" | "forceUnlock" | "lock" | "locks">;

export function memoryLocks(store: MemoryStore): LocksPart {
  const ended = (lock: LockRow) => lock.kind === "deployment" && store.find(lock.deploymentId).outcome !== null;
  const rule = (environment: string, asker: LockAsker) => {
    const holder = store.environment(environment).lock;
    return { holder, ruling: ruleOnLock(holder && { ...holder, holderEnded: ended(holder) }, asker) };
  };
  const put = (lock: Omit<LockRow, "sinceMs">) => {
    store.environment(lock.environment).lock = kept({ ...lock, sinceMs: store.now() });
  };
  const joinQueue = (environment: string, asker: StoredDeployment): readonly InQueue[] => {
    asker.queuedAtMs ??= store.now();
    return [...store.deployments.values()]
      .filter((row) => row.environment === environment && row.outcome === null && row.superseded === null)
      .filter((row) => row.queuedAtMs !== null && (row.id === asker.id || isLed(row, store.now())))
      .sort((a, b) => (a.queuedAtMs ?? 0) - (b.queuedAtMs ?? 0))
      .map(({ id, kind }) => ({ deploymentId: id, kind }));
  };
  const held = (lock: LockRow | undefined) => (lock && !ended(lock) ? [lock] : []);
  return {
    async acquireLock(environment, attempt, heldBy, waits = false) {
      const row = store.takeCharge(attempt.deploymentId, attempt);
      const { holder, ruling } = rule(environment, { kind: "deployment", deploymentId: row.id });
      const asker = { deploymentId: row.id, superseded: row.superseded !== null };
      const turn = ruleOnTurn(ruling, asker, waits ? joinQueue(environment, row) : []);
      if (turn.kind !== "take") return answerTo(turn, attempt, holder, row.superseded);
      row.attempt = store.nextNumber(environment);
      row.queuedAtMs = null;
      put({ environment, deploymentId: row.id, attempt: row.attempt, heldBy, kind: "deployment", reason: "" });
      return { kind: "acquired", attempt: { ...attempt, n: row.attempt } };
    },
    async acquireManualLock(environment, by, reason) {
      const { holder, ruling } = rule(environment, { kind: "manual", by });
      if (ruling === "busy") return { kind: "busy", holder: holder as LockRow };
      const n = ruling === "keep" && holder ? holder.attempt : store.nextNumber(environment);
      if (ruling === "take") {
        put({ environment, deploymentId: "", attempt: n, heldBy: by, kind: "manual", reason });
        store.append(lockEvent("lock", String(n), environment, by, reason, null), 0);
      }
      return { kind: "acquired", attempt: { ledgerId: store.id, n, deploymentId: "" } };
    },
    async releaseLock(environment, attempt) {
      store.takeCharge(attempt.deploymentId, attempt);
      const place = store.environment(environment);
      if (place.lock?.kind === "deployment" && place.lock.deploymentId === attempt.deploymentId) place.lock = undefined;
    },
    async forceUnlock(environment, by, reason) {
      const place = store.environment(environment);
      const released = place.lock;
      if (!released) return undefined;
      place.lock = undefined;
      const n = store.nextNumber(environment);
      const holder = store.deployments.get(released.deploymentId);
      // Whoever held it must not go on acting without it: its attempt is no longer in charge.
      if (holder && holder.outcome === null) holder.attempt = n;
      store.append(lockEvent("unlock", String(n), environment, by, reason, asJson(released)), 0);
      return released;
    },
    lock: async (environment) => held(store.environments.get(environment)?.lock)[0],
    locks: async () =>
      [...store.environments.values()]
        .flatMap(({ lock }) => held(lock))
        .sort((a, b) => (a.environment < b.environment ? -1 : 1)),
  };
}

/** A process leads it: whoever waits for a dead one would wait for ever. */
const isLed = ({ executor, heartbeatAtMs, leaseMs }: StoredDeployment, nowMs: number): boolean =>
  executor !== null && !leaseExpired(heartbeatAtMs, leaseMs, nowMs);
