/** The outbox in memory. */
import type { Outbox, OutboxRow } from "../../ports/outbox.ts";
import { kept, type MemoryStore } from "./memory-store.ts";

export function memoryOutbox(store: MemoryStore): Outbox {
  const all = () => [...store.outbox.values()];
  const undelivered = () => all().filter((row) => row.deliveredAtMs === null);
  const waiting = () => undelivered().filter((row) => row.gaveUpAtMs === null);
  const isSameLine = (a: OutboxRow, b: OutboxRow) => a.deploymentId === b.deploymentId && a.channel === b.channel;
  const due = () => {
    const later = waiting().filter(({ nextAttemptAtMs }) => nextAttemptAtMs > store.now());
    const order = [...store.outbox.keys()];
    const isHeldUp = (row: OutboxRow) =>
      later.some((other) => isSameLine(other, row) && order.indexOf(other.key) <= order.indexOf(row.key));
    return waiting().filter((row) => later.length === 0 || !isHeldUp(row));
  };
  const shown = ({ nextAttemptAtMs: _, ...row }: ReturnType<typeof waiting>[number]): OutboxRow => ({
    ...row,
    thread: all().find((other) => isSameLine(other, row) && other.thread !== null)?.thread ?? null,
  });
  const waitingRow = (key: string) => undelivered().find((row) => row.key === key);
  return {
    async enqueueNotifications(rows) {
      for (const row of rows.filter(({ key }) => !store.outbox.has(key))) {
        const untried = { attempts: 0, lastError: null, deliveredAtMs: null, gaveUpAtMs: null, thread: null };
        const fresh = { ...untried, nextAttemptAtMs: 0 };
        store.outbox.set(row.key, { ...kept(row), ...fresh, deploymentId: row.notification.deploymentId });
      }
    },
    async dueNotifications(limit, deploymentId) {
      const wanted = due().filter((row) => deploymentId === undefined || row.deploymentId === deploymentId);
      return wanted.slice(0, limit).map(shown);
    },
    async claimLeftNotifications(environment, limit, forMs) {
      const isAttended = (id: string) => store.deployments.get(id)?.outcome === null;
      const left = due()
        .filter((row) => row.notification.environment === environment && !isAttended(row.deploymentId))
        .slice(0, limit);
      for (const row of left) row.nextAttemptAtMs = store.now() + Math.round(forMs);
      return left.map(shown);
    },
    async notificationDelivered(key, thread) {
      const row = waitingRow(key);
      if (!row) return;
      Object.assign(row, { deliveredAtMs: store.now(), attempts: row.attempts + 1, thread: thread ?? null });
    },
    async notificationFailed(key, error, retryAfterMs) {
      const row = waitingRow(key);
      if (!row) return;
      const after =
        retryAfterMs === null
          ? { gaveUpAtMs: store.now() }
          : { nextAttemptAtMs: store.now() + Math.round(retryAfterMs) };
      Object.assign(row, { attempts: row.attempts + 1, lastError: error, ...after });
    },
    undelivered: async (deploymentId) =>
      undelivered()
        .filter((row) => row.deploymentId === deploymentId)
        .map(shown),
    async reviveNotifications(environment, channel) {
      const revived = undelivered().filter(
        (row) =>
          row.gaveUpAtMs !== null &&
          row.notification.environment === environment &&
          (channel === undefined || row.channel === channel),
      );
      for (const row of revived) Object.assign(row, { gaveUpAtMs: null, nextAttemptAtMs: 0 });
      return revived.length;
    },
  };
}
