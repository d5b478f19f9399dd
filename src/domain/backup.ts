/** What is known of one stored backup (B4). Written last: without it the backup does not exist. */
export interface BackupManifest {
  /** `<environment>-<database>-<time>-<deployment id or "manual">`. */
  readonly id: string;
  readonly environment: string;
  readonly database: string;
  readonly deploymentId: string | null;
  readonly takenAtMs: number;
  readonly tookMs: number;
  readonly format: string;
  readonly key: string;
  readonly location: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly source: { readonly kind: string; readonly name: string; readonly serverVersion: string };
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  /** What was proven: stored (checksum re-read), readable (decoded to its end), restored, equal (data-safety.md, 5). */
  readonly level: "stored" | "readable" | "restored" | "equal";
  readonly restoreCommands: readonly string[];
}
