/** What happens by itself and when (B6 B11 B12): what one schedule comes to now, decided from what the ledger knows of it. */
import type { Json } from "./json.ts";

export const scheduledTasks = ["backup", "restore-drill", "rollback-drill", "prune"] as const;
export type ScheduledTask = (typeof scheduledTasks)[number];

export interface ScheduleSettings {
  readonly name: string;
  /** Five fields; config/cron.ts reads it. */
  readonly cron: string;
  readonly timeZone: string;
  readonly run: ScheduledTask;
}

export interface Objectives {
  /** At most so much is lost: the time between backups. */
  readonly rpoMs: number | null;
  /** At most so long until it is restored and verified. */
  readonly rtoMs: number | null;
}

export interface ScheduledSettings {
  readonly schedules: readonly ScheduleSettings[];
  readonly objectives: Objectives;
}

/** Who runs it: a process of a machine. */
export interface ScheduledExecutor {
  readonly host: string;
  readonly pid: number;
}

/** One due time of one schedule, from the moment somebody claimed it. */
export interface ScheduledRun {
  readonly environment: string;
  readonly name: string;
  readonly dueAtMs: number;
  readonly executor: ScheduledExecutor;
  /** How often it was claimed: more than once where a claimant died. */
  readonly claims: number;
  readonly claimedAtMs: number;
  readonly endedAtMs: number | null;
  readonly outcome: "succeeded" | "failed" | null;
  readonly detail: Json;
}

export type ScheduledDue = Pick<ScheduledRun, "environment" | "name" | "dueAtMs">;

export interface ScheduledEnd {
  readonly outcome: "succeeded" | "failed";
  readonly detail: Json;
}

/** A claim without an end: after so long it counts for nothing, wherever its process is. */
export const claimLimitMs = 6 * 3_600_000;

export type DueRuling =
  /** `after`: in place of that many claims, whose process died. */
  | { readonly kind: "due"; readonly dueAtMs: number; readonly after: number | null }
  | { readonly kind: "running"; readonly run: ScheduledRun }
  | { readonly kind: "waits" };

export interface DueFacts {
  readonly nowMs: number;
  /** The last time at or before now; undefined where it has never come. */
  readonly lastFireMs: number | undefined;
  /** The newest run, by its due time. */
  readonly last: ScheduledRun | undefined;
  /** Whether the process of `last` lives; undefined where that cannot be seen from here. */
  readonly lives: boolean | undefined;
}

/** Several times that were missed are one run, at the last of them; a schedule that never ran is due at once. */
export function ruleOnDue({ nowMs, lastFireMs, last, lives }: DueFacts): DueRuling {
  if (lastFireMs === undefined) return { kind: "waits" };
  if (last === undefined) return { kind: "due", dueAtMs: lastFireMs, after: null };
  if (last.endedAtMs === null) {
    const forgotten = nowMs - last.claimedAtMs >= claimLimitMs;
    if (lives !== false && !forgotten) return { kind: "running", run: last };
    if (last.dueAtMs >= lastFireMs) return { kind: "due", dueAtMs: last.dueAtMs, after: last.claims };
  }
  return last.dueAtMs < lastFireMs ? { kind: "due", dueAtMs: lastFireMs, after: null } : { kind: "waits" };
}
