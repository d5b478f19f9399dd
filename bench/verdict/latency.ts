/**
 * Slower candidates: lognormal latencies in 5 % bins, as the routers count them, through the shipped latency test; beside it the
 * limits that other tools put on the mean and on p99, and Kayenta's comparison of minutes.
 */
import type { LatencyCounts } from "../../src/domain/canary/bucket.ts";
import { familyThreshold } from "../../src/domain/canary/family.ts";
import { latencyBets, latencyCuts, latencyIncrements, latencyShift } from "../../src/domain/canary/latency-test.ts";
import { beginMixture, logEvidence, stepMixture, tempered } from "../../src/domain/canary/mixture.ts";
import { canaryDefaults, metricDefaults } from "../../src/domain/canary/plan.ts";
import { share } from "./healthy.ts";
import { isHigh } from "./peers.ts";
import { type Random, seededRandom } from "./random.ts";
import { quantile, shareOf } from "./run.ts";
import { percent, type Table, whole } from "./table.ts";
import { bucketSeconds, bucketsPerMinute, horizonBuckets } from "./traffic.ts";

const edgesMs = Array.from({ length: 110 }, (_, at) => 15 * 1.05 ** at);

/** A median of 100 ms; p90 at 216, p99 at 404 ms. */
const [medianMs, sigma] = [100, 0.6];

/** The share of requests in each bin, where latencies are `factor` times longer, and `tail` of them another five times. */
function shape(factor: number, tail: number): readonly number[] {
  const below = (ms: number): number => {
    const ordinary = normal(Math.log(ms / (medianMs * factor)) / sigma);
    const late = normal(Math.log(ms / (5 * medianMs * factor)) / sigma);
    return (1 - tail) * ordinary + tail * late;
  };
  return [...edgesMs, Number.POSITIVE_INFINITY].map((edge, bin) => {
    const upper = edge === Number.POSITIVE_INFINITY ? 1 : below(edge);
    return upper - (bin === 0 ? 0 : below(edgesMs[bin - 1] ?? 1));
  });
}

/** The normal distribution function, to 1e-7 (Abramowitz & Stegun 26.2.17). */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return z > 0 ? 1 - tail : tail;
}

const draw = (random: Random, requests: number, bins: readonly number[]): LatencyCounts => ({
  edgesMs,
  counts: bins.map((part) => (part > 0 ? random.poisson(requests * part) : 0)),
});

const binMs = (bin: number): number => (edgesMs[bin] ?? 15 * 1.05 ** 110) / Math.sqrt(1.05);
const totalOf = ({ counts }: LatencyCounts): number => counts.reduce((sum, count) => sum + count, 0);
const meanMs = (histogram: LatencyCounts): number =>
  histogram.counts.reduce((sum, count, bin) => sum + count * binMs(bin), 0) / Math.max(1, totalOf(histogram));

function p99Ms(histogram: LatencyCounts): number {
  const total = totalOf(histogram);
  let seen = 0;
  const bin = histogram.counts.findIndex((count) => {
    seen += count;
    return seen >= 0.99 * total;
  });
  return binMs(bin);
}

interface Minute {
  readonly candidate: LatencyCounts;
  readonly stable: LatencyCounts;
}

type MinuteRule = () => (minute: Minute) => boolean;

const minuteRules: readonly { readonly name: string; readonly begin: MinuteRule }[] = [
  { name: "mean < 1000 ms / 60 s", begin: () => (minute) => meanMs(minute.candidate) > 1000 },
  {
    name: "Flagger p99 ≤ 500 ms, threshold 5",
    begin: () => {
      let failed = 0;
      return ({ candidate }) => {
        if (failed >= 5) return true;
        if (p99Ms(candidate) > 500) failed += 1;
        return false;
      };
    },
  },
  {
    name: "Kayenta on p99, every 5 min",
    begin: () => {
      const [ours, theirs]: [number[], number[]] = [[], []];
      return ({ candidate, stable }) => {
        ours.push(p99Ms(candidate));
        theirs.push(p99Ms(stable));
        return ours.length % 5 === 0 && isHigh(ours, theirs);
      };
    },
  },
];

