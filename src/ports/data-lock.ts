/**
 * One data lock per database: a dump beside a migration is the copied recipe's twelve minutes of hanging reads, and a drill
 * beside a swap restores into what is being renamed. Backups, migrations, drills and swaps exclude each other, from whatever
 * machine and ledger they come.
 */
import type { Clock } from "./clock.ts";

export interface DataClaim {
  /** As others read it: what is done, and by whom, e.g. `backup, production-20261120-v1.2.0`. At most 50 characters are kept. */
  readonly holder: string;
  /** How long to wait for whoever has it. */
  readonly waitMs: number;
  readonly clock: Clock;
  /** Told once, where it has to wait. */
  readonly onWait: (holder: string) => Promise<void>;
}

export interface DataLock {
  /**
   * Runs `body` while nobody else does the like to this database. Freed by its end and by the death of this process. The
   * body's signal is aborted with the given one, and when the lock is lost. Throws DATABASE_BUSY, naming who has it.
   */
  exclusively<T>(claim: DataClaim, signal: AbortSignal, body: (signal: AbortSignal) => Promise<T>): Promise<T>;
}
