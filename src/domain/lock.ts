/**
 * Who may act in an environment: the rules of lock, lease and charge, as the ledger's stores apply them inside their
 * transactions. A store reads, asks here, writes.
 */

/** What there is to know of a lock that is held. */
export interface HeldLock {
  readonly deploymentId: string;
  readonly kind: "deployment" | "manual";
  readonly heldBy: string;
  /** The deployment that took it has its outcome. Never true of a manual lock. */
  readonly holderEnded: boolean;
}

export type LockAsker =
  | { readonly kind: "deployment"; readonly deploymentId: string }
  | { readonly kind: "manual"; readonly by: string };

/** `take` a free lock, `keep` one's own, or it is `busy`. */
export type LockRuling = "take" | "keep" | "busy";

/**
 * A lock whose deployment has ended is free, whoever failed to release it. One whose holder died without an outcome stays
 * held: what it left half done is finished by resuming it, not by starting another deployment on top of it.
 */
export function ruleOnLock(held: HeldLock | undefined, asker: LockAsker): LockRuling {
  if (held === undefined || held.holderEnded) return "take";
  if (held.kind !== asker.kind) return "busy";
  const own = asker.kind === "manual" ? held.heldBy === asker.by : held.deploymentId === asker.deploymentId;
  return own ? "keep" : "busy";
}

/** One that waits for the lock. */
export interface InQueue {
  readonly deploymentId: string;
  readonly kind: "deploy" | "rollback";
}

/**
 * Whose turn it is when the lock is free: first come, first served, but a way back never waits behind a way forward.
 * @param queue those whose process lives, in the order in which they came.
 */
const firstInQueue = (queue: readonly InQueue[]): InQueue | undefined =>
  queue.find(({ kind }) => kind === "rollback") ?? queue[0];

/** What a deployment hears that asks for the lock. */
export type LockTurn =
  | { readonly kind: LockRuling | "superseded" }
  /** Free, but somebody came before. */
  | { readonly kind: "queued"; readonly behind: string };

/** @param queue with the asker in it where it waits; empty where it does not. */
export function ruleOnTurn(
  ruling: LockRuling,
  asker: { readonly deploymentId: string; readonly superseded: boolean },
  queue: readonly InQueue[],
): LockTurn {
  if (ruling === "keep") return { kind: "keep" };
  if (asker.superseded) return { kind: "superseded" };
  const first = ruling === "take" ? firstInQueue(queue) : undefined;
  if (first && first.deploymentId !== asker.deploymentId) return { kind: "queued", behind: first.deploymentId };
  return { kind: ruling };
}

/** Outcomes latch: `write` the first one, an equal one is there already (`same`), a different one is refused. */
export function ruleOnOutcome<T extends string>(written: T | null, wanted: T): "write" | "same" | "refuse" {
  if (written === null) return "write";
  return written === wanted ? "same" : "refuse";
}

/** Used until the first heartbeat says how long its lease is. */
export const defaultLeaseMs = 3_000;

/**
 * Has the process in charge missed its lease? Both times by the ledger's clock. A heartbeat that lies ahead is from before that clock
 * was set back: whoever lives renews it in a moment, and a dead one's lease must not last until the clock is there again.
 */
export const leaseExpired = (heartbeatAtMs: number, leaseMs: number, nowMs: number): boolean =>
  Math.abs(nowMs - heartbeatAtMs) > leaseMs;

/** The first of `id`, `id-2`, `id-3` … that is not taken. */
export function firstFreeId(id: string, isTaken: (candidate: string) => boolean): string {
  if (!isTaken(id)) return id;
  for (let suffix = 2; ; suffix++) {
    const candidate = `${id}-${suffix}`;
    if (!isTaken(candidate)) return candidate;
  }
}

/** May a taker-over replace the attempt that it saw abandoned? Not where another one was quicker, nor after the end. */
export const mayReplace = (
  row: { readonly attempt: number; readonly outcome: string | null },
  abandoned: number,
): boolean => row.attempt === abandoned && row.outcome === null;
