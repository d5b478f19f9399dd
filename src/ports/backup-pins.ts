/** B5: backups that somebody wants kept, whatever their age: part of the ledger, since it says who and why. */
export interface BackupPin {
  readonly environment: string;
  readonly backupId: string;
  readonly by: string;
  readonly reason: string;
}

export interface BackupPins {
  /** With its event. Pinned again: the new reason holds. */
  pinBackup(pin: BackupPin): Promise<void>;
  /** With its event. False where it was not pinned: then nothing happened. */
  unpinBackup(pin: BackupPin): Promise<boolean>;
  pins(environment: string): Promise<readonly BackupPin[]>;
}
