/** Making a restored database the live one: by rename, with the one before kept. */
import type { SnapshotFacts } from "../domain/backup.ts";

export interface DataSwap {
  /** A place next to the live one, by the live one's name and the suffix; fit for `restore`. */
  beside(suffix: string): string;
  /** Why this engine cannot do that, in words; then nothing is restored for a swap, and `swapIn` throws. */
  readonly cannotSwap?: string;
  /**
   * `restored` becomes the live one and the live one `kept`, both at once or neither. Sessions of the live one are ended; what
   * cannot be ended from here (a SQLite file that a process has open) is a RESTORE_FAILED that says so. Throws RESTORE_FAILED.
   */
  swapIn(restored: string, kept: string, signal: AbortSignal): Promise<void>;
  /** Bytes written since the snapshot; null where the engine does not count them, or is not the one it was taken from. */
  writtenSince(snapshot: SnapshotFacts | null, signal: AbortSignal): Promise<number | null>;
}
