/** Numbers that no source should have handed over are refused by name: a verdict from them would look like any other. */
// biome-ignore lint/style/noRestrictedImports: the error class of this same room, one folder up.
import { SluiceError } from "../errors.ts";
import type { BucketReading, LatencyCounts, MetricBucket, RateCounts } from "./bucket.ts";
import type { CanaryPlan, GuardPlan, MetricPlan, RatePlan } from "./plan.ts";

export const invalidMetric = (metric: string, message: string): SluiceError =>
  new SluiceError({
    code: "METRIC_INVALID",
    remedy: "operator",
    at: `metrics.${metric}`,
    message: `The metric ${metric} cannot be judged: ${message}.`,
    hint: "Correct its query or its settings, then look at what they give: sluice check <environment>",
  });

const isCount = (value: number): boolean => Number.isFinite(value) && value >= 0;

function rateFault({ events, total }: RateCounts, whose: string): string | undefined {
  if (!isCount(events) || !isCount(total)) return `${whose} counts are ${events} of ${total}; counts are 0 or more`;
  return events > total ? `${whose} counts are ${events} of ${total}; events cannot be more than the total` : undefined;
}

function latencyFault({ edgesMs, counts }: LatencyCounts, whose: string): string | undefined {
  if (edgesMs.length === 0) return `${whose} histogram has no buckets`;
  if (counts.length !== edgesMs.length + 1) {
    return `${whose} histogram has ${counts.length} counts for ${edgesMs.length} edges; one more than edges is needed`;
  }
  const rising = edgesMs.every((edge, at) => Number.isFinite(edge) && edge > (edgesMs[at - 1] ?? 0));
  if (!rising) return `${whose} histogram's edges do not rise from above 0`;
  const wrong = counts.find((count) => !isCount(count));
  return wrong === undefined ? undefined : `${whose} histogram has the count ${wrong}; counts are 0 or more`;
}

function shareFault(reading: Extract<BucketReading, { kind: "share" }>): string | undefined {
  const { candidateRequests, stableRequests, candidateShare } = reading;
  if (!isCount(candidateRequests) || !isCount(stableRequests)) {
    return `its requests are ${candidateRequests} and ${stableRequests}; counts are 0 or more`;
  }
  return candidateShare >= 0 && candidateShare <= 1 ? undefined : `its share is ${candidateShare}, not between 0 and 1`;
}

function readingFault(reading: BucketReading): string | undefined {
  switch (reading.kind) {
    case "missing":
      return undefined;
    case "share":
      return shareFault(reading);
    case "latency":
      return latencyFault(reading.candidate, "the candidate's") ?? latencyFault(reading.stable, "the stable version's");
    case "rate": {
      const shards = (reading.stableShards ?? []).map((shard, at) =>
        rateFault(shard, `the stable version's shard ${at}`),
      );
      return (
        rateFault(reading.candidate, "the candidate's") ??
        rateFault(reading.stable, "the stable version's") ??
        shards.find((fault) => fault !== undefined)
      );
    }
  }
}

/** Throws METRIC_INVALID for a reading that holds impossible numbers, or is of another kind than the plan's. */
export function checkBucket(plan: MetricPlan, { metric, index, reading }: MetricBucket): void {
  if (!Number.isSafeInteger(index)) throw invalidMetric(metric, `its bucket has the index ${index}`);
  const wanted = readingOf(plan);
  if (reading.kind !== "missing" && reading.kind !== wanted) {
    throw invalidMetric(metric, `it is read as ${reading.kind}, but planned as ${plan.kind}, which needs ${wanted}`);
  }
  const fault = readingFault(reading);
  if (fault !== undefined) throw invalidMetric(metric, `in bucket ${index} ${fault}`);
}

/** The kind of reading that a metric is fed with. */
function readingOf(plan: MetricPlan): BucketReading["kind"] {
  switch (plan.kind) {
    case "errors":
    case "rate":
      return plan.slowerThanMs === undefined ? "rate" : "latency";
    case "guard":
      return "rate";
    default:
      return plan.kind;
  }
}

