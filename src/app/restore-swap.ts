/**
 * B7 X5: a backup becomes the live database: restored beside it, compared, then swapped by rename, the one before kept. Whoever
 * asks for it reads first what is lost; rolling back code alone loses nothing and stays the way back.
 */
import { type BackupManifest, rowsOf, tablesOf } from "../domain/backup.ts";
import { humanBytes } from "../domain/duration.ts";
import { failureOf, SluiceError } from "../domain/errors.ts";
import { asJson } from "../domain/json.ts";
import { underDataLock } from "../pipeline/data-lock.ts";
import type { Parts } from "../pipeline/parts.ts";
import { databaseOf } from "../pipeline/stored-backup.ts";
import { restoreBackup } from "./backups.ts";
import { appendForEnvironment } from "./environment-events.ts";
import { type Reporter, underManualLock } from "./layers.ts";
import { placesOf, sayEnd, swapReason, swapStep } from "./unfinished-swap.ts";

export interface SwapPlan {
  /** Part of both names. */
  readonly time: string;
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
  await database.swappable?.(signal);
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
    time,
    ...placesOf(database, time),
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

/**
 * Throws LOCK_HELD while anything is deployed, DATABASE_BUSY, DISK_FULL, BACKUP_UNVERIFIED or RESTORE_FAILED; then nothing was swapped, and
 * what was restored was dropped again, or is named with the command that drops it.
 */
export async function restoreBySwap(parts: Parts, plan: SwapPlan, by: string, reporter: Reporter): Promise<Swapped> {
  const { manifest } = plan;
  const database = databaseOf(parts, manifest);
  const tell = async (title: string) => reporter.tell(title, "info");
  const claimant = { parts, signal: reporter.signal, holder: `restore by swap, ${by}`, tell };
  return underManualLock(parts, by, swapReason(manifest), () =>
    underDataLock(database, claimant, async (signal) => {
      await sayBegin(parts, plan, by);
      try {
        await restoreAndCompare(parts, plan, signal);
        // The connection of the data lock is ended with the others: from here on only the person's own signal counts.
        await database.swapIn(plan.into, plan.kept, reporter.signal);
      } catch (error) {
        await afterFailure(parts, plan, by, error);
      }
      const { id, tables } = manifest;
      const title = `backup ${id} is the live ${manifest.database}; lost: ${plan.loss}; the one before is kept as ${plan.kept}`;
      await sayEnd(parts, swapOf(plan, by), { tone: "warn", title });
      return { tables: tablesOf(tables).length, rows: rowsOf(tables) };
    }),
  );
}

async function restoreAndCompare(parts: Parts, { into, manifest }: SwapPlan, signal: AbortSignal): Promise<void> {
  const { differing } = await restoreBackup(parts, manifest, into, signal);
  if (differing.length === 0) return;
  throw new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: "app.restore-swap",
    message: `What was restored into ${into} is not what was backed up: ${differing.join(", ")}. Nothing was swapped.`,
    hint: `The live database is what it was. Choose another backup: sluice backup list ${manifest.environment}`,
  });
}

/** Returns where the swap did happen, and only its answer was lost. Throws what went wrong, and what became of the copy. */
async function afterFailure(parts: Parts, plan: SwapPlan, by: string, thrown: unknown): Promise<void> {
  const database = databaseOf(parts, plan.manifest);
  // Not bound to the person's signal: cancelling must not leave a copy that nobody knows.
  const settled = await database
    .settleSwap?.(plan.into, plan.kept, new AbortController().signal)
    .catch((error: unknown) => failureOf(error, "app.restore-swap"));
  if (settled === "swapped") return;
  const failure = failureOf(thrown, "app.restore-swap");
  const left = typeof settled === "object" ? settled : undefined;
  const title = `${plan.manifest.id} did not become the live ${plan.manifest.database}: ${failure.message}`;
  await sayEnd(parts, swapOf(plan, by), { tone: "bad", title: left ? `${title} ${left.message}` : title });
  if (failure.code !== "RESTORE_FAILED") throw thrown;
  const again = `Nothing was swapped, and what was restored was dropped again. Correct the cause, then: sluice restore ${plan.manifest.id} --swap`;
  const told = left && { message: `${failure.message} ${left.message}`, hint: left.hint };
  throw new SluiceError({ ...failure, ...(settled === "nothing" ? { hint: again } : told), cause: thrown });
}

const swapOf = ({ time, manifest }: SwapPlan, by: string) => ({
  time,
  backup: manifest.id,
  database: manifest.database,
  by,
});

/** Before anything is restored: a process that dies leaves names that the next one finds. */
async function sayBegin({ ledger, settings }: Parts, plan: SwapPlan, by: string): Promise<void> {
  const { into, kept, lostBytes, lostMinutes, loss, manifest, time } = plan;
  const { id: backup, database } = manifest;
  await appendForEnvironment(ledger, settings.environment, {
    step: swapStep,
    phase: "begin",
    title: `${by} makes backup ${backup} the live ${database}; lost: ${loss}; kept as ${kept}`,
    tone: "warn",
    actor: by,
    detail: asJson({ swap: time, database, backup, into, kept, lostBytes, lostMinutes }),
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
