/** What the evidence so far allows. Nothing here changes the state: a verdict may be asked for as often as one likes. */
import { type CanaryState, holdMembers, type MetricState, rollbackMembers } from "./canary.ts";
import { familyThreshold, logFamily } from "./family.ts";
import type { MetricCounts } from "./metric-counts.ts";
import { isGood, logHold, logRollback, phiOf, upperBoundOf } from "./metric-state.ts";
import type { CanaryPlan, MetricPlan } from "./plan.ts";

export interface MetricEvidence {
  readonly name: string;
  readonly weight: number;
  readonly advisory: boolean;
  /** Natural logarithms: against the margin (ROLLBACK), and against any difference (HOLD). */
  readonly logE: number;
  readonly holdLogE: number;
  readonly good: boolean;
  /** The dispersion that the next bucket is tempered by. */
  readonly phi: number;
  readonly counts: MetricCounts;
  readonly applied: number;
  readonly missing: number;
  readonly resets: number;
}

export interface CanaryEvidence {
  /** Natural logarithms of the family's evidence and of what it must reach. */
  readonly logE: number;
  readonly threshold: number;
  readonly holdLogE: number;
  readonly holdThreshold: number;
  readonly perMetric: readonly MetricEvidence[];
}

export interface CanaryVerdict {
  readonly kind: "rollback" | "hold" | "good" | "undecided";
  readonly reason: string;
  readonly evidence: CanaryEvidence;
  /** U of each metric that counts failures, 0 to 1; see good-test.ts. A share has none. */
  readonly excessUpperBound: Readonly<Record<string, number>>;
  /** Metrics of which nothing, or nothing recent, is known, with the reason; advisory ones too. */
  readonly unknownMetrics: readonly { readonly name: string; readonly reason: string }[];
}

/** `throughIndex` is the last grid index that should have arrived by now: who is behind it is unknown. */
export function judgeCanary(plan: CanaryPlan, state: CanaryState, throughIndex: number = state.row): CanaryVerdict {
  const perMetric = plan.metrics.flatMap((metric) => {
    const known = state.metrics[metric.name];
    return known === undefined ? [] : [evidenceOf(plan, metric, known)];
  });
  const facts = {
    evidence: {
      logE: logFamily(rollbackMembers(plan, state)),
      threshold: familyThreshold(plan.alpha),
      holdLogE: logFamily(holdMembers(plan, state)),
      holdThreshold: familyThreshold(plan.holdAlpha),
      perMetric,
    },
    excessUpperBound: upperBounds(plan, state),
    unknownMetrics: unknownMetrics(plan, state, throughIndex),
  };
  return { ...conclusion(plan, state, facts), ...facts };
}

function evidenceOf(plan: CanaryPlan, metric: MetricPlan, state: MetricState): MetricEvidence {
  const { test, counts, applied, missing, resets } = state;
  const { name, weight, advisory } = metric;
  const measured = "dispersion" in test && "phiUntilMeasured" in metric;
  return {
    name,
    weight,
    advisory,
    logE: logRollback(test, plan.horizonBuckets),
    holdLogE: logHold(test, plan.horizonBuckets),
    good: isGood(metric, test),
    phi: measured ? phiOf(metric, test.dispersion) : metric.phi === "measure" ? 1 : metric.phi,
    counts,
    applied,
    missing,
    resets,
  };
}

function upperBounds(plan: CanaryPlan, state: CanaryState): Record<string, number> {
  const bounds: Record<string, number> = {};
  for (const { name } of plan.metrics) {
    const test = state.metrics[name]?.test;
    const bound = test === undefined ? undefined : upperBoundOf(test);
    if (bound !== undefined) bounds[name] = bound;
  }
  return bounds;
}

function unknownMetrics(plan: CanaryPlan, state: CanaryState, throughIndex: number): CanaryVerdict["unknownMetrics"] {
  return plan.metrics.flatMap(({ name, lagBuckets = 0 }) => {
    const reason = unknownReason(state.metrics[name], Math.max(throughIndex - lagBuckets, plan.firstIndex - 1));
    return reason === undefined ? [] : [{ name, reason }];
  });
}

function unknownReason(metric: MetricState | undefined, throughIndex: number): string | undefined {
  if (metric === undefined) return "it is not part of the state";
  const behind = Math.max(0, throughIndex - metric.lastIndex);
  const missing = metric.missingInARow + behind;
  if (missing === 0) return metric.applied === 0 ? "no bucket yet" : undefined;
  const why = behind > 0 ? "nothing was delivered" : (metric.missingReason ?? "nothing was delivered");
  return `${why} (${missing} buckets in a row)`;
}

type Facts = Pick<CanaryVerdict, "evidence" | "excessUpperBound" | "unknownMetrics">;

function conclusion(plan: CanaryPlan, state: CanaryState, facts: Facts): Pick<CanaryVerdict, "kind" | "reason"> {
  if (state.rollback !== null) return { kind: "rollback", reason: state.rollback.reason };
  if (state.hold !== null) return { kind: "hold", reason: state.hold.reason };
  const judged = facts.evidence.perMetric.filter(({ advisory }) => !advisory);
  const gap = gapIn(plan, judged, facts);
  if (gap !== undefined) return { kind: "undecided", reason: gap };
  const open = judged.filter(({ good }) => !good).map(({ name }) => name);
  if (open.length > 0) return { kind: "undecided", reason: `not proven good yet: ${open.join(", ")}` };
  return { kind: "good", reason: `proven good within its margin: ${judged.map(({ name }) => name).join(", ")}` };
}

/** Why nothing can be concluded, where something is missing. */
function gapIn(plan: CanaryPlan, judged: readonly MetricEvidence[], facts: Facts): string | undefined {
  if (judged.length === 0) return "no metric is planned, so that nothing can be known";
  const unheard = facts.unknownMetrics.find(({ name }) => judged.some((metric) => metric.name === name));
  if (unheard !== undefined) return `${unheard.name} is unknown: ${unheard.reason}`;
  for (const { name, counts } of judged) {
    const kind = plan.metrics.find((metric) => metric.name === name)?.kind;
    const [ours, theirs] =
      kind === "share" ? [counts.candidateEvents, counts.stableEvents] : [counts.candidateTotal, counts.stableTotal];
    if (ours === 0) return `${name}: the candidate has had no requests`;
    if (theirs === 0 && kind !== "guard") return `${name}: the stable version has had no requests to compare with`;
  }
  return undefined;
}

/** What a rollout does with it. At its dwell limit, "undecided" is inconclusive, which is never called passed. */
export type CanaryConclusion = "rollback" | "hold" | "promote" | "inconclusive" | "continue";

export function concludeCanary(verdict: CanaryVerdict, dwellEnded: boolean): CanaryConclusion {
  if (verdict.kind === "rollback" || verdict.kind === "hold") return verdict.kind;
  if (verdict.kind === "good") return "promote";
  return dwellEnded ? "inconclusive" : "continue";
}
