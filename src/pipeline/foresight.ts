/**
 * 5.3 of the method: what each weight could see with the traffic of the last minutes, told before anybody approves. Measured, so not
 * part of the plan's digest.
 */
import { smallestDetectable } from "../domain/canary/detectable.ts";
import type { RatePlan } from "../domain/canary/plan.ts";
import { humanDuration } from "../domain/duration.ts";
import { bakedPercent, holdsNothing } from "../domain/rollout.ts";
import type { Serving } from "../domain/serving.ts";
import type { RolloutSettings, RolloutStep } from "../domain/settings.ts";
import type { Parts } from "./parts.ts";
import { planVerdict, type VerdictPlan } from "./verdict-plan.ts";

const power = 0.95;
/** More than this unseen at the first weight is worth a proposal. */
const coarse = 0.1;

export async function foresight(
  parts: Parts,
  version: string,
  serving: Serving | null,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { rollout } = parts.settings;
  if (rollout.verdict.mode === "off" || holdsNothing(rollout)) return [];
  const planned = await planVerdict(parts, version, serving?.components ?? [], serving, signal);
  if (planned.canary === null) return [`nothing is compared: ${planned.why}`];
  if (!planned.compares) return planned.remarks;
  if (planned.requestsPerSecond === 0) {
    return [
      ...planned.remarks,
      `no traffic on ${serving?.version ?? "the stable version"} in the last ten minutes: without requests nothing is seen, and that is never a pass`,
    ];
  }
  return [...linesOf(planned, rollout), ...planned.remarks];
}

function linesOf(planned: VerdictPlan, rollout: RolloutSettings): readonly string[] {
  const errors = planned.canary.metrics.find(
    (metric): metric is RatePlan => metric.kind === "errors" && !metric.advisory,
  );
  const traffic = `${rounded(planned.requestsPerSecond)} requests/s, ${percentText(planned.stableErrorRate)} failing`;
  if (errors === undefined) return [`lately ${traffic}; failures do not decide here`];
  if (rollout.strategy === "adaptive") return [`lately ${traffic}; the ramp goes as fast as that allows`];
  const seen = rollout.steps
    .filter(({ bakeMs }) => bakeMs > 0)
    .map((step) => ({ step, rate: smallestAt(planned, errors, step, rollout) }));
  const [first] = seen;
  const proposal =
    first !== undefined && (first.rate === undefined || first.rate > coarse)
      ? ["with so little traffic a larger first weight, a longer bake or strategy: adaptive sees more"]
      : [];
  return [
    `lately ${traffic}; what would surely be noticed:`,
    ...seen.map((each) => seenText(each, rollout)),
    ...proposal,
  ];
}

function seenText(
  { step, rate }: { readonly step: RolloutStep; readonly rate: number | undefined },
  rollout: RolloutSettings,
): string {
  const at = `at ${bakedPercent(step, rollout, true)} % for ${humanDuration(step.bakeMs)}`;
  return rate === undefined
    ? `${at}: nothing, not even a version that always fails`
    : `${at}: a version of which ${percentText(rate)} of the requests or more fail`;
}

function smallestAt(
  { canary, requestsPerSecond, stableErrorRate }: VerdictPlan,
  errors: RatePlan,
  step: RolloutStep,
  rollout: RolloutSettings,
): number | undefined {
  return smallestDetectable({
    requestsPerSecond,
    candidateShare: bakedPercent(step, rollout, true) / 100,
    seconds: step.bakeMs / 1000,
    warmupSeconds: step === rollout.steps[0] ? canary.warmupMs / 1000 : 0,
    stableErrorRate,
    psi0: errors.psi0,
    delta0: errors.delta0,
    hardDelta0: errors.hardDelta0,
    phi: errors.phi === "measure" ? errors.phiUntilMeasured : errors.phi,
    alpha: canary.alpha,
    weight: errors.weight,
    power,
  });
}

const rounded = (value: number): string => (value < 10 ? value.toFixed(1) : String(Math.round(value)));
const percentText = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;
