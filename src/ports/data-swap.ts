/** Making a restored database the live one: by rename, with the one before kept. */
import type { SnapshotFacts } from "../domain/backup.ts";

/** `swapped`: the restored one is live, the one before kept. `nothing`: the live one is what it was, and no copy lies beside it. */
export type SwapStanding = "swapped" | "nothing";

export interface DataSwap {
  /** Throws RESTORE_FAILED where the live one must not be swapped at all: before anything is restored. Absent where nothing is in the way. */
  swappable?(signal: AbortSignal): Promise<void>;
  /** A place next to the live one, by the live one's name and the suffix; fit for `restore`. */
  beside(suffix: string): string;
  /** Why this engine cannot do that, in words; then nothing is restored for a swap, and `swapIn` throws. */
  readonly cannotSwap?: string;
  /**
   * `restored` becomes the live one and the live one `kept`, both at once or neither. Sessions of the live one are ended; what
   * cannot be ended from here (a SQLite file that a process has open) is a RESTORE_FAILED that says so. Throws RESTORE_FAILED.
   */
  swapIn(restored: string, kept: string, signal: AbortSignal): Promise<void>;
  /**
   * After a swap that failed, or whose process died: says how it stands, and drops the copy where it did not happen. Neither the live
   * one nor the kept one is ever dropped, nor a copy that somebody else uses: then RESTORE_FAILED, with the command that drops it.
   */
  settleSwap?(restored: string, kept: string, signal: AbortSignal): Promise<SwapStanding>;
  /** Bytes written since the snapshot; null where the engine does not count them, or is not the one it was taken from. */
  writtenSince(snapshot: SnapshotFacts | null, signal: AbortSignal): Promise<number | null>;
}
