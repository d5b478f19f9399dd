/** A database as the deployment sees it: facts, a full dump, a restore into another database. */
import type { ProofCheck, ProofLimit, SnapshotFacts, TableFacts } from "../domain/backup.ts";
import type { Room } from "../domain/room.ts";
import type { DataLock } from "./data-lock.ts";
import type { DataSwap } from "./data-swap.ts";

export interface DatabaseFacts {
  readonly kind: string;
  /** Name without credentials, fit for records and logs. */
  readonly name: string;
  readonly serverVersion: string;
  readonly sizeBytes: number;
  readonly tables: readonly TableFacts[];
}

export interface Dump {
  /** What the database held, rows hashed, from the same snapshot as the dump where the engine can do that. */
  readonly facts: DatabaseFacts;
  /** Null where the engine has none of it. */
  readonly snapshot: SnapshotFacts | null;
  /** e.g. `pg_dump -Fc`, `sqlite gzip`. */
  readonly format: string;
  /** File name extension, with dot. */
  readonly extension: string;
  /** Ends only after every child process exited 0; throws BACKUP_FAILED otherwise, also after the last chunk. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What a dump says when it is read to its end, for the adapter that read it: compared with what a restored database says. */
export interface Reading {
  /** SHA-256 by part: a table's rows, the large objects. */
  readonly parts: ReadonlyMap<string, string>;
  /** What is not rows, as statements, in the order in which they come. */
  readonly schema: readonly string[];
}

export interface RehearsalRequest {
  readonly format: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly level: "restored" | "equal";
  /** Of the same dump. */
  readonly reading: Reading;
}

export interface Rehearsal {
  /** Of the scratch place; its rows are hashed where the level is `equal`. */
  readonly facts: DatabaseFacts;
  /** What was looked at, each with its time. */
  readonly checks: readonly ProofCheck[];
}

/** Restored for a test and dropped again, or beside the live one to stay. */
export type CopyUse = "scratch" | "beside";

export interface Database extends DataLock, DataSwap {
  readonly kind: string;
  readonly name: string;
  /** Absent: its backups can be proven equal. */
  readonly proofLimit?: ProofLimit;
  /** Throws DATABASE_UNREACHABLE. Doubles as the connectivity check (H2). Rows are counted, not hashed. */
  facts(signal: AbortSignal): Promise<DatabaseFacts>;
  /** With which tools it would be dumped, in words. Throws BACKUP_FAILED where they are missing or do not fit the server. */
  tools(signal: AbortSignal): Promise<string>;
  dump(signal: AbortSignal): Promise<Dump>;
  /** Reads a dump to its end with the database's own reader; throws BACKUP_UNVERIFIED where it cannot be decoded. */
  readBack(format: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Reading>;
  /** Restores into `into` (a database name or file), which must not exist yet. Never into the live one (data-safety.md, 7). */
  restore(format: string, bytes: AsyncIterable<Uint8Array>, into: string, signal: AbortSignal): Promise<DatabaseFacts>;
  /**
   * Restores into a scratch place of its own, which is gone afterwards, and returns what it held (B3). Throws
   * BACKUP_UNVERIFIED where that cannot be done, or where the level is `equal` and the scratch place is not what the dump
   * says: a backup that cannot be restored is none.
   */
  rehearse(request: RehearsalRequest, signal: AbortSignal): Promise<Rehearsal>;
  /** What a restored copy would have room in. Throws DATABASE_UNREACHABLE. Absent where the engine cannot tell. */
  room?(use: CopyUse, signal: AbortSignal): Promise<Room>;
  /** The commands, for a person, that restore the stored file without Sluice; `endpoint` as in `StoredObject`. */
  restoreCommands(format: string, storedAt: string, into: string, endpoint?: string): readonly string[];
}
