/** A database as the deployment sees it: facts, a full dump, a restore into another database. */
export interface DatabaseFacts {
  readonly kind: string;
  /** Name without credentials, fit for records and logs. */
  readonly name: string;
  readonly serverVersion: string;
  readonly sizeBytes: number;
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
}

export interface Dump {
  /** What the database held, from the same snapshot as the dump where the engine can do that. */
  readonly facts: DatabaseFacts;
  /** e.g. `pg_dump -Fc`, `sqlite gzip`. */
  readonly format: string;
  /** File name extension, with dot. */
  readonly extension: string;
  /** Ends only after every child process exited 0; throws BACKUP_FAILED otherwise, also after the last chunk. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface Database {
  readonly kind: string;
  readonly name: string;
  /** Throws DATABASE_UNREACHABLE. Doubles as the connectivity check (H2). */
  facts(signal: AbortSignal): Promise<DatabaseFacts>;
  dump(signal: AbortSignal): Promise<Dump>;
  /** Reads a dump to its end with the database's own reader; throws BACKUP_UNVERIFIED where it cannot be decoded. */
  readBack(format: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** Restores into `into` (a database name or file), which must not exist yet. Never into the live one (data-safety.md, 7). */
  restore(format: string, bytes: AsyncIterable<Uint8Array>, into: string, signal: AbortSignal): Promise<DatabaseFacts>;
  /**
   * Restores into a scratch place of its own, which is gone afterwards, and returns what it held (B3). Throws
   * BACKUP_UNVERIFIED where that cannot be done: a backup that cannot be restored is none.
   */
  rehearse(format: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<DatabaseFacts>;
  /** The commands, for a person, that restore the stored file without Sluice. */
  restoreCommands(format: string, storedAt: string, into: string): readonly string[];
}
