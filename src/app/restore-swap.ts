/**
 * B7 X5: a backup becomes the live database: restored beside it, compared, then swapped by rename, the one before kept. Whoever
 * asks for it reads first what is lost; rolling back code alone loses nothing and stays the way back.
 */
import { type BackupManifest, rowsOf, tablesOf } from "../domain/backup.ts";
import { humanBytes } from "../domain/duration.ts";
import { SluiceError } from "../domain/errors.ts";
import { asJson } from "../domain/json.ts";
import { underDataLock } from "../pipeline/data-lock.ts";
import type { Parts } from "../pipeline/parts.ts";
import { databaseOf } from "../pipeline/stored-backup.ts";
import { restoreBackup } from "./backups.ts";
import { appendForEnvironment } from "./environment-events.ts";
import { type Reporter, underManualLock } from "./layers.ts";

export interface SwapPlan {
  readonly manifest: BackupManifest;
  /** Where it is restored first. */
  readonly into: string;
  /** Where the live one lies afterwards. */
  readonly kept: string;
  readonly lostMinutes: number;
  /** Written to the log since the backup; null where that is not known. */
  readonly lostBytes: number | null;
  /** What is lost, for people. */
  readonly loss: string;
  /** What has to be typed. */
  readonly words: string;
}

const minuteMs = 60_000;
/** Between reading what is lost and typing it some minutes pass. */
const typingMinutes = 5;

/** Throws RESTORE_FAILED where the environment has no such database, or one that cannot be swapped. */
export async function planSwap(parts: Parts, manifest: BackupManifest, signal: AbortSignal): Promise<SwapPlan> {
  const database = databaseOf(parts, manifest);
  if (database.cannotSwap !== undefined) throw noSwap(manifest, database.cannotSwap);
  const nowMs = parts.clock.now();
  const lostMinutes = Math.max(0, Math.ceil((nowMs - manifest.takenAtMs) / minuteMs));
  const lostBytes = await database.writtenSince(manifest.snapshot ?? null, signal);
  const time = new Date(nowMs)
    .toISOString()
    .replaceAll(/[-:]|\.\d+Z$/g, "")
    .toLowerCase();
  const written = lostBytes === null ? "" : `, ${humanBytes(lostBytes)} of the write-ahead log`;
  return {
    manifest,
    into: database.beside(`restored_${time}`),
    kept: database.beside(`before_${time}`),
    lostMinutes,
    lostBytes,
    loss: `everything written in the last ${lostMinutes} minutes${written}`,
    words: `LOSE ${lostMinutes} MINUTES`,
  };
}

/** The words that are needed, or those that were right some minutes ago. */
export function agreedTo({ lostMinutes, words }: SwapPlan, typed: string | undefined): string {
  const minutes = Number(/^LOSE (\d{1,9}) MINUTES$/.exec(typed ?? "")?.[1] ?? Number.NaN);
  return minutes >= lostMinutes - typingMinutes && minutes <= lostMinutes ? (typed ?? words) : words;
}

export interface Swapped {
  readonly tables: number;
  readonly rows: number;
}

/** Throws LOCK_HELD while anything is deployed, DATABASE_BUSY, BACKUP_UNVERIFIED or RESTORE_FAILED; then nothing was swapped. */
export async function restoreBySwap(parts: Parts, plan: SwapPlan, by: string, reporter: Reporter): Promise<Swapped> {
  const { manifest } = plan;
  const database = databaseOf(parts, manifest);
  const tell = async (title: string) => reporter.tell(title, "info");
  const claimant = { parts, signal: reporter.signal, holder: `restore by swap, ${by}`, tell };
  return underManualLock(parts, by, `restore of ${manifest.id} by swap`, () =>
    underDataLock(database, claimant, async (signal) => {
      const swapped = await restoredAndCompared(parts, plan, signal);
      await record(parts, plan, by);
      // The connection of the data lock is ended with the others: from here on only the person's own signal counts.
      await database.swapIn(plan.into, plan.kept, reporter.signal);
      return swapped;
    }),
  );
}

async function restoredAndCompared(parts: Parts, { into, manifest }: SwapPlan, signal: AbortSignal): Promise<Swapped> {
  const { differing, facts } = await restoreBackup(parts, manifest, into, signal);
  if (differing.length === 0) return { tables: tablesOf(facts.tables).length, rows: rowsOf(facts.tables) };
  throw new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: "app.restore-swap",
    message: `What was restored into ${into} is not what was backed up: ${differing.join(", ")}. Nothing was swapped.`,
    hint: `The live database is what it was. Look at it, then choose another backup: sluice backup list ${manifest.environment}`,
  });
}

/** Before it happens: what was done must not be missing from the audit trail. */
async function record({ ledger, settings }: Parts, plan: SwapPlan, by: string): Promise<void> {
  const { into, kept, lostBytes, lostMinutes, loss, manifest } = plan;
  await appendForEnvironment(ledger, settings.environment, {
    step: "restore",
    phase: "progress",
    title: `${by} makes backup ${manifest.id} the live ${manifest.database}; lost: ${loss}; kept as ${kept}`,
    tone: "warn",
    actor: by,
    detail: asJson({ backup: manifest.id, into, kept, lostBytes, lostMinutes }),
  });
}

/** Before anything is restored. The commands are those of the manifest: they restore into a new database. */
const noSwap = ({ id, database, restoreCommands }: BackupManifest, reason: string): SluiceError =>
  new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: "app.restore-swap",
    message: `${database} cannot be swapped: ${reason}. Nothing was touched.`,
    hint: `Restore it into a new database, and point the application at that: sluice restore ${id} --into ${database}_restored --confirm RESTORE`,
    evidence: `Without Sluice:\n${restoreCommands.join("\n")}`,
  });
