/**
 * The fencing token. Every execution attempt of a deployment takes the next number of its environment; a target that has
 * seen a higher number, or another ledger, refuses a lower one (architecture.md, rule 3).
 */
export interface Attempt {
  /** Which ledger (state database) issued the number: a UUID made when the ledger was created. */
  readonly ledgerId: string;
  /** Rises by one per execution attempt of an environment. */
  readonly n: number;
  /** For messages and logs only. */
  readonly deploymentId: string;
}

/** What a target remembers of the last actor it obeyed. */
export interface FenceRecord {
  readonly ledgerId: string;
  readonly n: number;
  readonly deploymentId: string;
}

export type FenceRuling = "obey" | "stale" | "foreign";

/** May `attempt` act on a target that remembers `last`? Equal numbers are the same attempt repeating itself. */
export function ruleOnFence(last: FenceRecord | undefined, attempt: Attempt): FenceRuling {
  if (last === undefined) return "obey";
  if (last.ledgerId !== attempt.ledgerId) return "foreign";
  return attempt.n < last.n ? "stale" : "obey";
}

/** `enforced`: the target refuses a lower number. `checked`: a record at the target is read just before acting. */
export type Fencing = "enforced" | "checked";
