/** The rules that other tools come with, as their sources have them. Times are those of the defaults that people copy. */
import { everyMinute, type Judge, type Rule } from "./rule.ts";

/** A probe every 10 s that fails as often as any request; three failures in a row roll back. */
export const probeRule: Rule = {
  name: "probe, 3 × 10 s",
  begin({ candidateRate }, random): Judge {
    let inARow = 0;
    return (_, index) => {
      if (index % 2 === 0) return false;
      inARow = random.next() < candidateRate(index) ? inARow + 1 : 0;
      return inARow >= 3;
    };
  },
};

/** More than 1 % of a minute's requests failed. */
export const errorRateRule: Rule = {
  name: "error < 1 % / 60 s",
  begin: () => everyMinute(({ k, nc }) => k > 0.01 * nc),
};

/** Argo Rollouts: an analysis fails when `Failed > failureLimit`, which is the fourth failed measurement for a limit of three. */
export const argoRule: Rule = {
  name: "Argo 95 %, limit 3",
  begin(): Judge {
    let failed = 0;
    return everyMinute(({ k, nc }) => {
      if (nc > 0 && 1 - k / nc < 0.95) failed += 1;
      return failed > 3;
    });
  },
};

/** Flagger: failed checks add up and are compared at the next tick; no data is a failed check. */
export const flaggerRule: Rule = {
  name: "Flagger 99 %, threshold 5",
  begin(): Judge {
    let failedChecks = 0;
    return everyMinute(({ k, nc }) => {
      if (failedChecks >= 5) return true;
      if (nc === 0 || 1 - k / nc < 0.99) failedChecks += 1;
      return false;
    });
  },
};

/**
 * Kayenta: each minute's error rate is a point; every five minutes all points so far are compared by the Mann-Whitney interval
 * (98 %), and the metric is High where its lower bound is over a quarter of the Hodges–Lehmann estimate. Request counts are ignored.
 */
export const kayentaRule: Rule = {
  name: "Kayenta, every 5 min",
  begin(): Judge {
    const [ours, theirs]: [number[], number[]] = [[], []];
    return everyMinute(({ k, nc, s, ns }) => {
      if (nc > 0) ours.push(k / nc);
      if (ns > 0) theirs.push(s / ns);
      return theirs.length % 5 === 0 && isHigh(ours, theirs);
    });
  },
};

export function isHigh(ours: readonly number[], theirs: readonly number[]): boolean {
  const pairs = ours.length * theirs.length;
  if (pairs === 0) return false;
  const differences = Float64Array.from({ length: pairs }, (_, at) => {
    const [a, b] = [ours[at % ours.length] ?? 0, theirs[Math.floor(at / ours.length)] ?? 0];
    return a - b;
  }).sort();
  const spread = Math.sqrt((pairs * (ours.length + theirs.length + 1)) / 12);
  const below = Math.max(0, Math.floor(pairs / 2 - 2.326 * spread));
  const middle = pairs / 2;
  const estimate = ((differences[Math.ceil(middle) - 1] ?? 0) + (differences[Math.floor(middle)] ?? 0)) / 2;
  const lower = differences[below] ?? 0;
  return lower > 0 && lower > 0.25 * Math.abs(estimate);
}

export const peerRules: readonly Rule[] = [probeRule, errorRateRule, argoRule, flaggerRule, kayentaRule];
