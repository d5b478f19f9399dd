/** How the backups of an environment are taken, proven and kept. */
import type { EncryptionSettings, ProofSettings } from "./backup.ts";
import type { BackupPlace } from "./backup-place.ts";

export const backupPolicies = ["none", "optional", "always", "verified"] as const;
export type BackupPolicy = (typeof backupPolicies)[number];

export interface ParallelDumpSettings {
  /** From this size of the database on; null: never. */
  readonly fromBytes: number | null;
  readonly jobs: number;
  readonly folder: string;
}

export interface BackupSettings extends BackupPlace {
  readonly policy: BackupPolicy;
  /** `{environment}`, `{database}`, `{time}` and `{deployment}` are replaced. */
  readonly nameTemplate: string;
  /** How far a backup is proven, and what that may cost. Absent in settings journalled before there was a choice. */
  readonly proof?: ProofSettings;
  /** Absent in settings journalled before there was a choice: then every dump is one stream. */
  readonly parallel?: ParallelDumpSettings;
  /** Null or absent: stored as it was dumped. */
  readonly encryption?: EncryptionSettings | null;
  readonly keepNewest: number;
  readonly keepRecordedDays: number;
}
