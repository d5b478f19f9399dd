/**
 * Every decision of a rollout step, pure: hold, go on, or send the traffic back. The loop that asks is
 * pipeline/stages/rollout-step.ts.
 */
import type { RolloutStep } from "./settings.ts";
import type { Endpoint, RevisionId, Split } from "./traffic.ts";
import type { Verdict } from "./verdict.ts";

export interface StepProgress {
  readonly bakeEndsAtMs: number;
  /** Beyond this an undecided step is decided by `onUnknown`. */
  readonly undecidedUntilMs: number;
  readonly onUnknown: "roll-back" | "continue";
  readonly failureLimit: number;
  readonly failuresInARow: number;
}

export type StepMove =
  | { readonly kind: "hold"; readonly reason: string; readonly failuresInARow: number }
  | { readonly kind: "roll-back"; readonly reason: string; readonly undecided: boolean }
  | { readonly kind: "done"; readonly undecided: boolean };

/**
 * R2: the N-th failed round in a row rolls back, at any time of the step. A step ends well only with a pass in hand after
 * its bake; what is still unknown then holds on, and at the limit follows `onUnknown`.
 */
export function nextMove(progress: StepProgress, verdict: Verdict, nowMs: number): StepMove {
  if (verdict.kind === "fail") {
    const failuresInARow = progress.failuresInARow + 1;
    return failuresInARow >= progress.failureLimit
      ? { kind: "roll-back", reason: verdict.reason, undecided: false }
      : { kind: "hold", reason: verdict.reason, failuresInARow };
  }
  if (verdict.kind === "pass") {
    return nowMs >= progress.bakeEndsAtMs
      ? { kind: "done", undecided: false }
      : { kind: "hold", reason: "baking", failuresInARow: 0 };
  }
  // Unknown neither clears the failures seen so far nor adds one.
  if (nowMs < progress.undecidedUntilMs) {
    return { kind: "hold", reason: verdict.reason, failuresInARow: progress.failuresInARow };
  }
  return progress.onUnknown === "continue"
    ? { kind: "done", undecided: true }
    : { kind: "roll-back", reason: `undecided: ${verdict.reason}`, undecided: true };
}

/** Without a stable version there is nothing to compare with and nowhere else to send traffic: one step at 100 %. */
export function stepsFor(steps: readonly RolloutStep[], stableServes: boolean): readonly RolloutStep[] {
  const last = steps.at(-1) ?? { percent: 100, bakeMs: 0 };
  return stableServes ? steps : [last];
}

interface Serving {
  readonly revision: RevisionId;
  readonly endpoints: readonly Endpoint[];
}

export function splitBetween(stable: Serving | undefined, candidate: Serving, candidatePercent: number): Split {
  const candidateShare = { ...candidate, percent: stable === undefined ? 100 : candidatePercent };
  return stable === undefined || stable.revision === candidate.revision
    ? [{ ...candidate, percent: 100 }]
    : [{ ...stable, percent: 100 - candidatePercent }, candidateShare];
}
