/** How a deployment ended (architecture.md, Vocabulary), and the exit code each outcome has (the command line contract). */
import type { ErrorCode } from "./error-codes.ts";
import type { Failure } from "./errors.ts";

export const outcomes = [
  "succeeded",
  "failed",
  "refused",
  "rolled-back",
  "rollback-failed",
  "undecided",
  "quarantined",
  "cancelled",
  "expired",
  "superseded",
] as const;

export type Outcome = (typeof outcomes)[number];

export const exitCodes = {
  succeeded: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  rolledBack: 4,
  rollbackFailed: 5,
  undecided: 6,
  lockHeld: 7,
  waitingForApproval: 8,
  cancelled: 9,
  followingStopped: 130,
} as const;

/** Refusals by a gate or by the state of the environment, before anything was touched. */
const refusals: ReadonlySet<ErrorCode> = new Set([
  "CI_NOT_PASSED",
  "PREFLIGHT_FAILED",
  "PLAN_REFUSED",
  "MIGRATION_INCOMPATIBLE",
  "APPROVAL_REJECTED",
  "LOCK_HELD",
  "LEDGER_FOREIGN",
  "REF_INVALID",
  "REF_NOT_ALLOWED",
  "TAG_NOT_FOUND",
  "SECRET_MISSING",
  "ROLLBACK_REFUSED",
  "ROLLBACK_UNAVAILABLE",
]);

export interface Ending {
  readonly failure: Failure | undefined;
  /** Something could not be undone, or the stable version was not healthy afterwards. */
  readonly undoFailed: boolean;
  /** Anything outside Sluice was changed: database, workload or traffic. */
  readonly touched: boolean;
  readonly trafficMoved: boolean;
}

/** How a deployment ended. Abort outranks: what a person cancelled is cancelled, unless it could not be undone. */
export function outcomeOf(ending: Ending): Outcome {
  const { failure, undoFailed } = ending;
  if (failure === undefined) return "succeeded";
  if (failure.code === "CANCELLED") return undoFailed ? "quarantined" : "cancelled";
  if (undoFailed) return "rollback-failed";
  return outcomeByError[failure.code] ?? outcomeByReach(failure, ending);
}

const outcomeByError: Readonly<Partial<Record<ErrorCode, Outcome>>> = {
  APPROVAL_EXPIRED: "expired",
  SUPERSEDED: "superseded",
  ROLLOUT_UNDECIDED: "undecided",
  LOCK_LOST: "rollback-failed",
};

function outcomeByReach({ code }: Failure, { touched, trafficMoved }: Ending): Outcome {
  if (trafficMoved) return "rolled-back";
  return refusals.has(code) && !touched ? "refused" : "failed";
}

const exitCodeByOutcome: Readonly<Record<Outcome, number>> = {
  succeeded: exitCodes.succeeded,
  failed: exitCodes.failed,
  refused: exitCodes.refused,
  "rolled-back": exitCodes.rolledBack,
  "rollback-failed": exitCodes.rollbackFailed,
  undecided: exitCodes.undecided,
  quarantined: exitCodes.undecided,
  cancelled: exitCodes.cancelled,
  expired: exitCodes.cancelled,
  superseded: exitCodes.cancelled,
};

const exitCodeByError: Readonly<Partial<Record<ErrorCode, number>>> = {
  USAGE: exitCodes.usage,
  CONFIG_INVALID: exitCodes.usage,
  CONFIG_MISSING: exitCodes.usage,
  ENVIRONMENT_UNKNOWN: exitCodes.usage,
  DEPLOYMENT_UNKNOWN: exitCodes.usage,
  BACKUP_UNKNOWN: exitCodes.usage,
  LEDGER_NEWER: exitCodes.usage,
  OTHER_VERSION: exitCodes.usage,
  REF_INVALID: exitCodes.usage,
  APPROVAL_INVALID: exitCodes.refused,
  WEBHOOK_REFUSED: exitCodes.refused,
  LOCK_HELD: exitCodes.lockHeld,
  LEDGER_FOREIGN: exitCodes.lockHeld,
  CANCELLED: exitCodes.cancelled,
};

export const exitCodeOf = (outcome: Outcome): number => exitCodeByOutcome[outcome];

/** Of an error that ended a command. A deployment's own outcome is more telling, except for a lock held by another. */
export function exitCodeOfFailure(code: ErrorCode, outcome?: Outcome): number {
  const byCode = exitCodeByError[code];
  if (outcome === undefined) return byCode ?? (refusals.has(code) ? exitCodes.refused : exitCodes.failed);
  return outcome === "refused" && byCode === exitCodes.lockHeld ? byCode : exitCodeOf(outcome);
}
