/** Verdicts in plain sentences: what was counted on both sides, and how much that says against how much is needed. */
import type { MetricCounts } from "./metric-counts.ts";
import type { MetricPlan } from "./plan.ts";

const whole = (value: number): string => String(Math.round(value));

const short = (ms: number): string => String(Number(ms.toPrecision(3)));

function of(events: number, total: number): string {
  const rate = total > 0 ? ` (${Number(((100 * events) / total).toPrecision(2))} %)` : "";
  return `${whole(events)} of ${whole(total)}${rate}`;
}

function seen(plan: MetricPlan, counts: MetricCounts): string {
  const { candidateEvents, candidateTotal, stableEvents, stableTotal } = counts;
  const ours = of(candidateEvents, candidateTotal);
  const theirs = of(stableEvents, stableTotal);
  switch (plan.kind) {
    case "latency":
      return `of the candidate's requests ${ours} were slower than 1.1 × ${short(plan.cutsMs[1])} ms, of the stable version's ${theirs} slower than ${short(plan.cutsMs[1])} ms`;
    case "share":
      return `the candidate got ${whole(candidateEvents)} requests where its weight says ${whole(candidateTotal)}`;
    case "guard":
      return `${ours} failed on the candidate, where ${100 * plan.declaredRate} % are allowed`;
    default:
      return `${ours} on the candidate, ${theirs} on the stable version`;
  }
}

const threeDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** `logE` and `threshold` are natural logarithms; they are shown as powers of ten where they are too long to read. */
const times = (logE: number): string =>
  logE < 14 ? threeDigits.format(Math.exp(logE)) : `10^${Math.floor(logE / Math.LN10)}`;

export const reasonOfEvidence = (
  plan: MetricPlan,
  counts: MetricCounts,
  { logE, threshold }: { readonly logE: number; readonly threshold: number },
): string => `${plan.name}: ${seen(plan, counts)}; evidence ${times(logE)} against a threshold of ${times(threshold)}`;

export const reasonOfSilence = (plan: MetricPlan, buckets: number, expected: number): string =>
  `${plan.name}: the candidate had no request for ${buckets} buckets in a row, in which its weight says ${whole(expected)}`;
