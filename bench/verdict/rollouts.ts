/**
 * Whole rollouts of thirty minutes, each tool with its own stages: how long a healthy release takes to full traffic, and how many
 * requests more than usual fail of a faulty one.
 */
import type { MetricBucket } from "../../src/domain/canary/bucket.ts";
import { applyBucket, beginCanary, type CanaryState } from "../../src/domain/canary/canary.ts";
import { upperBoundOf } from "../../src/domain/canary/metric-state.ts";
import { type CanaryPlan, canaryDefaults, metricDefaults } from "../../src/domain/canary/plan.ts";
import { firstShare, nextShare, rampDefaults } from "../../src/domain/canary/ramp.ts";
import { requestRates } from "./healthy.ts";
import { argoRule, flaggerRule, probeRule } from "./peers.ts";
import { type Random, seededRandom } from "./random.ts";
import { everyMinute, type Judge } from "./rule.ts";
import { meanOf, quantile } from "./run.ts";
import { percent, type Table, whole } from "./table.ts";
import { type Bucket, bucketSeconds, horizonBuckets, type Scene, still, trafficOf } from "./traffic.ts";

const usual = 0.005;

/** Decides after each bucket what share the candidate has next. "held" is a rollback because nobody answered a HOLD. */
type Course = (bucket: Bucket, index: number, shareNow: number) => number | "rollback" | "held";

interface Tool {
  readonly name: string;
  begin(scene: Scene, random: Random): { readonly first: number; readonly course: Course };
}

/** 5, 50, 100 % by five minutes each. */
const timed = (index: number): number => (index + 1 >= 120 ? 1 : index + 1 >= 60 ? 0.5 : 0.05);

/** What the seeds' own scripts do: probes throughout, the error rate once the candidate has everything. */
const scripts: Tool = {
  name: "scripts (probe, then 1 %)",
  begin(scene, random) {
    const probe = probeRule.begin(scene, random);
    const watch: Judge = everyMinute(({ k, nc }) => k > 0.01 * nc);
    return {
      first: 0.05,
      course: (bucket, index, shareNow) => {
        const dead = probe(bucket, index);
        const failing = shareNow === 1 && watch(bucket, index);
        return dead || failing ? "rollback" : timed(index);
      },
    };
  },
};

const argo: Tool = {
  name: "Argo",
  begin(scene, random) {
    const judge = argoRule.begin(scene, random);
    return { first: 0.05, course: (bucket, index) => (judge(bucket, index) ? "rollback" : timed(index)) };
  },
};

/** 10 % more after each minute whose check passed; after 50 % everything, and no more looking. */
const flagger: Tool = {
  name: "Flagger",
  begin(scene, random) {
    const judge = flaggerRule.begin(scene, random);
    let share = 0.1;
    const advance = everyMinute(({ k, nc }) => nc > 0 && 1 - k / nc >= 0.99);
    return {
      first: share,
      course: (bucket, index) => {
        if (share === 1) return share;
        if (judge(bucket, index)) return "rollback";
        if (advance(bucket, index)) share = share >= 0.5 ? 1 : share + 0.1;
        return share;
      },
    };
  },
};

/** A quarter of the family's bound for the one metric that there is, as if three silent ones stood beside it. */
const plan: CanaryPlan = {
  ...canaryDefaults,
  alpha: canaryDefaults.alpha / 4,
  holdAlpha: canaryDefaults.holdAlpha / 4,
  firstIndex: 0,
  metrics: [{ name: "errors", kind: "errors", ...metricDefaults.rate, weight: 1, phi: 1 }],
};

/** The shipped state machine with the adaptive ramp; HOLD freezes the share, and nobody answers until the timer ends. */
const sluice = (name: string, plan: CanaryPlan): Tool => ({
  name,
  begin(scene) {
    let state = beginCanary(plan);
    let sinceShareMs = 0;
    const course: Course = ({ candidate, stable }, index, share) => {
      const bucket: MetricBucket = { metric: "errors", index, reading: { kind: "rate", candidate, stable } };
      state = applyBucket(plan, state, bucket);
      sinceShareMs += bucketSeconds * 1000;
      const next = shareAfter(state, { share, sinceShareMs, index, requestsPerSecond: scene.requestsPerSecond });
      if (next !== share) sinceShareMs = 0;
      return next;
    };
    return { first: wholePercent(firstShare(scene.requestsPerSecond)), course };
  },
});

