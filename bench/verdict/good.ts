/** How soon a healthy release is proven good, how often a bad one is, and whether a stage sees what the plan says it would. */
import { smallestDetectable } from "../../src/domain/canary/detectable.ts";
import { beginGood, excessUpperBound, stepGood } from "../../src/domain/canary/good-test.ts";
import { canaryDefaults, metricDefaults } from "../../src/domain/canary/plan.ts";
import { caughtWithin } from "./faults.ts";
import { requestRates, share } from "./healthy.ts";
import { seededRandom } from "./random.ts";
import { quantile, shareOf } from "./run.ts";
import { percent, type Table, whole } from "./table.ts";
import { bucketSeconds, horizonBuckets, type Scene, still, trafficOf } from "./traffic.ts";

const usual = 0.005;
const deltas: readonly number[] = [0.02, 0.01, 0.005, 0.0025];
const psiB = 1.5;

/** Seconds until U is at most each of `deltas`. */
function provenAt(scene: Scene, seed: number): readonly (number | undefined)[] {
  const traffic = trafficOf(scene, seededRandom(seed));
  const proven: (number | undefined)[] = deltas.map(() => undefined);
  let good = beginGood;
  for (let index = 0; index < horizonBuckets; index += 1) {
    const { candidate, stable } = traffic(index, scene.share);
    good = stepGood(good, candidate, stable, { psiB, phi: 1, beta: canaryDefaults.goodBeta });
    const u = excessUpperBound(good);
    for (const [at, delta] of deltas.entries()) if (u <= delta) proven[at] ??= (index + 1) * bucketSeconds;
    if (proven.every((at) => at !== undefined)) break;
  }
  return proven;
}

const many = (rps: number, rate: number, runs: number, seed: number): readonly (readonly (number | undefined)[])[] => {
  const scene = { requestsPerSecond: rps, share, stableRate: still(usual), candidateRate: still(rate) };
  return Array.from({ length: runs }, (_, run) => provenAt(scene, (seed + rps) * 1_000_003 + run * 7919));
};

export function goodTable(runs: number, seed: number): Table {
  let worst = 0;
  const rows = requestRates.map((rps) => {
    const healthy = many(rps, usual, runs, seed + 20_000);
    const cells = deltas.map((delta, at) => {
      const bad = many(rps, psiB * usual + delta, runs, seed + 30_000 + at);
      const wrong = shareOf(bad.map((one) => one[at]));
      worst = Math.max(worst, wrong);
      const seconds = healthy.map((one) => one[at]);
      return `${whole(quantile(seconds, 0.5))} (${percent(wrong, runs)})`;
    });
    return [`${rps} req/s`, ...cells];
  });
  return {
    title: "Proven good",
    head: ["traffic", ...deltas.map((delta) => `within ${100 * delta} pp`)],
    rows,
    note: `Median seconds until a healthy candidate is proven to fail at most 1.5 times as often plus so much, with 5 % of the traffic and 0.5 % failing; in brackets how often one that lies exactly on that border is called good within 30 minutes (at most 5 % is the promise). ${runs} rollouts each. "never" is more than 30 minutes.`,
    figures: [{ what: "bad candidates proven good, worst cell", value: 100 * worst, unit: "%", limit: 5 }],
  };
}

export function detectableTable(runs: number, seed: number): Table {
  const { psi0, delta0, hardDelta0, weight } = metricDefaults.rate;
  const slowest = { ms: 0 };
  const rows = requestRates.map((requestsPerSecond) => {
    const startedAtMs = performance.now();
    const smallest = smallestDetectable({
      requestsPerSecond,
      candidateShare: share,
      seconds: 300,
      warmupSeconds: 60,
      stableErrorRate: usual,
      ...{ psi0, delta0, hardDelta0, weight },
      phi: 1,
      alpha: canaryDefaults.alpha,
      power: 0.95,
    });
    slowest.ms = Math.max(slowest.ms, performance.now() - startedAtMs);
    if (smallest === undefined) return [`${requestsPerSecond} req/s`, "nothing", ""];
    const caught = caughtWithin(requestsPerSecond, smallest, runs, seed + 40_000 + requestsPerSecond);
    return [`${requestsPerSecond} req/s`, `${(100 * smallest).toPrecision(2)} %`, percent(caught, runs)];
  });
  return {
    title: "What a stage of 5 % and five minutes sees",
    head: ["traffic", "smallest error rate caught with 95 %, as the plan says", "caught in simulated stages"],
    rows,
    note: `0.5 % failing on the stable version, 60 s of warm-up; ${runs} simulated stages each.`,
    figures: [{ what: "calculating it for a plan, slowest", value: slowest.ms, unit: "ms", limit: 50 }],
  };
}