const none: LatencyCounts = { edgesMs, counts: edgesMs.map(() => 0).concat(0) };
const nothing: Minute = { candidate: none, stable: none };
const threshold = familyThreshold(canaryDefaults.alpha * metricDefaults.latency.weight);
const add = (a: LatencyCounts, b: LatencyCounts): LatencyCounts => ({
  edgesMs,
  counts: a.counts.map((count, bin) => count + (b.counts[bin] ?? 0)),
});

type LatencyJudge = (bucket: Minute) => boolean;

/** The shipped latency test at a quarter of the family, with cuts from ten minutes of the stable version alone. */
function ourJudge(history: LatencyCounts): LatencyJudge {
  const cuts = latencyCuts(history);
  if (cuts === undefined) throw new Error("ten minutes of the stable version have no p99: too few bins");
  let mixture = beginMixture(cuts.length * latencyBets.length);
  return ({ candidate, stable }) => {
    const nats = tempered(latencyIncrements(candidate, stable, cuts, latencyShift), 1, metricDefaults.latency.cap);
    mixture = stepMixture(mixture, nats, horizonBuckets);
    return logEvidence(mixture, horizonBuckets) >= threshold;
  };
}

/** Hands a rule of whole minutes its minutes. */
function byMinutes(judge: LatencyJudge): LatencyJudge {
  let [sum, buckets]: [Minute, number] = [nothing, 0];
  return ({ candidate, stable }) => {
    sum = { candidate: add(sum.candidate, candidate), stable: add(sum.stable, stable) };
    buckets += 1;
    if (buckets % bucketsPerMinute !== 0) return false;
    const minute = sum;
    sum = nothing;
    return judge(minute);
  };
}

/** Seconds until our test and each of the others goes back. */
function runOnce(requestsPerSecond: number, bins: readonly number[], seed: number): readonly (number | undefined)[] {
  const random = seededRandom(seed);
  const usual = shape(1, 0);
  const requests = requestsPerSecond * bucketSeconds;
  const judges = [ourJudge(draw(random, requests * 120, usual)), ...minuteRules.map(({ begin }) => byMinutes(begin()))];
  const ended: (number | undefined)[] = judges.map(() => undefined);
  for (let index = 0; index < horizonBuckets && ended.includes(undefined); index += 1) {
    const bucket = {
      candidate: draw(random, requests * share, bins),
      stable: draw(random, requests * (1 - share), usual),
    };
    for (const [at, judge] of judges.entries()) if (judge(bucket)) ended[at] ??= (index + 1) * bucketSeconds;
  }
  return ended;
}

const cases: readonly { readonly label: string; readonly factor: number; readonly tail: number }[] = [
  { label: "healthy (false rollbacks)", factor: 1, tail: 0 },
  { label: "+5 % (inside the margin)", factor: 1.05, tail: 0 },
  { label: "+20 %", factor: 1.2, tail: 0 },
  { label: "+50 %", factor: 1.5, tail: 0 },
  { label: "2x", factor: 2, tail: 0 },
  { label: "tail: 3 % five times slower", factor: 1, tail: 0.03 },
];

export function latencyTable(runs: number, seed: number): Table {
  const rows = [50, 500].flatMap((rps) =>
    cases.map(({ label, factor, tail }, at) => {
      const bins = shape(factor, tail);
      const ended = Array.from({ length: runs }, (_, run) =>
        runOnce(rps, bins, (seed + 100 * at + rps) * 104_729 + run),
      );
      const cells = [0, 1, 2, 3].map((rule) => {
        const seconds = ended.map((one) => one[rule]);
        const caught = percent(shareOf(seconds), runs);
        return at < 2 ? caught : `${whole(quantile(seconds, 0.5))}/${whole(quantile(seconds, 0.95))} (${caught})`;
      });
      return [`${rps} req/s, ${label}`, ...cells];
    }),
  );
  return {
    title: "Slower candidates",
    head: ["traffic, latency", "Sluice", ...minuteRules.map(({ name }) => name)],
    rows,
    note: `${runs} rollouts each, 5 % of the traffic, the stable version's median 100 ms, p99 404 ms; median/p95 seconds, and the share caught in 30 minutes. No warm-up, no dispersion.`,
    figures: [],
  };
}
