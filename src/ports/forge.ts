/**
 * Where the repository is at home (GitHub; GitLab may follow): what it knows of a commit, and where people look for what became
 * of it. Every write is idempotent by a key that the forge keeps with the thing itself, so that it may be asked again after a
 * crash. Texts are shortened to the forge's limits by the adapter, visibly.
 *
 * Errors: FORGE_REFUSED (a person must act: a scope, a name), FORGE_UNREACHABLE (later it may answer).
 */
import type { ForgeCheck } from "../domain/required-checks.ts";

export interface Forge {
  readonly kind: string;
  /** `acme/shop`. */
  readonly repository: string;
  /** The newest of each name and source, of exactly this commit. */
  checks(commit: string, signal: AbortSignal): Promise<readonly ForgeCheck[]>;
  /** How far the forge's clock is ahead of ours; undefined before its first answer. */
  clockAheadMs(): number | undefined;
}
