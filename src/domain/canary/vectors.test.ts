import { describe, expect, test } from "vitest";
import vectors from "../../../test/vectors/canary.json" with { type: "json" };
import type { RateCounts } from "./bucket.ts";
import { dispersionUpper, endHistory, noDispersion, stepDispersion } from "./dispersion.ts";
import { familyThreshold, logFamily } from "./family.ts";
import { excessGrid, goodBets, goodIncrement } from "./good-test.ts";
import { latencyBets, latencyIncrement } from "./latency-test.ts";
import { beginRateEvidence, logRateEvidence, rateBets, rateIncrement, stepRateEvidence } from "./rate-test.ts";

const close = (actual: number, wanted: number): void =>
  expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(1e-9 + 1e-12 * Math.abs(wanted));

const pair = (row: readonly number[]): { candidate: RateCounts; stable: RateCounts } => {
  const [k = 0, nc = 0, s = 0, ns = 0] = row;
  return { candidate: { events: k, total: nc }, stable: { events: s, total: ns } };
};

const { defaults } = vectors;
const numbers = (texts: readonly string[]): readonly number[] => texts.map(Number);

describe("Z2: the reference vectors", () => {
  test("are computed with the same bets", () => {
    expect(rateBets).toEqual(numbers(defaults.bets_a));
    expect(goodBets).toEqual(numbers(defaults.bets_x));
    expect(latencyBets).toEqual(numbers(defaults.latency_psi));
    expect(excessGrid).toHaveLength(22);
  });

  test.each(vectors.rate_bucket)("of a rate bucket: $k of $nc against $s of $ns at $a", (given) => {
    const { candidate, stable } = pair([given.k, given.nc, given.s, given.ns]);
    const against = { psi0: Number(given.psi0), delta0: Number(given.delta0) };

    close(rateIncrement(candidate, stable, Number(given.a), against), given.logE);
  });

  test.each(vectors.prop_bucket)("of a latency bucket: $k of $nc against $s of $ns at $psi", (given) => {
    const candidate = { slow: given.k, total: given.nc };
    const stable = { slow: given.s, total: given.ns };

    const nats = latencyIncrement(candidate, stable, Number(given.psi));

    close(nats, given.logE_closed);
    expect(nats).toBeLessThan(given.logE_exact);
  });

  test.each(vectors.good_bucket)("of a bucket of the good test: $k of $nc against $s of $ns at $x", (given) => {
    const { candidate, stable } = pair([given.k, given.nc, given.s, given.ns]);
    const against = { psiB: Number(given.psib), deltaB: Number(given.deltab) };

    close(goodIncrement(candidate, stable, Number(given.x), against), given.logE);
  });

  test.each(vectors.streams)("of the stream $name, bucket by bucket", ({ buckets, ...wanted }) => {
    const shipped = { psi0: 1.1, delta0: 0.001, hardDelta0: 0.1, cap: 6 };
    const horizonBuckets = defaults.horizon;
    let evidence = beginRateEvidence();
    const course = buckets.map((row) => {
      evidence = stepRateEvidence(shipped, evidence, { ...pair(row), phi: 1, warmingUp: false, horizonBuckets });
      return logRateEvidence(evidence, horizonBuckets);
    });

    for (const [at, logE] of Object.entries(wanted.logE_at)) close(course[Number(at)]!, logE!);
    close(Math.max(...course), wanted.max_logE);
    const threshold = familyThreshold(Number(defaults.alpha) * Number(defaults.metric_weight));
    close(threshold, wanted.threshold);
    const first = course.findIndex((logE) => logE >= threshold);
    expect(first === -1 ? null : first).toBe(wanted.first_bucket_at_or_above);
  });

  test.each(vectors.family)("of a family with the evidence $logE", (given) => {
    const members = given.logE.map((logE, at) => ({ name: `m${at}`, weight: Number(given.weights[at]), logE }));

    close(logFamily(members), given.logE_family);
    expect(logFamily(members) >= familyThreshold(0.01)).toBe(given.rollback_at_alpha_0_01);
  });

  test("of the dispersion, fed bucket by bucket", () => {
    const { errors_by_replica_minute: errors, requests_each: requests, pearson, df, phi_upper } = vectors.dispersion;
    let state = noDispersion;
    for (const minute of [0, 1, 2, 3]) {
      for (const half of [0, 1]) {
        const parts = errors.map((row) => {
          const all = row[minute]!;
          return { events: half === 0 ? Math.floor(all / 2) : Math.ceil(all / 2), total: requests / 2 };
        });
        state = stepDispersion(state, minute * 60_000 + half * 30_000, parts);
      }
    }
    state = endHistory(state);

    expect(state.shardDegrees).toBe(df);
    close(state.shardSquares / state.shardDegrees, pearson);
    close(dispersionUpper(state)!, phi_upper);
  });

  test.each(vectors.supermartingale_checks.cases)("of an expectation under the null: $nc and $ns at $ps", (given) => {
    const binomial = (n: number, k: number, p: number): number => {
      let ways = 1;
      for (let i = 0; i < k; i += 1) ways = (ways * (n - i)) / (i + 1);
      return ways * p ** k * (1 - p) ** (n - k);
    };
    const [psi0, delta0, ps] = [Number(given.psi0), Number(given.delta0), Number(given.ps)];
    let expectation = 0;
    for (let k = 0; k <= given.nc; k += 1) {
      for (let s = 0; s <= given.ns; s += 1) {
        const { candidate, stable } = pair([k, given.nc, s, given.ns]);
        const nats = rateIncrement(candidate, stable, Number(given.a), { psi0, delta0 });
        expectation += binomial(given.nc, k, psi0 * ps + delta0) * binomial(given.ns, s, ps) * Math.exp(nats);
      }
    }

    close(expectation, given.expectation);
  });
});
