/** Due times of schedules, in memory. */
import type { ScheduledDue, ScheduledExecutor, ScheduledRun } from "../../domain/schedule.ts";
import type { Ledger } from "../../ports/ledger.ts";
import { kept } from "./memory-store.ts";

const keyOf = ({ environment, name, dueAtMs }: ScheduledDue): string => JSON.stringify([environment, name, dueAtMs]);

const isSame = (one: ScheduledExecutor, other: ScheduledExecutor): boolean =>
  one.host === other.host && one.pid === other.pid;

export function memoryScheduled(now: () => number): Pick<Ledger, "claimScheduled" | "endScheduled" | "scheduled"> {
  const runs = new Map<string, ScheduledRun>();
  return {
    async claimScheduled(due, executor, after) {
      const before = runs.get(keyOf(due));
      const mayClaim = after === null ? before === undefined : before?.claims === after && before.endedAtMs === null;
      if (!mayClaim) return false;
      const claimed = { executor, claims: (after ?? 0) + 1, claimedAtMs: now() };
      const { environment, name, dueAtMs } = due;
      const run = { environment, name, dueAtMs, ...claimed, endedAtMs: null, outcome: null, detail: null };
      runs.set(keyOf(due), kept(run));
      return true;
    },
    async endScheduled(due, executor, end) {
      const run = runs.get(keyOf(due));
      if (run === undefined || run.endedAtMs !== null || !isSame(run.executor, executor)) return;
      runs.set(keyOf(due), kept({ ...run, ...end, endedAtMs: now() }));
    },
    async scheduled(environment, limit, name) {
      return [...runs.values()]
        .filter((run) => run.environment === environment && (name === undefined || run.name === name))
        .toSorted((a, b) => b.dueAtMs - a.dueAtMs || (a.name < b.name ? -1 : 1))
        .slice(0, limit);
    },
  };
}
