/**
 * Every decision of a rollout step, pure: hold, go on, or send the traffic back. The loop that asks is
 * pipeline/stages/rollout-step.ts.
 */
import type { ErrorCode } from "./error-codes.ts";
import type { EnvironmentSettings, RollbackTrigger, RolloutSettings, RolloutStep, TrafficLimits } from "./settings.ts";
import type { Endpoint, RevisionId, Split } from "./traffic.ts";
import type { Verdict } from "./verdict.ts";

/** X1: what a failed stage leads to. A health check that fails counts as one whichever stage it failed in. */
export const failureAction = (
  { rollback: { on } }: Pick<EnvironmentSettings, "rollback">,
  trigger: RollbackTrigger,
  code: ErrorCode,
) => (code === "HEALTH_FAILED" ? on.health : on[trigger]);

/** No weight is held for a moment: nothing can be seen of its traffic, and health checks alone judge. */
export const holdsNothing = ({ strategy, steps }: Pick<RolloutSettings, "strategy" | "steps">): boolean =>
  strategy === "steps" && steps.every(({ bakeMs, promote }) => bakeMs === 0 && promote !== "by-hand");

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

/** The step that was held, and the weight that the evidence allowed next where the ramp is adaptive. */
export interface StepEnd {
  readonly percent: number;
  readonly nextPercent: number | null;
}

/**
 * R1: the next weight, or undefined after 100 %. An adaptive ramp knows its next weight only when the one before has ended; one
 * that a person let go on, or that only alerts, grows as fast as the ramp ever does.
 */
export function stepAfter(
  { strategy, steps, adaptive, controlPercent }: RampRules,
  firstPercent: number,
  ended: readonly StepEnd[],
): RolloutStep | undefined {
  if (strategy === "steps") return steps[ended.length];
  const last = ended.at(-1);
  if (last === undefined) return { percent: firstPercent, bakeMs: adaptive.maxSoakMs };
  if (last.percent === 100) return undefined;
  const most = 100 - controlPercent;
  const percent = Math.min(most, last.nextPercent ?? 10 * last.percent);
  return percent >= most
    ? { percent: 100, bakeMs: adaptive.minSoakMs }
    : { percent: Math.max(percent, last.percent), bakeMs: adaptive.maxSoakMs };
}

type RampRules = Pick<RolloutSettings, "strategy" | "steps" | "adaptive" | "controlPercent">;

/** What the candidate has while a step bakes: at "100 %" the control stays on the stable version, where there is one and time. */
export const bakedPercent = (
  { percent, bakeMs }: RolloutStep,
  { controlPercent }: Pick<RolloutSettings, "controlPercent">,
  compares: boolean,
): number => (percent === 100 && bakeMs > 0 && compares ? 100 - controlPercent : percent);

/** The lines of the sources (O2): crude with few requests, but something judges errors where no test does. */
const linesWithoutTest: Pick<TrafficLimits, "errorRate" | "errorRateRise"> = { errorRate: 0.01, errorRateRise: 0.05 };

/** Where nothing compares the versions, switched-off error lines would leave errors unjudged: the sources' lines hold then. */
export const limitsInForce = (limits: TrafficLimits, testDecides: boolean): TrafficLimits =>
  testDecides || limits.errorRate !== null || limits.errorRateRise !== null
    ? limits
    : { ...limits, ...linesWithoutTest };

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
