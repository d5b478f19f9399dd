import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { excessGrid, goodBets, goodIncrement } from "./good-test.ts";
import { latencyBets, latencyIncrement } from "./latency-test.ts";
import { tempered } from "./mixture.ts";
import { oneSampleIncrement } from "./one-sample.ts";
import { rateBets, rateIncrement } from "./rate-test.ts";
import { shareGoodIncrement, shareIncrements } from "./silence.ts";

/** One outcome of a count with its probability. */
type Outcomes = readonly (readonly [count: number, probability: number])[];

function binomial(n: number, p: number): Outcomes {
  let ways = 1;
  return Array.from({ length: n + 1 }, (_, k) => {
    const probability = ways * p ** k * (1 - p) ** (n - k);
    ways = (ways * (n - k)) / (k + 1);
    return [k, probability] as const;
  });
}

/** Cut where less than 1e-16 remains; factors that grow with the count are capped in the tests that use it. */
function poisson(mean: number): Outcomes {
  const outcomes: [number, number][] = [];
  let probability = Math.exp(-mean);
  for (let k = 0; k < mean || probability > 1e-18; k += 1) {
    outcomes.push([k, probability]);
    probability *= mean / (k + 1);
  }
  return outcomes;
}

/** `E e^nats` over both counts. */
function expectation(ours: Outcomes, theirs: Outcomes, nats: (k: number, s: number) => number): number {
  let sum = 0;
  for (const [k, pk] of ours) for (const [s, ps] of theirs) sum += pk * ps * Math.exp(nats(k, s));
  return sum;
}

const atMostOne = (value: number): boolean => value <= 1 + 1e-9;
const some = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const rate = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true });
const requests = fc.integer({ min: 1, max: 14 });
const phi = fc.double({ min: 1, max: 8, noNaN: true });

describe("Z2: no bet is expected to win while its null holds, by exact enumeration:", () => {
  test("the rate test's with Bernoulli requests, at and inside the margin, tempered and capped", () => {
    const cells = fc.record({
      nc: requests,
      ns: requests,
      ps: rate(0.4),
      inside: rate(1),
      bet: some(rateBets),
      against: some([
        { psi0: 1, delta0: 0 },
        { psi0: 1, delta0: 0.1 },
        { psi0: 1.1, delta0: 0.001 },
      ]),
      phi,
      cap: some([6, Number.POSITIVE_INFINITY]),
    });
    fc.assert(
      fc.property(cells, ({ nc, ns, ps, inside, bet, against, phi, cap }) => {
        const pc = inside * (against.psi0 * ps + against.delta0);
        const sum = expectation(binomial(nc, pc), binomial(ns, ps), (k, s) => {
          const nats = rateIncrement({ events: k, total: nc }, { events: s, total: ns }, bet, against);
          return tempered([nats], phi, cap)[0]!;
        });
        return atMostOne(sum);
      }),
      { numRuns: 2000 },
    );
  });

  test("the rate test's with Poisson counts", () => {
    const cells = fc.record({ nc: rate(400), ns: rate(400), ps: rate(0.02), bet: some(rateBets) });
    const against = { psi0: 1.1, delta0: 0.001 };
    fc.assert(
      fc.property(cells, ({ nc, ns, ps, bet }) => {
        const pc = against.psi0 * ps + against.delta0;
        const sum = expectation(poisson(nc * pc), poisson(ns * ps), (k, s) =>
          Math.min(6, rateIncrement({ events: k, total: nc }, { events: s, total: ns }, bet, against)),
        );
        return atMostOne(sum);
      }),
      { numRuns: 500 },
    );
  });

  test("the latency test's, whatever the totals, with the candidate no slower", () => {
    const cells = fc.record({ nc: requests, ns: requests, p: rate(1), inside: rate(1), psi: some(latencyBets) });
    fc.assert(
      fc.property(cells, ({ nc, ns, p, inside, psi }) => {
        const sum = expectation(binomial(nc, inside * p), binomial(ns, p), (k, s) =>
          latencyIncrement({ slow: k, total: nc }, { slow: s, total: ns }, psi),
        );
        return atMostOne(sum);
      }),
      { numRuns: 2000 },
    );
  });

  test("the good test's, with a candidate that is bad", () => {
    const cells = fc.record({
      nc: requests,
      ns: requests,
      ps: rate(0.3),
      worse: rate(0.2),
      psiB: some([1, 1.1, 1.5]),
      deltaB: some(excessGrid.slice(0, 18)),
      bet: some(goodBets),
    });
    fc.assert(
      fc.property(cells, ({ nc, ns, ps, worse, psiB, deltaB, bet }) => {
        const pc = psiB * ps + deltaB + worse;
        fc.pre(pc <= 1);
        const sum = expectation(binomial(nc, pc), binomial(ns, ps), (k, s) =>
          goodIncrement({ events: k, total: nc }, { events: s, total: ns }, bet, { psiB, deltaB }),
        );
        return atMostOne(sum);
      }),
      { numRuns: 2000 },
    );
  });

  test("the share test's, with Poisson arrivals and with a fixed number of requests", () => {
    const cells = fc.record({
      all: fc.integer({ min: 1, max: 40 }),
      share: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      bet: fc.nat({ max: rateBets.length - 1 }),
    });
    fc.assert(
      fc.property(cells, ({ all, share, bet }) => {
        // The least favourable point of the null: the stable version gets exactly 1.1 times its part.
        const candidate = share / (share + 1.1 * (1 - share));
        const nats = (candidateRequests: number, stableRequests: number): number =>
          Math.min(6, shareIncrements({ candidateRequests, stableRequests, candidateShare: share }, 1.1)[bet]!);
        const fixed = binomial(all, candidate).reduce((sum, [k, p]) => sum + p * Math.exp(nats(k, all - k)), 0);
        const free = expectation(poisson(all * candidate), poisson(all * (1 - candidate)), nats);
        return atMostOne(fixed) && atMostOne(free);
      }),
      { numRuns: 100 },
    );
  });

  test("the share's good test, with a candidate that is starved", () => {
    const cells = fc.record({
      all: requests,
      share: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      starved: rate(1),
    });
    fc.assert(
      fc.property(cells, ({ all, share, starved }) => {
        const candidate = (starved * share) / (share + 1.25 * (1 - share));
        const sum = binomial(all, candidate).reduce((so, [k, p]) => {
          const counts = { candidateRequests: k, stableRequests: all - k, candidateShare: share };
          return so + p * Math.exp(shareGoodIncrement(counts, 1.25));
        }, 0);
        return atMostOne(sum);
      }),
      { numRuns: 1000 },
    );
  });

  test("the one-sample guard's, at and under the declared rate", () => {
    const against = { declaredRate: 0.01, failingRate: 0.9 };
    fc.assert(
      fc.property(requests, rate(0.01), (total, p) =>
        atMostOne(
          binomial(total, p).reduce(
            (sum, [k, pk]) => sum + pk * Math.exp(oneSampleIncrement({ events: k, total }, against)),
            0,
          ),
        ),
      ),
    );
    expect(oneSampleIncrement({ events: 1, total: 1 }, against)).toBeCloseTo(4.5, 2);
  });
});
