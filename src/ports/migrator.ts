/** Schema migrations of a release, by whatever tool the project uses. */
import type { SchemaCare } from "./schema-care.ts";

export interface PendingMigration {
  readonly id: string;
  /** The statements, where the tool can show them; the plan shows and lints them. */
  readonly sql?: string;
  /** False where the tool runs its statements one by one: what ran before one that fails stays. */
  readonly transaction?: boolean;
}

/** A migration that the tool's own table counts as applied, and what the release says about it now. */
export interface AppliedMigration {
  readonly id: string;
  /** As the tool wrote it when it applied it; without one, a later edit of the file cannot be seen. */
  readonly checksum?: string;
  /** Of the release's file, in the same form; null: the release has no such file. */
  readonly releasedChecksum?: string | null;
  /** The release's text. */
  readonly sql?: string;
}

/** Why migrations cannot run now (`stop`), or what a person should know before they do (`remark`). */
export interface MigrationTrouble {
  readonly severity: "stop" | "remark";
  readonly detail: string;
  /** Ends with a command. */
  readonly hint: string;
}

/** On whose behalf migrations run. */
export interface MigrationRun {
  readonly deploymentId: string;
  /** A line of the deployment's story. */
  readonly tell: (title: string) => Promise<void>;
}

export interface Migrator {
  readonly kind: string;
  readonly database: string;
  /** What the release's migrations would do to the database now, in order. Changes nothing. */
  pending(releaseTree: string, signal: AbortSignal): Promise<readonly PendingMigration[]>;
  /** Applies all pending ones. Every line the tool prints goes to `log`. Throws MIGRATION_FAILED. */
  apply(releaseTree: string, log: (line: string) => void, signal: AbortSignal, run?: MigrationRun): Promise<void>;
  /** What is applied, in the order of application. */
  readonly applied?: (releaseTree: string, signal: AbortSignal) => Promise<readonly AppliedMigration[]>;
  /** Looked for before anybody approves: a failed migration in the table, a tool that is not there, somebody else's run. */
  readonly troubles?: (releaseTree: string, signal: AbortSignal) => Promise<readonly MigrationTrouble[]>;
  /**
   * Returns once nothing of an earlier run is at work in the database: a tool that was killed leaves a session behind, which
   * may hold its locks and commit. `wait`: its tool may still live, and gets its time; `end`: it is known to be dead.
   * Throws MIGRATION_FAILED where the session cannot be ended.
   */
  readonly settle?: (how: "wait" | "end", signal: AbortSignal, run?: MigrationRun) => Promise<void>;
  /** Absent where nobody can look into the database: then nobody can say what a failed migration left behind. */
  readonly schema?: SchemaCare;
  /** What a person tells the tool once nothing of a failed migration is left; absent where its table has no word of it. */
  readonly sayUndone?: (id: string) => string;
}
