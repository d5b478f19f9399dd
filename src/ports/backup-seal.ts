/** Backups that nobody reads who may only read the store: encrypted with public keys, so that what backs up need not hold the key. */
import type { BackupEncryption } from "../domain/backup.ts";

export interface BackupSeal {
  readonly encryption: BackupEncryption;
  /** For one backup. */
  begin(): Promise<OpenSeal>;
  /**
   * Decrypts what was stored at any time. Throws BACKUP_UNVERIFIED where no configured key fits or the bytes were changed;
   * what goes wrong at their source is thrown as it is.
   */
  open(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/**
 * The seal of one backup while it is made. Its key lives as long as this object and in this process alone, so that what lies in
 * the store is really decrypted for its proof, also where nobody here holds a recipient's key.
 */
export interface OpenSeal {
  seal(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  open(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}
