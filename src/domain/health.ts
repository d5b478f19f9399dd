/**
 * H7 O1: from the results of one round to a verdict, and from the verdicts of many rounds to a decision. Pure; a row of
 * rounds is judged by `nextHealth`, a window of observation by `nextObservation`, which adds the share of passing probes.
 *
 * An unknown round never counts as passed: it does not end a row of failures, and it does not lengthen one either. How many
 * of them in a row are borne, and what happens then, is a setting.
 */
import { fail, pass, unknown, type Verdict } from "./verdict.ts";

/** A check's result as records keep it: the shape of the port's `CheckResult`, which this room does not know. */
export interface CheckResultLike {
  readonly name: string;
  readonly verdict: Verdict;
  readonly tookMs: number;
  readonly detail: string;
  readonly hint?: string;
}

/** One check's answer with the weight it has; the shape of `CheckResult` as far as it is judged. */
export interface JudgedResult {
  readonly result: Pick<CheckResultLike, "name" | "verdict">;
  readonly critical: boolean;
}

export interface Round {
  readonly verdict: Verdict;
  /** Critical checks only: a failing non-critical one must not fail a window through its share of probes either. */
  readonly probes: number;
  readonly passedProbes: number;
  readonly unknownProbes: number;
  /** Non-passes of non-critical checks, one sentence each: shown and recorded. */
  readonly warnings: readonly string[];
}

/** H7: every failing critical check is named with its reason. No result at all is unknown. */
export function aggregateRound(results: readonly JudgedResult[]): Round {
  const critical = results.filter((judged) => judged.critical).map(({ result }) => result);
  const others = results.filter((judged) => !judged.critical).map(({ result }) => result);
  const count = (kind: Verdict["kind"]): number => critical.filter(({ verdict }) => verdict.kind === kind).length;
  return {
    verdict: results.length === 0 ? unknown("nothing was checked") : verdictOf(critical),
    probes: critical.length,
    passedProbes: count("pass"),
    unknownProbes: count("unknown"),
    warnings: others.flatMap(sentenceOf),
  };
}

function verdictOf(results: readonly JudgedResult["result"][]): Verdict {
  const failed = results.filter(({ verdict }) => verdict.kind === "fail").flatMap(sentenceOf);
  if (failed.length > 0) return fail(together(failed, results.length, "failed"));
  const undecided = results.filter(({ verdict }) => verdict.kind === "unknown").flatMap(sentenceOf);
  return undecided.length > 0 ? unknown(together(undecided, results.length, "unknown")) : pass;
}

const together = (sentences: readonly string[], of: number, what: string): string =>
  of === 1 ? sentences.join() : `${sentences.length} of ${of} checks ${what}: ${sentences.join("; ")}`;

const sentenceOf = ({ name, verdict }: JudgedResult["result"]): readonly string[] =>
  verdict.kind === "pass" ? [] : [`${name}: ${verdict.reason}`];

export interface UnknownPolicy {
  /** This many unknown rounds in a row lead to `onUnknown`. Absent: they are reported, round by round, and nothing else. */
  readonly unknownLimit?: number;
  readonly onUnknown?: "fail" | "hold";
}

export interface HealthPolicy extends UnknownPolicy {
  /** R2: the Nth failed round in a row fails, not the one after it. */
  readonly failureLimit: number;
}

export interface HealthState {
  readonly rounds: number;
  readonly passedRounds: number;
  readonly failuresInARow: number;
  readonly unknownsInARow: number;
}

export const startOfHealth: HealthState = { rounds: 0, passedRounds: 0, failuresInARow: 0, unknownsInARow: 0 };

/** `watch`: not passed, below every limit. `hold`: stop here and ask a person. `fail`: act on it now. */
export type HealthDecision =
  | { readonly kind: "healthy" }
  | { readonly kind: "watch" | "hold" | "fail"; readonly reason: string };

export interface HealthStep<State> {
  readonly state: State;
  readonly decision: HealthDecision;
}

