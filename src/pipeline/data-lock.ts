/** Backups, migrations and drills of one database exclude each other: each waits for the one that is under way, and says so. */
import type { Database } from "../ports/database.ts";
import type { Parts } from "./parts.ts";
import type { StageContext } from "./stage.ts";

/** Of a large database: a whole backup with its proof. */
export const dataLockWaitMs = 30 * 60_000;

export interface Claimant {
  readonly parts: Pick<Parts, "clock">;
  readonly signal: AbortSignal;
  /** What is done, and by whom. */
  readonly holder: string;
  readonly tell: (title: string) => Promise<void>;
}

export function underDataLock<T>(
  database: Database,
  { parts, signal, holder, tell }: Claimant,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const onWait = (other: string) => tell(`${database.name} is in use: waits for ${other}`);
  return database.exclusively({ holder, waitMs: dataLockWaitMs, clock: parts.clock, onWait }, signal, body);
}

/** A stage that does `what` to a database. */
export const claimantOf = (what: string, { deploymentId, parts, progress, signal }: StageContext): Claimant => ({
  parts,
  signal,
  holder: `${what}, ${deploymentId}`,
  tell: (title) => progress(title, {}, "info"),
});