const isShare = (value: number): boolean => value > 0 && value < 1;

function dispersionFault(plan: MetricPlan): string | undefined {
  if (plan.phi !== "measure" && !(plan.phi >= 1)) return `its dispersion is ${plan.phi}; it is 1 or more`;
  const until = "phiUntilMeasured" in plan ? plan.phiUntilMeasured : 1;
  return until >= 1 ? undefined : `its dispersion until one is measured is ${until}; it is 1 or more`;
}

function kindFault(plan: MetricPlan): string | undefined {
  switch (plan.kind) {
    case "latency":
      return plan.cutsMs.every((cut) => Number.isFinite(cut) && cut > 0) ? undefined : `its cuts are ${plan.cutsMs} ms`;
    case "share":
      return plan.psi0 >= 1 ? undefined : `its factor psi0 is ${plan.psi0}; it is 1 or more`;
    case "guard":
      return guardFault(plan);
    default:
      return marginFault(plan);
  }
}

const guardFault = ({ declaredRate, failingRate }: GuardPlan): string | undefined =>
  isShare(declaredRate) && isShare(failingRate) && failingRate > declaredRate
    ? undefined
    : `its declared rate ${declaredRate} and failing rate ${failingRate} do not rise between 0 and 1`;

const marginFault = ({ psi0, delta0, hardDelta0 }: RatePlan): string | undefined =>
  psi0 >= 1 && delta0 >= 0 && hardDelta0 >= 0
    ? undefined
    : `its margin is ${psi0} times plus ${delta0} (hard ${hardDelta0}); it starts at 1 times plus 0`;

function metricFault(plan: MetricPlan): string | undefined {
  if (!(plan.weight > 0 && plan.weight <= 1)) return `its weight is ${plan.weight}; it is above 0 and at most 1`;
  if (!(plan.cap > 0)) return `its cap is ${plan.cap} nats; it is above 0`;
  if (!(plan.goodDelta > 0 && plan.goodDelta <= 1)) return `it would be good at ${plan.goodDelta}, not between 0 and 1`;
  return dispersionFault(plan) ?? kindFault(plan);
}

function planFault(plan: CanaryPlan): string | undefined {
  const judged = plan.metrics.filter(({ advisory }) => !advisory);
  const sum = judged.reduce((all, { weight }) => all + weight, 0);
  const names = new Set(plan.metrics.map(({ name }) => name));
  if (names.size < plan.metrics.length) return "two metrics have the same name";
  if (plan.metrics.length > 0 && judged.length === 0) return "every metric is advisory, so that nothing is judged";
  if (judged.length > 0 && Math.abs(sum - 1) > 1e-9) {
    return `the weights of ${judged.map(({ name, weight }) => `${name} ${weight}`).join(", ")} add up to ${sum}, not to 1`;
  }
  const times = [plan.bucketMs, plan.horizonBuckets];
  if (times.some((time) => !(Number.isSafeInteger(time) && time > 0))) return "its grid is not of whole milliseconds";
  const errors = [plan.alpha, plan.holdAlpha, plan.goodBeta];
  if (!errors.every(isShare)) return `its error bounds ${errors.join(", ")} do not lie between 0 and 1`;
  if (!(plan.goodPsi >= 1)) return `the good test's factor is ${plan.goodPsi}; it is 1 or more`;
  return plan.silence.expectedRequests >= 10 ? undefined : "silence is judged from 10 expected requests on";
}

/** Throws METRIC_INVALID for a plan that no bound on false alarms would hold for. */
export function checkPlan(plan: CanaryPlan): void {
  for (const metric of plan.metrics) {
    const fault = metricFault(metric);
    if (fault !== undefined) throw invalidMetric(metric.name, fault);
  }
  const fault = planFault(plan);
  if (fault !== undefined) throw invalidMetric("*", fault);
}
