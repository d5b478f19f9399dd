/**
 * B11: recovery objectives against what was measured. The loss (RPO) is the time between two backups, and at any moment the time
 * since the newest; the way back (RTO) is a restore with its verification, from drills and from proofs of backups.
 */
import { type BackupManifest, expectedProofMs, strengthOf } from "./backup.ts";
import { humanDuration } from "./duration.ts";
import type { Objectives } from "./schedule.ts";

export interface MissedObjective {
  readonly objective: "RPO" | "RTO";
  readonly database: string;
  readonly measuredMs: number;
  readonly allowedMs: number;
  readonly title: string;
}

type OfDatabase = Pick<BackupManifest, "environment" | "database">;

const isOf =
  ({ environment, database }: OfDatabase) =>
  (manifest: BackupManifest): boolean =>
    manifest.environment === environment && manifest.database === database;

/** Of a backup that was just taken: the time since the one before it, and how long its own proof took. */
export function missedAtBackup(
  objectives: Objectives,
  taken: BackupManifest,
  known: readonly BackupManifest[],
): readonly MissedObjective[] {
  const before = known
    .filter(isOf(taken))
    .filter(({ takenAtMs }) => takenAtMs < taken.takenAtMs)
    .toSorted((a, b) => b.takenAtMs - a.takenAtMs)[0];
  const lossMs = before && taken.takenAtMs - before.takenAtMs;
  return [
    ...missedRpo(objectives, taken.database, lossMs, "passed between this backup and the one before it"),
    ...missedRto(objectives, taken.database, restoreMsOf(taken)),
  ];
}

/** The time that a person would need to have it back, as it was measured when it was proven; undefined where it was not restored. */
const restoreMsOf = ({ level, proof }: BackupManifest): number | undefined =>
  strengthOf(level) >= strengthOf("restored") ? proof?.tookMs : undefined;

export const missedAtDrill = (objectives: Objectives, database: string, tookMs: number): readonly MissedObjective[] =>
  missedRto(objectives, database, tookMs);

function missedRpo(
  { rpoMs }: Objectives,
  database: string,
  measuredMs: number | undefined,
  words: string,
): readonly MissedObjective[] {
  if (rpoMs === null || measuredMs === undefined || measuredMs <= rpoMs) return [];
  const title = `RPO missed for ${database}: ${humanDuration(measuredMs)} ${words}, ${humanDuration(rpoMs)} are allowed`;
  return [{ objective: "RPO", database, measuredMs, allowedMs: rpoMs, title }];
}

function missedRto(
  { rtoMs }: Objectives,
  database: string,
  measuredMs: number | undefined,
): readonly MissedObjective[] {
  if (rtoMs === null || measuredMs === undefined || measuredMs <= rtoMs) return [];
  const title = `RTO missed for ${database}: restoring and verifying took ${humanDuration(measuredMs)}, ${humanDuration(rtoMs)} are allowed`;
  return [{ objective: "RTO", database, measuredMs, allowedMs: rtoMs, title }];
}

export interface ObjectiveState {
  readonly database: string;
  /** Since the newest backup: what would be lost now. Null where there is none. */
  readonly lossMs: number | null;
  /** From the size and the last measured rate; null where no restore was measured. */
  readonly restoreMs: number | null;
  readonly missed: readonly MissedObjective[];
}

/** How each database stands now. */
export function objectivesNow(
  objectives: Objectives,
  environment: string,
  databases: readonly string[],
  manifests: readonly BackupManifest[],
  nowMs: number,
): readonly ObjectiveState[] {
  return databases.map((database) => {
    const own = manifests.filter(isOf({ environment, database })).toSorted((a, b) => b.takenAtMs - a.takenAtMs);
    const newest = own[0];
    const lossMs = newest && nowMs - newest.takenAtMs;
    const sizeBytes = newest?.source.sizeBytes;
    const restoreMs =
      sizeBytes === undefined ? undefined : expectedProofMs(own, { environment, database, sizeBytes }, "restored");
    const missed = [
      ...missedRpo(objectives, database, lossMs, "have passed since the newest backup"),
      ...missedRto(objectives, database, restoreMs),
    ];
    return { database, lossMs: lossMs ?? null, restoreMs: restoreMs ?? null, missed };
  });
}

/** One line a database, where there is an objective. */
export function objectiveLine({ rpoMs, rtoMs }: Objectives, { database, lossMs, restoreMs }: ObjectiveState): string {
  const loss =
    rpoMs === null
      ? []
      : [
          lossMs === null
            ? "no backup yet"
            : `${humanDuration(lossMs)} would be lost now (RPO ${humanDuration(rpoMs)})`,
        ];
  const back =
    rtoMs === null
      ? []
      : [
          restoreMs === null
            ? `a restore was not measured yet (RTO ${humanDuration(rtoMs)})`
            : `a restore takes about ${humanDuration(Math.round(restoreMs))} (RTO ${humanDuration(rtoMs)})`,
        ];
  return `${database}: ${[...loss, ...back].join(", ")}`;
}
