/**
 * R1: weight after weight, as written or as the evidence allows, under one test that is fixed before the first request. A person
 * may end the walk, and what a failed weight leads to is a setting (on-failure.ts).
 */
import { wellBegunInMs } from "../domain/canary/plan.ts";
import { firstShare, rampDefaults } from "../domain/canary/ramp.ts";
import { type StepEnd, stepAfter, stepsFor } from "../domain/rollout.ts";
import type { RolloutSettings, RolloutStep } from "../domain/settings.ts";
import { peopleTopic } from "../ports/ledger.ts";
import { beginEvidence } from "./evidence.ts";
import { withFailureAction } from "./on-failure.ts";
import { readCountersBefore } from "./reading.ts";
import type { Run } from "./run.ts";
import type { StageContext } from "./stage.ts";
import type { RolloutIntent } from "./stages/rollout-intent.ts";
import { bakedAt, rolloutStep, routesAt, type StepPassed } from "./stages/rollout-step.ts";
import { type PlannedVerdict, planVerdict } from "./verdict-plan.ts";

type Common = Pick<RolloutIntent, "candidate" | "stable" | "started" | "routed" | "version" | "rollout">;

export async function walkWeights(run: Run, common: Common): Promise<void> {
  const { settings } = run.parts;
  const compares = common.stable !== null && common.started.stable.length > 0;
  const ramp = compares
    ? common.rollout
    : { ...common.rollout, strategy: "steps" as const, steps: stepsFor(common.rollout.steps, false) };
  const { verdict, firstPercent } = await fixVerdict(run, common, compares);
  const rolloutStartedAtMs = await run.flow.now();
  const ended: StepEnd[] = [];
  for (;;) {
    const step = stepAfter(ramp, firstPercent, ended);
    if (step === undefined) return;
    let passed: StepPassed | undefined;
    let bakeEndsAtMs = 0;
    const how = await withFailureAction(run, "rollout", async () => {
      passed = await shiftTo(run, step, { ...common, verdict, rolloutStartedAtMs }, (endsAtMs) => {
        bakeEndsAtMs = endsAtMs;
      });
    });
    ended.push(passed ?? { percent: step.percent, nextPercent: null });
    if (how === "alerted") await waitOut(run, bakeEndsAtMs);
    if (how !== "passed") continue;
    await run.notify("stage-passed", {
      title: `${common.version} holds ${step.percent} % in ${settings.environment}`,
      message: `The ${step.percent} % step passed.`,
      next: `sluice status ${run.row.id}`,
    });
  }
}

/** Before the first request: what the test is fixed to, journalled, told, and kept in the ledger. */
async function fixVerdict(
  run: Run,
  common: Common,
  compares: boolean,
): Promise<{ readonly verdict: PlannedVerdict; readonly firstPercent: number }> {
  const verdict = await run.record("verdict", async (ctx) => {
    const planned = await planForBucket(run, common, compares, ctx);
    const fixed = planned.canary === null ? planned : await beginEvidence(ctx, planned);
    for (const remark of fixed.canary === null ? [fixed.why] : fixed.remarks) await ctx.progress(remark);
    return fixed;
  });
  return { verdict, firstPercent: rampFrom(common.rollout, verdict.canary === null ? 0 : verdict.requestsPerSecond) };
}

/** Planned once more where the first weight is better begun a little later: what the test begins with is then of that moment. */
async function planForBucket(
  run: Run,
  { version, candidate, stable, rollout }: Common,
  compares: boolean,
  { signal }: StageContext,
): Promise<PlannedVerdict> {
  const parts = { ...run.parts, settings: { ...run.parts.settings, rollout } };
  const plan = () => planVerdict(parts, version, candidate, compares ? stable : null, signal);
  const planned = await plan();
  if (planned.canary === null || !planned.compares) return planned;
  const { requestsPerSecond } = planned;
  const percent = rollout.strategy === "adaptive" ? rampFrom(rollout, requestsPerSecond) : rollout.steps[0]?.percent;
  const candidatePerSecond = (requestsPerSecond * (percent ?? 100)) / 100;
  const waitMs = wellBegunInMs(parts.clock.now(), planned.canary.bucketMs, candidatePerSecond);
  if (waitMs === 0) return planned;
  await parts.clock.sleep(waitMs, signal);
  return plan();
}

/** Of the adaptive ramp, the first weight. */
function rampFrom({ adaptive: { budget, reactionMs } }: RolloutSettings, requestsPerSecond: number): number {
  const share = firstShare(requestsPerSecond, { ...rampDefaults, budgetRequests: budget, reactionMs });
  return Math.max(1, Math.floor(100 * share));
}

async function shiftTo(
  run: Run,
  step: RolloutStep,
  common: Common & Pick<RolloutIntent, "verdict" | "rolloutStartedAtMs">,
  bakesUntil: (endsAtMs: number) => void,
): Promise<StepPassed> {
  const { before, heldSinceLedgerMs } = await run.record("counters", async (ctx) => ({
    before: await readCountersBefore(ctx, common),
    heldSinceLedgerMs: await run.parts.ledger.now(),
  }));
  const startedAtMs = await run.flow.now();
  bakesUntil(startedAtMs + common.rollout.settleMs + step.bakeMs);
  const intent = { ...common, step, before, startedAtMs, heldSinceLedgerMs };
  let reached = bakedAt(intent);
  try {
    const passed = await run.do(rolloutStep, intent);
    reached = step.percent;
    return passed;
  } finally {
    // Also where the step failed and a person decides: in a process that took over, nobody else has told what to renew.
    run.traffic.attend(routesAt(common, reached), run.attempt);
  }
}

/** Where a failed weight only alerts it is kept for its whole bake: a bad release must not get ahead faster than a good one. */
async function waitOut(run: Run, untilMs: number): Promise<void> {
  for (;;) {
    const leftMs = untilMs - (await run.flow.now());
    if (leftMs <= 0) return;
    await run.flow.waitFor(peopleTopic, leftMs);
    await run.stillWanted();
  }
}
