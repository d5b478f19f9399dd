/**
 * B7 Z1: what became of a swap whose process died. It said what it began, with both names, before it restored anything; where nobody said
 * how it ended, the database itself is asked, and the next one finishes the story before it begins its own.
 */
import type { BackupManifest } from "../domain/backup.ts";
import type { DeploymentEvent } from "../domain/events.ts";
import { underDataLock } from "../pipeline/data-lock.ts";
import type { Parts } from "../pipeline/parts.ts";
import { databaseOf } from "../pipeline/stored-backup.ts";
import type { SwapStanding } from "../ports/data-swap.ts";
import { appendForEnvironment } from "./environment-events.ts";
import { type Reporter, underManualLock } from "./layers.ts";

/** The event that says how a swap began or ended. */
export const swapStep = "restore";

export interface UnfinishedSwap {
  /** Part of both names; tells one swap from another. */
  readonly time: string;
  readonly backup: string;
  readonly by: string;
  readonly atMs: number;
}

export const placesOf = (database: Pick<ReturnType<typeof databaseOf>, "beside">, time: string) => ({
  into: database.beside(`restored_${time}`),
  kept: database.beside(`before_${time}`),
});

export const swapReason = ({ id }: Pick<BackupManifest, "id">): string => `restore of ${id} by swap`;

/** The newest of the same database that was begun and of which nobody said how it ended; it may also be under way. */
export async function unfinishedSwap(
  { ledger, settings }: Pick<Parts, "ledger" | "settings">,
  database: string,
): Promise<UnfinishedSwap | undefined> {
  const events = await ledger.audit({ environment: settings.environment });
  const newest = events.flatMap((event) => (ofSwap(event, database) ? [event] : []))[0];
  if (newest?.phase !== "begin") return undefined;
  const { swap, backup } = newest.detail;
  return { time: swap, backup, by: newest.actor ?? "somebody", atMs: newest.atMs };
}

interface SwapDetail {
  readonly swap: string;
  readonly database: string;
  readonly backup: string;
}

type SwapEvent = DeploymentEvent & { readonly detail: SwapDetail };

/** The names are made of the time, so it must be one: what stands in an event is never a name to be dropped. */
function ofSwap(event: DeploymentEvent, database: string): event is SwapEvent {
  if (event.step !== swapStep) return false;
  const { swap, database: of, backup } = (event.detail ?? {}) as Partial<SwapDetail>;
  return /^\d{8}t\d{6}$/.test(swap ?? "") && of === database && typeof backup === "string";
}

/**
 * Finished, or cleared away. Undefined where it was not unfinished after all: somebody was still at it.
 * Throws LOCK_HELD, DATABASE_BUSY, or RESTORE_FAILED where the copy cannot be dropped.
 */
export async function settleUnfinished(
  parts: Parts,
  manifest: BackupManifest,
  by: string,
  reporter: Reporter,
): Promise<SwapStanding | undefined> {
  const database = databaseOf(parts, manifest);
  const { settleSwap } = database;
  if (settleSwap === undefined) return undefined;
  const tell = async (title: string) => reporter.tell(title, "info");
  const claimant = { parts, signal: reporter.signal, holder: `restore by swap, ${by}`, tell };
  return underManualLock(parts, by, swapReason(manifest), () =>
    underDataLock(database, claimant, async (signal) => {
      const left = await unfinishedSwap(parts, manifest.database);
      if (left === undefined) return undefined;
      const { into, kept } = placesOf(database, left.time);
      const standing = await settleSwap(into, kept, signal);
      await sayEnd(parts, { ...left, database: manifest.database, by }, endWords(standing, left, into, kept));
      return standing;
    }),
  );
}

const endWords = (standing: SwapStanding, { backup, by }: UnfinishedSwap, into: string, kept: string) =>
  standing === "swapped"
    ? ({
        tone: "warn",
        title: `the swap with ${backup} that ${by} began had happened when its process died; kept as ${kept}`,
      } as const)
    : ({
        tone: "bad",
        title: `the swap with ${backup} that ${by} began did not happen: its process died; ${into} is not there any more`,
      } as const);

export async function sayEnd(
  { ledger, settings }: Pick<Parts, "ledger" | "settings">,
  { time, backup, database, by }: Pick<UnfinishedSwap, "time" | "backup" | "by"> & { readonly database: string },
  { tone, title }: { readonly tone: "ok" | "warn" | "bad"; readonly title: string },
): Promise<void> {
  await appendForEnvironment(ledger, settings.environment, {
    step: swapStep,
    phase: "end",
    title,
    tone,
    actor: by,
    detail: { swap: time, database, backup },
  });
}