/** A split is in whole per cents, and at least one. */
const wholePercent = (share: number): number => Math.max(1, Math.floor(100 * share + 1e-9)) / 100;

interface Standing {
  readonly share: number;
  readonly sinceShareMs: number;
  readonly index: number;
  readonly requestsPerSecond: number;
}

function shareAfter(
  state: CanaryState,
  { share, sinceShareMs, index, requestsPerSecond }: Standing,
): ReturnType<Course> {
  const sinceStartMs = (index + 1) * bucketSeconds * 1000;
  const timerEnded = sinceStartMs >= rampDefaults.timerMs;
  const test = state.metrics.errors?.test;
  if (test === undefined || state.rollback !== null) return "rollback";
  if (state.hold !== null) return timerEnded ? "held" : share;
  const excessUpperBound = upperBoundOf(test) ?? 1;
  const wanted = nextShare({ share, sinceShareMs, sinceStartMs, requestsPerSecond, excessUpperBound });
  return Math.max(share, wholePercent(wanted));
}

const shipped = sluice("Sluice, adaptive", plan);
const tools: readonly Tool[] = [
  scripts,
  argo,
  flagger,
  shipped,
  sluice("Sluice, adaptive, no warm-up", { ...plan, warmupMs: 0 }),
];

interface Rollout {
  readonly secondsToFull: number | undefined;
  readonly end: "rollback" | "held" | undefined;
  readonly extraFailures: number;
}

function rollOut(tool: Tool, scene: Scene, seed: number): Rollout {
  const traffic = trafficOf(scene, seededRandom(seed));
  const { first, course } = tool.begin(scene, seededRandom(seed + 31));
  let [share, extraFailures]: [number, number] = [first, 0];
  let secondsToFull: number | undefined;
  for (let index = 0; index < horizonBuckets; index += 1) {
    const bucket = traffic(index, share);
    extraFailures += bucket.candidate.total * (scene.candidateRate(index) - scene.stableRate(index));
    const seconds = (index + 1) * bucketSeconds;
    const next = course(bucket, index, share);
    if (next === "rollback" || next === "held") return { secondsToFull, end: next, extraFailures };
    if (next >= 0.95) secondsToFull ??= seconds;
    share = next;
  }
  return { secondsToFull, end: undefined, extraFailures };
}

const faultRates: readonly { readonly label: string; readonly rate: number }[] = [
  { label: "2x", rate: 0.01 },
  { label: "5x", rate: 0.025 },
  { label: "20 %", rate: 0.2 },
  { label: "100 %", rate: 1 },
];

export function rolloutTable(runs: number, seed: number): Table {
  const many = (tool: Tool, rps: number, rate: number): readonly Rollout[] => {
    const scene = { requestsPerSecond: rps, share: 0.05, stableRate: still(usual), candidateRate: still(rate) };
    return Array.from({ length: runs }, (_, run) => rollOut(tool, scene, (seed + 9000 + rps) * 1_000_003 + run * 7919));
  };
  const healthyMedians: number[] = [];
  const rows = requestRates.flatMap((rps) =>
    tools.map((tool) => {
      const healthy = many(tool, rps, usual);
      const toFull = quantile(
        healthy.map(({ secondsToFull }) => secondsToFull),
        0.5,
      );
      if (tool === shipped && rps >= 50) healthyMedians.push(toFull);
      const ended = (how: string): string => percent(healthy.filter(({ end }) => end === how).length / runs, runs);
      const extra = faultRates.map(({ rate }) => whole(meanOf(many(tool, rps, rate).map((one) => one.extraFailures))));
      return [`${rps} req/s, ${tool.name}`, whole(toFull), ended("rollback"), ended("held"), ...extra];
    }),
  );
  return {
    title: "Whole rollouts",
    head: [
      "traffic, tool",
      "healthy: median seconds to full",
      "healthy: rolled back",
      "healthy: held",
      ...faultRates.map(({ label }) => `extra failures, ${label}`),
    ],
    rows,
    note: `Means of ${runs} rollouts of 30 minutes; 0.5 % fail on the stable version. Splits are in whole per cents; the dispersion is declared as 1. "Full" is 95 % for Sluice, which keeps 5 % as the control. Held is a HOLD that nobody answered in ten minutes, after which the default is to go back (promised: at most 1.25 % for one metric of four).`,
    figures: [
      {
        what: "healthy to full, slowest median at 50 req/s and more",
        value: Math.max(...healthyMedians),
        unit: "s",
        limit: 180,
      },
    ],
  };
}
