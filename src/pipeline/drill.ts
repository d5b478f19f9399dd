/**
 * B12: the newest backup of a database is read from where it lies, verified, restored into a scratch place, compared with its
 * manifest, timed and dropped. What serves is not touched.
 */
import { type BackupManifest, notCompared, type ProofCheck, rowsOf, tableDifferences } from "../domain/backup.ts";
import { SluiceError } from "../domain/errors.ts";
import type { Database } from "../ports/database.ts";
import { roomForCopy } from "./copy-room.ts";
import { underDataLock } from "./data-lock.ts";
import type { Parts } from "./parts.ts";
import { opened, verifyStored } from "./stored-backup.ts";

export interface RestoreDrill {
  readonly database: string;
  readonly backup: string;
  readonly takenAtMs: number;
  /** Reading, verifying, restoring and comparing: what it would take today. */
  readonly tookMs: number;
  readonly restoreMs: number;
  readonly tables: number;
  readonly rows: number;
  /** What could not be held against the manifest, in words; null where everything was. */
  readonly gap: string | null;
  readonly checks: readonly ProofCheck[];
}

export interface DrillOrder {
  /** As others read who has the data lock. */
  readonly by: string;
  readonly signal: AbortSignal;
  readonly tell: (title: string) => Promise<void>;
}

/** Throws BACKUP_UNKNOWN where there is no backup. */
export async function newestBackup(parts: Parts, database: string, signal: AbortSignal): Promise<BackupManifest> {
  const { environment } = parts.settings;
  const own = (await parts.backups.list(signal)).filter(
    (manifest) => manifest.environment === environment && manifest.database === database,
  );
  const newest = own.toSorted((a, b) => b.takenAtMs - a.takenAtMs)[0];
  if (newest) return newest;
  throw new SluiceError({
    code: "BACKUP_UNKNOWN",
    remedy: "operator",
    at: "pipeline.drill",
    message: `There is no backup of ${database} in ${environment} to restore.`,
    hint: `Take one: sluice backup create ${environment}`,
  });
}

/** Throws BACKUP_UNKNOWN, BACKUP_UNVERIFIED or DATABASE_BUSY. */
export async function drillRestore(parts: Parts, database: Database, order: DrillOrder): Promise<RestoreDrill> {
  const manifest = await newestBackup(parts, database.name, order.signal);
  const claimant = { parts, signal: order.signal, holder: `restore drill, ${order.by}`, tell: order.tell };
  return underDataLock(database, claimant, (signal) => restoreOnce(parts, database, manifest, signal));
}

async function restoreOnce(
  parts: Parts,
  database: Database,
  manifest: BackupManifest,
  signal: AbortSignal,
): Promise<RestoreDrill> {
  const { clock } = parts;
  const startedAtMs = clock.now();
  const planned = { use: "scratch", neededBytes: manifest.source.sizeBytes ?? null } as const;
  const room = await roomForCopy(parts, database, planned, signal);
  await verifyStored(parts, manifest, signal);
  const { format } = manifest;
  const reading = await database.readBack(format, opened(parts, manifest, signal), signal);
  const restoringSinceMs = clock.now();
  const level = manifest.level === "equal" ? "equal" : "restored";
  const { facts, checks } = await database.rehearse(
    { format, bytes: opened(parts, manifest, signal), level, reading },
    signal,
  );
  const differing = tableDifferences(manifest.tables, facts.tables);
  if (differing.length > 0) throw differs(manifest, differing.slice(0, 10).join(", "));
  const endedAtMs = clock.now();
  return {
    database: database.name,
    backup: manifest.id,
    takenAtMs: manifest.takenAtMs,
    tookMs: endedAtMs - startedAtMs,
    restoreMs: endedAtMs - restoringSinceMs,
    tables: facts.tables.length,
    rows: rowsOf(facts.tables),
    gap: notCompared(manifest) ?? null,
    checks: [room, ...checks],
  };
}

const differs = ({ id, environment }: BackupManifest, how: string): SluiceError =>
  new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: "pipeline.drill",
    message: `The drill failed: restored, backup ${id} is not what was backed up: ${how}.`,
    hint: `What serves was not touched. Take a new one, then repeat the drill: sluice backup create ${environment}`,
  });
