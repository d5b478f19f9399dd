/** What is kept of one metric between its buckets: plain JSON of under 2 KB, whatever the number of buckets and requests. */
import type { BucketReading, RateCounts } from "./bucket.ts";
import { type Dispersion, dispersionUpper, noDispersion, stepDispersion } from "./dispersion.ts";
import { beginGood, excessUpperBound, type GoodState, stepGood, stepGoodAlone } from "./good-test.ts";
import { latencyBets, latencyIncrements, latencyShift, possiblySlower, surelySlower } from "./latency-test.ts";
import { beginMixture, logEvidence, type Mixture, stepMixture, tempered } from "./mixture.ts";
import { oneSampleIncrement } from "./one-sample.ts";
import {
  type CanaryPlan,
  type DispersionPlan,
  type GuardPlan,
  isWarmingUp,
  type LatencyPlan,
  type MetricPlan,
  type RatePlan,
  type SharePlan,
} from "./plan.ts";
import { beginRateEvidence, logRateEvidence, type RateEvidence, rateBets, stepRateEvidence } from "./rate-test.ts";
import { isSilent, noSilence, type Silence, shareGoodIncrement, shareIncrements, stepSilence } from "./silence.ts";

/** A latency metric's `good` has one state for p90 and one for p99; a share's is nats. */
export type MetricTest =
  | {
      readonly kind: "rate";
      readonly evidence: RateEvidence;
      readonly good: GoodState;
      readonly dispersion: Dispersion;
    }
  | {
      readonly kind: "latency";
      readonly shifted: Mixture;
      readonly sharp: Mixture;
      readonly good: readonly [GoodState, GoodState];
      readonly dispersion: Dispersion;
    }
  | {
      readonly kind: "share";
      readonly evidence: Mixture;
      readonly sharp: Mixture;
      readonly logGood: number;
      readonly good: boolean;
      readonly silence: Silence;
    }
  | { readonly kind: "guard"; readonly evidence: Mixture; readonly good: GoodState };

export function beginTest(plan: MetricPlan): MetricTest {
  switch (plan.kind) {
    case "latency": {
      const bets = plan.cutsMs.length * latencyBets.length;
      const [shifted, sharp] = [beginMixture(bets), beginMixture(bets)];
      return {
        kind: "latency",
        shifted,
        sharp,
        good: [beginGood, beginGood],
        dispersion: plan.history ?? noDispersion,
      };
    }
    case "share": {
      const [evidence, sharp] = [beginMixture(rateBets.length), beginMixture(rateBets.length)];
      return { kind: "share", evidence, sharp, logGood: 0, good: false, silence: noSilence };
    }
    case "guard":
      return { kind: "guard", evidence: beginMixture(1), good: beginGood };
    default: {
      const dispersion = plan.history ?? noDispersion;
      return { kind: "rate", evidence: beginRateEvidence(), good: beginGood, dispersion };
    }
  }
}

/** The dispersion in use: at least 1, from minutes that had ended before this bucket. */
export const phiOf = (plan: DispersionPlan, dispersion: Dispersion): number =>
  plan.phi === "measure" ? (dispersionUpper(dispersion) ?? plan.phiUntilMeasured) : plan.phi;

type Reading<Kind extends BucketReading["kind"]> = Extract<BucketReading, { kind: Kind }>;
type Test<Kind extends MetricTest["kind"]> = Extract<MetricTest, { kind: Kind }>;

/** The counts of a rate metric, also where they are read off a histogram: the same edge for both versions. */
export function ratesOf(plan: RatePlan, reading: Reading<"rate"> | Reading<"latency">): Reading<"rate"> {
  if (reading.kind === "rate") return reading;
  const limitMs = plan.slowerThanMs ?? 0;
  const counts = (histogram: Reading<"latency">["candidate"]): RateCounts => {
    const { slow, total } = surelySlower(histogram, limitMs);
    return { events: slow, total };
  };
  return { kind: "rate", candidate: counts(reading.candidate), stable: counts(reading.stable) };
}

function stepRate(
  canary: CanaryPlan,
  plan: RatePlan,
  test: Test<"rate">,
  index: number,
  { candidate, stable, stableShards }: Reading<"rate">,
): MetricTest {
  const phi = phiOf(plan, test.dispersion);
  const { horizonBuckets, goodPsi: psiB, goodBeta: beta } = canary;
  const warmingUp = isWarmingUp(canary, index);
  return {
    kind: "rate",
    evidence: stepRateEvidence(plan, test.evidence, { candidate, stable, phi, warmingUp, horizonBuckets }),
    good: stepGood(test.good, candidate, stable, { psiB, phi, beta }),
    dispersion: disperse(canary, plan, test.dispersion, index, stableShards ?? [stable]),
  };
}

const disperse = (
  canary: CanaryPlan,
  plan: DispersionPlan,
  dispersion: Dispersion,
  index: number,
  parts: readonly RateCounts[],
): Dispersion => (plan.phi === "measure" ? stepDispersion(dispersion, index * canary.bucketMs, parts) : dispersion);

