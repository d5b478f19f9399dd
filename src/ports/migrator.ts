/** Schema migrations of a release, by whatever tool the project uses. */
export interface PendingMigration {
  readonly id: string;
  /** The statements, where the tool can show them; the plan shows and lints them. */
  readonly sql?: string;
}

export interface Migrator {
  readonly kind: string;
  readonly database: string;
  /** What the release's migrations would do to the database now, in order. */
  pending(releaseTree: string, signal: AbortSignal): Promise<readonly PendingMigration[]>;
  /** Applies all pending ones. Every line the tool prints goes to `log`. Throws MIGRATION_FAILED. */
  apply(releaseTree: string, log: (line: string) => void, signal: AbortSignal): Promise<void>;
}
