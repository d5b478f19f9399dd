/** Where backups lie. A backup without its manifest does not exist; the manifest is written last. */
import type { BackupManifest } from "../domain/backup.ts";

export interface StoredObject {
  readonly location: string;
  readonly sizeBytes: number;
  /** Hex, computed over what was sent. */
  readonly sha256: string;
  /** Where the store answers that `location` does not name: an S3 store other than Amazon's. */
  readonly endpoint?: string;
}

/** The beginning of a backup whose process was killed. It is no backup, and nothing lists it as one. */
export interface LeftOver {
  readonly location: string;
  readonly sinceMs: number;
  remove(signal: AbortSignal): Promise<void>;
}

/** Hears of each backup that cannot be trusted: where it lies, and why not. */
export type Faulty = (fault: string) => void;

export interface BackupStore {
  readonly kind: string;
  readonly name: string;
  /** Durable when it resolves (fsync or the store's acknowledgement); nothing is left behind when it rejects. */
  put(key: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredObject>;
  /** Reads what is stored. Throws BACKUP_UNKNOWN where there is nothing. */
  get(key: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  putManifest(manifest: BackupManifest, signal: AbortSignal): Promise<void>;
  /**
   * All existing backups, newest first. Throws BACKUP_UNVERIFIED, naming each that cannot be trusted, since a list that leaves them
   * out would say that they never were. Told to `faulty`, they are left out: one bad manifest must not keep anybody from the good ones.
   */
  list(signal: AbortSignal, faulty?: Faulty): Promise<readonly BackupManifest[]>;
  /** The manifest first, then the object: a crash between the two leaves rubbish, never a backup that lies. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** Free bytes, where that can be known. Throws where the store cannot be used. */
  freeBytes(signal: AbortSignal): Promise<number | undefined>;
  /** Begun before `beforeMs`. A store that can keep nothing of a dead process has none of it. */
  readonly leftOvers?: (beforeMs: number, signal: AbortSignal) => Promise<readonly LeftOver[]>;
}
