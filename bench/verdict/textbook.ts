/** Rules from the literature, for comparison; the last two know what no one knows in production. */
import { seededRandom } from "./random.ts";
import { addBucket, type Judge, noSums, type Rule } from "./rule.ts";
import { bucketSeconds, horizonBuckets, type Scene } from "./traffic.ts";

const logThreshold = Math.log(400);

/** Two proportions at 1 %, looked at after every bucket as if it were the only look. */
export const naiveRule: Rule = {
  name: "z-test at every bucket",
  begin(): Judge {
    const sums = noSums();
    return (bucket) => {
      addBucket(sums, bucket);
      const { k, nc, s, ns } = sums;
      if (nc === 0 || ns === 0) return false;
      const pooled = (k + s) / (nc + ns);
      const error = Math.sqrt(pooled * (1 - pooled) * (1 / nc + 1 / ns));
      return error > 0 && (k / nc - s / ns) / error > 2.326;
    };
  },
};

/**
 * After Lindon & Malek (2022), in our reading: given a failure, whether it is the candidate's is a coin of known weight while the
 * versions are alike; the alternative is a Beta mixture centred there. Any difference counts, the worse side rolls back.
 */
export const betaMixtureRule: Rule = {
  name: "Beta mixture",
  begin({ share }): Judge {
    const concentration = 10;
    const sums = noSums();
    let logE = 0;
    return (bucket) => {
      const { candidate, stable } = bucket;
      const all = candidate.total + stable.total;
      const theta = all === 0 ? share : candidate.total / all;
      const a = concentration * share + sums.k;
      const b = concentration * (1 - share) + sums.s;
      logE += logRising(a, candidate.events) + logRising(b, stable.events);
      logE -= logRising(a + b, candidate.events + stable.events);
      if (theta > 0 && theta < 1) logE -= candidate.events * Math.log(theta) + stable.events * Math.log1p(-theta);
      addBucket(sums, bucket);
      return logE >= logThreshold && sums.k * sums.ns > sums.s * sums.nc;
    };
  },
};

/** `ln Γ(x + n) − ln Γ(x)`. */
function logRising(x: number, n: number): number {
  if (n > 200) return stirling(x + n) - stirling(x);
  let sum = 0;
  for (let i = 0; i < n; i += 1) sum += Math.log(x + i);
  return sum;
}

function stirling(x: number): number {
  if (x < 10) return stirling(x + 1) - Math.log(x);
  return (x - 0.5) * Math.log(x) - x + 0.9189385332046727 + 1 / (12 * x) - 1 / (360 * x ** 3);
}

const cusumBet = 3;
const cusumStep = (k: number, nc: number, rate: number): number => k * Math.log(cusumBet) - nc * rate * (cusumBet - 1);
const limits = new Map<string, number>();

/** Half a percent of healthy rollouts may go over: found by simulating the cell beforehand, with the true rate. */
function tunedLimit({ requestsPerSecond, share, stableRate }: Scene): number {
  const key = `${requestsPerSecond} ${share} ${stableRate(0)}`;
  const known = limits.get(key);
  if (known !== undefined) return known;
  const random = seededRandom(77);
  const nc = requestsPerSecond * bucketSeconds * share;
  const highest = Array.from({ length: 2000 }, () => {
    let [level, top] = [0, 0];
    for (let index = 0; index < horizonBuckets; index += 1) {
      level = Math.max(0, level + cusumStep(random.poisson(nc * stableRate(0)), nc, stableRate(0)));
      top = Math.max(top, level);
    }
    return top;
  }).toSorted((x, y) => x - y);
  const limit = (highest[Math.floor(0.995 * highest.length)] ?? 0) + 1e-9;
  limits.set(key, limit);
  return limit;
}

/** Knows the true stable rate, and was tuned on this very traffic. */
export const cusumRule: Rule = {
  name: "CUSUM, tuned per cell",
  begin(scene): Judge {
    const limit = tunedLimit(scene);
    let level = 0;
    return ({ candidate }, index) => {
      level = Math.max(0, level + cusumStep(candidate.events, candidate.total, scene.stableRate(index)));
      return level > limit;
    };
  },
};

/** Wald's test of the two true rates: nothing is faster. Meaningless without a fault. */
export const oracleRule: Rule = {
  name: "oracle SPRT",
  begin({ stableRate, candidateRate }): Judge {
    let logE = 0;
    return ({ candidate }, index) => {
      const [p0, p1] = [stableRate(index), candidateRate(index)];
      logE += candidate.events * Math.log(p1 / p0);
      logE += p1 >= 1 ? 0 : (candidate.total - candidate.events) * (Math.log1p(-p1) - Math.log1p(-p0));
      return logE >= logThreshold;
    };
  },
};

export const textbookRules: readonly Rule[] = [naiveRule, betaMixtureRule, cusumRule];
