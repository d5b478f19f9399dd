/** How a database's schema is brought up to date, as settings: every default is in place and every duration is in milliseconds. */

type TextOrSecret = string | { readonly secret: string };

export type MigrationSettings = CommandMigrationSettings | ToolMigrationSettings;

/** What becomes of what a failed migration left behind: named only, or taken away where it is empty and unused. */
export type CleanUp = "off" | "safe";

export interface CommandMigrationSettings {
  /** Absent in settings journalled before there was a choice. */
  readonly kind?: "command";
  readonly database: string;
  readonly apply: readonly string[];
  readonly pending: readonly string[];
  readonly environment: Readonly<Record<string, TextOrSecret>>;
  readonly timeoutMs: number;
  /** Where the database is PostgreSQL; 0, or absent in settings journalled before it could be set: none. */
  readonly lockTimeoutMs?: number;
  /** As above. */
  readonly statementTimeoutMs?: number;
  /** Absent in settings journalled before there was a choice: off. */
  readonly cleanUp?: CleanUp;
}

export type MigrationToolKind = "prisma" | "dbmate" | "node-pg-migrate";

/** A tool that Sluice knows, on PostgreSQL. */
export interface ToolMigrationSettings {
  readonly kind: MigrationToolKind;
  readonly database: string;
  /** Null: the database's own. */
  readonly url: TextOrSecret | null;
  readonly tool: readonly string[];
  readonly workingDirectory: string;
  /** Null: where the tool looks by itself. */
  readonly folder: string | null;
  /** Null: the tool's own name for it. */
  readonly table: string | null;
  /** Prisma's schema file; null: where Prisma looks by itself. */
  readonly schema: string | null;
  readonly environment: Readonly<Record<string, TextOrSecret>>;
  readonly timeoutMs: number;
  /** Absent in settings journalled before there was a choice: off. */
  readonly cleanUp?: CleanUp;
  /** 0: none. */
  readonly lockTimeoutMs: number;
  /** 0: none. */
  readonly statementTimeoutMs: number;
  readonly retries: number;
}