/** For "good" the doubt of a bin is turned round: what is possibly slow counts for the candidate. */
function goodLatency(
  canary: CanaryPlan,
  cutMs: number,
  phi: number,
  good: GoodState,
  { candidate, stable }: Reading<"latency">,
): GoodState {
  const ours = possiblySlower(candidate, latencyShift * cutMs);
  const theirs = surelySlower(stable, cutMs);
  const step = { psiB: canary.goodPsi, phi, beta: canary.goodBeta };
  return stepGood(good, { events: ours.slow, total: ours.total }, { events: theirs.slow, total: theirs.total }, step);
}

function stepLatency(
  canary: CanaryPlan,
  plan: LatencyPlan,
  test: Test<"latency">,
  index: number,
  reading: Reading<"latency">,
): MetricTest {
  const { candidate, stable } = reading;
  const phi = phiOf(plan, test.dispersion);
  const [, p90, p99] = plan.cutsMs;
  const step = (mixture: Mixture, shift: number): Mixture =>
    isWarmingUp(canary, index)
      ? mixture
      : stepMixture(
          mixture,
          tempered(latencyIncrements(candidate, stable, plan.cutsMs, shift), phi, plan.cap),
          canary.horizonBuckets,
        );
  const slow = possiblySlower(stable, p90);
  return {
    kind: "latency",
    shifted: step(test.shifted, latencyShift),
    sharp: step(test.sharp, 1),
    good: [goodLatency(canary, p90, phi, test.good[0], reading), goodLatency(canary, p99, phi, test.good[1], reading)],
    dispersion: disperse(canary, plan, test.dispersion, index, [{ events: slow.slow, total: slow.total }]),
  };
}

function stepShare(
  canary: CanaryPlan,
  plan: SharePlan,
  test: Test<"share">,
  index: number,
  reading: Reading<"share">,
): MetricTest {
  const step = (mixture: Mixture, psi0: number): Mixture =>
    isWarmingUp(canary, index)
      ? mixture
      : stepMixture(mixture, tempered(shareIncrements(reading, psi0), plan.phi, plan.cap), canary.horizonBuckets);
  const logGood = test.logGood + shareGoodIncrement(reading, shareGoodPsi) / plan.phi;
  return {
    kind: "share",
    evidence: step(test.evidence, plan.psi0),
    sharp: step(test.sharp, 1),
    logGood,
    good: test.good || logGood >= -Math.log(canary.goodBeta),
    silence: stepSilence(test.silence, reading),
  };
}

/** Good means: the candidate surely gets more than about four fifths of its share. */
const shareGoodPsi = 1.25;

function stepGuard(canary: CanaryPlan, plan: GuardPlan, test: Test<"guard">, counts: RateCounts): MetricTest {
  const increments = tempered([oneSampleIncrement(counts, plan)], plan.phi, plan.cap);
  return {
    kind: "guard",
    evidence: stepMixture(test.evidence, increments, canary.horizonBuckets),
    good: stepGoodAlone(test.good, counts, { phi: plan.phi, beta: canary.goodBeta }),
  };
}

/** One bucket; its reading was checked against the plan's kind before. */
export function stepTest(
  canary: CanaryPlan,
  plan: MetricPlan,
  test: MetricTest,
  index: number,
  reading: BucketReading,
): MetricTest {
  if (reading.kind === "missing") return test;
  if (plan.kind === "latency" && test.kind === "latency" && reading.kind === "latency") {
    return stepLatency(canary, plan, test, index, reading);
  }
  if (plan.kind === "share" && test.kind === "share" && reading.kind === "share") {
    return stepShare(canary, plan, test, index, reading);
  }
  if (plan.kind === "guard" && test.kind === "guard" && reading.kind === "rate") {
    return stepGuard(canary, plan, test, reading.candidate);
  }
  const isRate = plan.kind === "errors" || plan.kind === "rate";
  if (isRate && test.kind === "rate" && reading.kind !== "share") {
    return stepRate(canary, plan, test, index, ratesOf(plan, reading));
  }
  return test;
}

/** `ln E` for ROLLBACK. */
export function logRollback(test: MetricTest, horizonBuckets: number): number {
  switch (test.kind) {
    case "rate":
      return logRateEvidence(test.evidence, horizonBuckets);
    case "latency":
      return logEvidence(test.shifted, horizonBuckets);
    default:
      return logEvidence(test.evidence, horizonBuckets);
  }
}

/** `ln E` for HOLD: any difference. A guard knows only one. */
export function logHold(test: MetricTest, horizonBuckets: number): number {
  if (test.kind === "rate") return logEvidence(test.evidence.sharp, horizonBuckets);
  return logEvidence(test.kind === "guard" ? test.evidence : test.sharp, horizonBuckets);
}

/** U of a metric, 0 to 1; a share has none. */
export function upperBoundOf(test: MetricTest): number | undefined {
  if (test.kind === "share") return undefined;
  if (test.kind === "latency") return Math.max(...test.good.map(excessUpperBound));
  return excessUpperBound(test.good);
}

export const isGood = (plan: MetricPlan, test: MetricTest): boolean =>
  test.kind === "share" ? test.good : (upperBoundOf(test) ?? 1) <= plan.goodDelta;

export const hasFallenSilent = (canary: CanaryPlan, test: MetricTest): boolean =>
  test.kind === "share" && isSilent(test.silence, canary.silence);
