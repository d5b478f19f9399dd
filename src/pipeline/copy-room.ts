/** B3 B7 B12: before a backup is restored for a test or to be swapped in, whether the copy has room, as one more thing that was looked at. */
import { type ProofCheck, proofSettingsOf } from "../domain/backup.ts";
import { SluiceError } from "../domain/errors.ts";
import { type RoomVerdict, roomVerdict } from "../domain/room.ts";
import type { CopyUse, Database } from "../ports/database.ts";
import type { Parts } from "./parts.ts";

export interface CopyPlanned {
  readonly use: CopyUse;
  /** Of the database when it was dumped; null where nobody wrote it down. */
  readonly neededBytes: number | null;
}

/** Throws DISK_FULL where it has none; where that is not known the check says so. */
export async function roomForCopy(
  { settings }: Pick<Parts, "settings">,
  database: Database,
  planned: CopyPlanned,
  signal: AbortSignal,
): Promise<ProofCheck> {
  const { kind, words } = await roomOfCopy(settings.disk.minFreeBytes, database, planned, signal);
  const check = "room for a copy";
  if (kind === "enough") return { check, outcome: "passed", detail: words, tookMs: 0 };
  if (kind === "unknown") return { check, outcome: "unavailable", detail: words, tookMs: 0 };
  throw new SluiceError({
    code: "DISK_FULL",
    remedy: "operator",
    at: "pipeline.copy-room",
    message: `There is no room to restore ${database.name}: ${words}.`,
    hint: `Nothing was begun. Make room on the disk of the database, then look again with: sluice check ${settings.environment}`,
  });
}

/** For pre-flight: of every database whose backup will be restored for a test. */
export async function roomsForProof(
  { databases, settings }: Pick<Parts, "databases" | "settings">,
  signal: AbortSignal,
): Promise<readonly RoomVerdict[]> {
  if (proofSettingsOf(settings.backup).level === "readable") return [];
  const scratch = { use: "scratch", neededBytes: null } as const;
  const copied = databases.filter(({ proofLimit }) => proofLimit?.level !== "stored");
  return Promise.all(copied.map((database) => roomOfCopy(settings.disk.minFreeBytes, database, scratch, signal)));
}

async function roomOfCopy(
  reserveBytes: number,
  database: Database,
  { use, neededBytes }: CopyPlanned,
  signal: AbortSignal,
): Promise<RoomVerdict> {
  if (database.room) return roomVerdict(await database.room(use, signal), neededBytes, reserveBytes);
  return { kind: "unknown", words: `whether a copy fits is not known: ${database.kind} cannot tell` };
}
