/**
 * Divides the traffic of one route (one public address of one component) between revisions. Small, idempotent, and
 * read back from the router itself. A missing ability is a missing member, refused when planning.
 */
import type { Attempt, FenceRecord, Fencing } from "../domain/attempt.ts";
import type { Counters, RevisionId, RouterBuckets, Split } from "../domain/traffic.ts";

export interface ShiftOptions {
  /** Who gets all traffic when nobody renews the split for `unattendedMs`. Undefined: the split stays for ever. */
  readonly unattended?: { readonly fallback: RevisionId; readonly afterMs: number };
}

export interface BucketQuery {
  /** A multiple of 250. */
  readonly bucketMs: number;
  /** From this index to below the other one: at most 4,000 of them, more are refused. */
  readonly fromIndex: number;
  readonly toIndex: number;
}

export interface Router {
  readonly kind: string;
  readonly fencing: Fencing;
  /** Where clients reach the route. */
  readonly url: string;

  fence(signal: AbortSignal): Promise<FenceRecord | undefined>;
  claim(attempt: Attempt, signal: AbortSignal): Promise<void>;
  disown(reason: string, signal: AbortSignal): Promise<void>;

  /** Asking twice for the same split changes nothing but renews its attendance. A lower attempt is refused. */
  shift(to: Split, attempt: Attempt, signal: AbortSignal, options?: ShiftOptions): Promise<void>;

  /** Read from the router, not from our memory. */
  observe(signal: AbortSignal): Promise<Split>;

  /**
   * Waits until no request is under way at the revision, which must have no weight (refused otherwise), for at most
   * `timeoutMs`; then closes what is left. Returns how many were closed. Upgraded connections count.
   */
  drain(revision: RevisionId, timeoutMs: number, attempt: Attempt, signal: AbortSignal): Promise<number>;

  counters(signal: AbortSignal): Promise<ReadonlyMap<RevisionId, Counters>>;

  /**
   * What each revision did in closed intervals of the epoch's grid, kept for at least fifteen minutes. Requests of testers and
   * of our own checks (domain/own-checks.ts) are not in it, nor in `counters`, where the router can tell them. Absent where a router cannot tell: no verdict can be drawn from its own numbers.
   */
  readonly buckets?: (query: BucketQuery, signal: AbortSignal) => Promise<RouterBuckets>;

  /** Plain shell commands that send all traffic to a revision, for a person when Sluice is down (X9). */
  instructions(to: Split): readonly string[];
}
