/** What a person wants to read beside the evidence: how many of how many, of both versions. */
import type { BucketReading, RateCounts } from "./bucket.ts";
import { latencyShift, possiblySlower, type SlowCounts, surelySlower } from "./latency-test.ts";
import { ratesOf } from "./metric-state.ts";
import type { MetricPlan } from "./plan.ts";

/**
 * Sums over the applied buckets. Of a rate: events of requests. Of latency: requests slower than the p90 cut (the candidate's:
 * than 1.10 times it). Of a share: `events` are the requests that came, `total` those that the weights said should have come.
 */
export interface MetricCounts {
  readonly candidateEvents: number;
  readonly candidateTotal: number;
  readonly stableEvents: number;
  readonly stableTotal: number;
}

export const noCounts: MetricCounts = { candidateEvents: 0, candidateTotal: 0, stableEvents: 0, stableTotal: 0 };

const countsFrom = (candidate: RateCounts, stable: RateCounts): MetricCounts => ({
  candidateEvents: candidate.events,
  candidateTotal: candidate.total,
  stableEvents: stable.events,
  stableTotal: stable.total,
});

const asRate = ({ slow, total }: SlowCounts): RateCounts => ({ events: slow, total });

function countsOf(plan: MetricPlan, reading: BucketReading): MetricCounts {
  if (reading.kind === "missing") return noCounts;
  if (reading.kind === "share") {
    const { candidateRequests, stableRequests, candidateShare } = reading;
    const all = candidateRequests + stableRequests;
    return countsFrom(
      { events: candidateRequests, total: all * candidateShare },
      { events: stableRequests, total: all * (1 - candidateShare) },
    );
  }
  if (plan.kind === "latency" && reading.kind === "latency") {
    const ours = surelySlower(reading.candidate, latencyShift * plan.cutsMs[1]);
    return countsFrom(asRate(ours), asRate(possiblySlower(reading.stable, plan.cutsMs[1])));
  }
  if (plan.kind === "errors" || plan.kind === "rate") {
    const { candidate, stable } = ratesOf(plan, reading);
    return countsFrom(candidate, stable);
  }
  return reading.kind === "rate" ? countsFrom(reading.candidate, reading.stable) : noCounts;
}

export function addCounts(sums: MetricCounts, plan: MetricPlan, reading: BucketReading): MetricCounts {
  const now = countsOf(plan, reading);
  return {
    candidateEvents: sums.candidateEvents + now.candidateEvents,
    candidateTotal: sums.candidateTotal + now.candidateTotal,
    stableEvents: sums.stableEvents + now.stableEvents,
    stableTotal: sums.stableTotal + now.stableTotal,
  };
}
