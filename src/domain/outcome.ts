/** How a deployment ended (architecture.md, Vocabulary), and the exit code each outcome has (the command line contract). */
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

export const exitCodeOf = (outcome: Outcome): number => exitCodeByOutcome[outcome];
