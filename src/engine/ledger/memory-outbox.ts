/** The outbox in memory. */
import type { Ledger } from "../../ports/ledger.ts";
import { kept, type MemoryStore } from "./memory-store.ts";

export function memoryOutbox(
  store: MemoryStore,
): Pick<
  Ledger,
  | "enqueueNotifications"
  | "dueNotifications"
  | "claimLeftNotifications"
  | "notificationDelivered"
  | "notificationFailed"
  | "undelivered"
> {
  const waiting = () => [...store.outbox.values()].filter((row) => row.deliveredAtMs === null);
  const shown = ({ nextAttemptAtMs: _, ...row }: ReturnType<typeof waiting>[number]) => row;
  const waitingRow = (key: string) => waiting().find((row) => row.key === key);
  return {
    async enqueueNotifications(rows) {
      for (const row of rows.filter(({ key }) => !store.outbox.has(key))) {
        const fresh = { attempts: 0, lastError: null, deliveredAtMs: null, nextAttemptAtMs: 0 };
        store.outbox.set(row.key, { ...kept(row), ...fresh, deploymentId: row.notification.deploymentId });
      }
    },
    async dueNotifications(limit, deploymentId) {
      const due = waiting().filter((row) => row.nextAttemptAtMs <= store.now());
      const wanted = due.filter((row) => deploymentId === undefined || row.deploymentId === deploymentId);
      return wanted.slice(0, limit).map(shown);
    },
    async claimLeftNotifications(environment, limit, forMs) {
      const due = waiting().filter((row) => row.nextAttemptAtMs <= store.now());
      const isAttended = (id: string) => store.deployments.get(id)?.outcome === null;
      const left = due
        .filter((row) => row.notification.environment === environment && !isAttended(row.deploymentId))
        .slice(0, limit);
      for (const row of left) row.nextAttemptAtMs = store.now() + Math.round(forMs);
      return left.map(shown);
    },
    async notificationDelivered(key) {
      const row = waitingRow(key);
      if (row) Object.assign(row, { deliveredAtMs: store.now(), attempts: row.attempts + 1 });
    },
    async notificationFailed(key, error, retryAfterMs) {
      const row = waitingRow(key);
      if (!row) return;
      const nextAttemptAtMs = store.now() + Math.round(retryAfterMs);
      Object.assign(row, { attempts: row.attempts + 1, lastError: error, nextAttemptAtMs });
    },
    undelivered: async (deploymentId) =>
      waiting()
        .filter((row) => row.deploymentId === deploymentId)
        .map(shown),
  };
}
