/**
 * Z4: a second place, away from the ledger, where the ends of its chains of events are written down. What a ledger's owner
 * rewrites or cuts off there, hashes and all, no longer agrees with what is kept here.
 */
import type { Checkpoint } from "../domain/audit.ts";

export type CheckpointSignature =
  | { readonly kind: "none" }
  /** By a key that is trusted, named as the allowed signers name it. */
  | { readonly kind: "trusted"; readonly by: string }
  /** It holds, but nobody said which keys to trust, or it could not be checked here. */
  | { readonly kind: "unproven"; readonly reason: string }
  /** The line was changed after it was signed, or signed with a key that is not trusted. */
  | { readonly kind: "invalid"; readonly reason: string };

export interface KeptCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly signature: CheckpointSignature;
  /** Where it stands, for people; from 1. */
  readonly line: number;
}

export interface KeptCheckpoints {
  readonly checkpoints: readonly KeptCheckpoint[];
  /** Numbers of lines that are no checkpoint: damaged, or cut short by a crash. */
  readonly unreadable: readonly number[];
}

export interface Checkpoints {
  /** For people: a file's path. */
  readonly location: string;
  /** On disk when it resolves; the same again does no harm. Rejects where it cannot be signed or written. */
  append(checkpoint: Checkpoint, signal: AbortSignal): Promise<void>;
  /** In the order in which they came; none where nothing was ever written. Their signatures have been checked. */
  list(signal: AbortSignal): Promise<KeptCheckpoints>;
}
