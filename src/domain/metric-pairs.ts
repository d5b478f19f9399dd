/** The counts of both versions to one reading; what cannot be meant is named instead of counted. */
import type { BucketReading, LatencyCounts, MetricBucket } from "./canary/bucket.ts";
import type { BucketCounts } from "./metric-counters.ts";

export interface PairedCounts {
  readonly candidate: BucketCounts;
  readonly stable: BucketCounts;
}

/** Slack for sums of floating-point numbers, in counts. */
const slack = 1e-6;

export const missing = (metric: string, index: number, reason: string): MetricBucket => ({
  metric,
  index,
  reading: { kind: "missing", reason },
});

/** `values` are [events, total]. */
export function rateBucket(metric: string, index: number, counts: PairedCounts): MetricBucket {
  return bucketOf(metric, index, counts, (candidate, stable) => {
    const fault = rateFault("candidate", candidate) ?? rateFault("stable", stable);
    if (fault) return { kind: "missing", reason: fault };
    return { kind: "rate", candidate: rateOf(candidate), stable: rateOf(stable) };
  });
}

const rateOf = ([events = 0, total = 0]: readonly number[]) => ({ events: Math.min(events, total), total });

function rateFault(arm: string, [events = 0, total = 0]: readonly number[]): string | undefined {
  return events > total + slack
    ? `the ${arm} version has more events than there were in total (${events} of ${total}); both must count the same things`
    : undefined;
}

/**
 * `values` are the counts at or below each edge (cumulative over the edges, as histograms are usually kept), the last one that
 * of everything. `edgesMs` has one entry less.
 */
export function latencyBucket(
  metric: string,
  index: number,
  edgesMs: readonly number[],
  counts: PairedCounts,
): MetricBucket {
  return bucketOf(metric, index, counts, (candidate, stable) => {
    const of = (values: readonly number[]): LatencyCounts => ({
      edgesMs,
      counts: values.map((value, place) => value - (values[place - 1] ?? 0)),
    });
    const both = { candidate: of(candidate), stable: of(stable) };
    const fault = latencyFault("candidate", both.candidate) ?? latencyFault("stable", both.stable);
    return fault ? { kind: "missing", reason: fault } : { kind: "latency", ...both };
  });
}

function latencyFault(arm: string, { edgesMs, counts }: LatencyCounts): string | undefined {
  if (counts.length !== edgesMs.length + 1) return `the ${arm} version's histogram does not fit its edges`;
  if (edgesMs.some((edge, place) => place > 0 && edge <= (edgesMs[place - 1] ?? 0)))
    return `the ${arm} version's histogram has edges that do not rise`;
  return counts.some((count) => count < -slack)
    ? `the ${arm} version's histogram has more below a lower edge than below a higher one`
    : undefined;
}

function bucketOf(
  metric: string,
  index: number,
  { candidate, stable }: PairedCounts,
  reading: (candidate: readonly number[], stable: readonly number[]) => BucketReading,
): MetricBucket {
  const resetSeen = [candidate, stable].some((counts) => counts.kind !== "absent" && counts.resetSeen === true);
  const mark = resetSeen ? { resetSeen } : {};
  const reason = armFault("candidate", candidate) ?? armFault("stable", stable);
  if (reason !== undefined) return { ...missing(metric, index, reason), ...mark };
  const of = (counts: BucketCounts) => (counts.kind === "counted" ? counts.values : []);
  return { metric, index, reading: reading(of(candidate), of(stable)), ...mark };
}

function armFault(arm: string, counts: BucketCounts): string | undefined {
  if (counts.kind === "counted") return undefined;
  return counts.kind === "absent" ? `nothing was read for the ${arm} version` : `${arm} version: ${counts.reason}`;
}

/** Per-interval counts as a provider gave them; absent where it gave none at all. */
export function countsGiven(values: readonly unknown[]): BucketCounts {
  if (values.every((value) => value === null || value === undefined)) return { kind: "absent" };
  if (values.some((value) => value === null || value === undefined))
    return { kind: "unknown", reason: "one of its counts has no value" };
  const wrong = values.find((value) => typeof value !== "number" || !Number.isFinite(value));
  if (wrong !== undefined) return { kind: "unknown", reason: `a count is no number (${String(wrong).slice(0, 40)})` };
  const counts = values as readonly number[];
  const negative = counts.find((value) => value < 0);
  if (negative !== undefined) return { kind: "unknown", reason: `a count is negative (${negative})` };
  return { kind: "counted", values: counts, resetSeen: false };
}