export function nextHealth(state: HealthState, verdict: Verdict, policy: HealthPolicy): HealthStep<HealthState> {
  const after = { ...state, ...rowsAfter(state, verdict) };
  return { state: after, decision: decisionOf(after, verdict, policy) };
}

function rowsAfter(state: HealthState, { kind }: Verdict): HealthState {
  return {
    rounds: state.rounds + 1,
    passedRounds: state.passedRounds + (kind === "pass" ? 1 : 0),
    failuresInARow: kind === "pass" ? 0 : state.failuresInARow + (kind === "fail" ? 1 : 0),
    unknownsInARow: kind === "unknown" ? state.unknownsInARow + 1 : 0,
  };
}

function decisionOf(state: HealthState, verdict: Verdict, policy: HealthPolicy): HealthDecision {
  if (verdict.kind === "pass") return { kind: "healthy" };
  if (verdict.kind === "fail") {
    const row = `failed round ${state.failuresInARow} of ${policy.failureLimit} in a row: ${verdict.reason}`;
    return { kind: state.failuresInARow >= policy.failureLimit ? "fail" : "watch", reason: row };
  }
  if (policy.unknownLimit === undefined || state.unknownsInARow < policy.unknownLimit) {
    return { kind: "watch", reason: `unknown: ${verdict.reason}` };
  }
  return {
    kind: policy.onUnknown ?? "hold",
    reason: `unknown for ${state.unknownsInARow} rounds in a row: ${verdict.reason}`,
  };
}

export interface ObservationPolicy extends HealthPolicy {
  /** 0 to 1. Exactly this share is enough. */
  readonly minSuccessRatio: number;
  /** The share is judged from this many probes on. */
  readonly minProbes: number;
}

export interface ObservationState extends HealthState {
  readonly probes: number;
  readonly passedProbes: number;
  readonly unknownProbes: number;
}

export const startOfObservation: ObservationState = { ...startOfHealth, probes: 0, passedProbes: 0, unknownProbes: 0 };

/** What one round adds to the window. Its verdict may take in more than the probes (the traffic's own figures). */
export interface ObservedRound {
  readonly verdict: Verdict;
  readonly probes: number;
  readonly passedProbes: number;
  readonly unknownProbes?: number;
}

/** O1: N failed rounds in a row, or too small a share of all probes of the window so far. */
export function nextObservation(
  state: ObservationState,
  round: ObservedRound,
  policy: ObservationPolicy,
): HealthStep<ObservationState> {
  const rows = nextHealth(state, round.verdict, policy);
  const after: ObservationState = {
    ...rows.state,
    probes: state.probes + round.probes,
    passedProbes: state.passedProbes + round.passedProbes,
    unknownProbes: state.unknownProbes + (round.unknownProbes ?? 0),
  };
  if (rows.decision.kind === "fail") return { state: after, decision: rows.decision };
  return { state: after, decision: shareDecision(after, policy) ?? rows.decision };
}

/** A share that is too small only because of unknown probes is not known to be too small: it follows the policy for unknown. */
function shareDecision(window: ObservationState, policy: ObservationPolicy): HealthDecision | undefined {
  const { probes, passedProbes, unknownProbes } = window;
  const enough = (passed: number): boolean => passed >= policy.minSuccessRatio * probes - 1e-9;
  if (probes < policy.minProbes || probes === 0 || enough(passedProbes)) return undefined;
  const share = `${passedProbes} of ${probes} probes passed, at least ${percent(policy.minSuccessRatio)} must`;
  if (!enough(passedProbes + unknownProbes)) return { kind: "fail", reason: share };
  const kind = policy.unknownLimit === undefined ? "watch" : (policy.onUnknown ?? "hold");
  return { kind, reason: `unknown: ${share}, and ${unknownProbes} are unknown` };
}

const percent = (ratio: number): string => `${Number((ratio * 100).toFixed(2))} %`;
