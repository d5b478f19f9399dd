import fc from "fast-check";
import { expect, test } from "vitest";
import {
  aggregateRound,
  type HealthPolicy,
  nextHealth,
  nextObservation,
  type ObservationPolicy,
  type ObservedRound,
  startOfHealth,
  startOfObservation,
} from "./health.ts";
import { fail, pass, unknown, type Verdict } from "./verdict.ts";

const judged = (name: string, verdict: Verdict, critical = true) => ({ result: { name, verdict }, critical });

test("H7 a round names every failing critical check with its reason", () => {
  const { verdict } = aggregateRound([judged("api", fail("500")), judged("web", pass), judged("db", fail("refused"))]);

  expect(verdict).toEqual(fail("2 of 3 checks failed: api: 500; db: refused"));
});

test("H1 a failing non-critical check is shown and does not fail its round, nor does it count as a probe", () => {
  const round = aggregateRound([
    judged("api", pass),
    judged("search", fail("500"), false),
    judged("ads", unknown("?"), false),
  ]);

  expect(round).toEqual({
    verdict: pass,
    probes: 1,
    passedProbes: 1,
    unknownProbes: 0,
    warnings: ["search: 500", "ads: ?"],
  });
});

test("H7 one unknown makes a round unknown, a failure beside it makes it fail, nothing at all is unknown", () => {
  expect(aggregateRound([judged("api", pass), judged("db", unknown("no answer"))]).verdict).toEqual(
    unknown("1 of 2 checks unknown: db: no answer"),
  );
  expect(aggregateRound([judged("api", fail("500")), judged("db", unknown("?"))]).verdict.kind).toBe("fail");
  expect(aggregateRound([]).verdict.kind).toBe("unknown");
});

const after = (verdicts: readonly Verdict[], policy: HealthPolicy) =>
  verdicts.reduce((step, verdict) => nextHealth(step.state, verdict, policy), nextHealth(startOfHealth, pass, policy));

test("R2 exactly the Nth failed round in a row fails", () => {
  for (const failureLimit of [1, 2, 3, 5]) {
    const rounds = (count: number) => Array<Verdict>(count).fill(fail("500"));

    expect(after(rounds(failureLimit - 1), { failureLimit }).decision.kind).not.toBe("fail");
    expect(after(rounds(failureLimit), { failureLimit }).decision).toEqual({
      kind: "fail",
      reason: `failed round ${failureLimit} of ${failureLimit} in a row: 500`,
    });
  }
});

test("R2 a pass ends a row of failures; an unknown round neither ends nor lengthens it", () => {
  const policy = { failureLimit: 2 };

  expect(after([fail("a"), pass, fail("b")], policy).decision.kind).toBe("watch");
  expect(after([fail("a"), unknown("?")], policy).decision.kind).toBe("watch");
  expect(after([fail("a"), unknown("?"), fail("b")], policy).decision.kind).toBe("fail");
});

test("unknown rounds are reported as unknown and lead to what the policy says, at its limit", () => {
  const twice = [unknown("no data"), unknown("no data")];

  expect(after(twice, { failureLimit: 1 }).decision).toEqual({ kind: "watch", reason: "unknown: no data" });
  expect(after(twice, { failureLimit: 1, unknownLimit: 3, onUnknown: "fail" }).decision.kind).toBe("watch");
  expect(after(twice, { failureLimit: 1, unknownLimit: 2, onUnknown: "fail" }).decision.kind).toBe("fail");
  expect(after(twice, { failureLimit: 1, unknownLimit: 2, onUnknown: "hold" }).decision).toEqual({
    kind: "hold",
    reason: "unknown for 2 rounds in a row: no data",
  });
});

const policy: ObservationPolicy = { failureLimit: 3, minSuccessRatio: 0.95, minProbes: 20 };

const observed = (rounds: readonly ObservedRound[], by: ObservationPolicy = policy) =>
  rounds.reduce(
    (step, round) => nextObservation(step.state, round, by),
    nextObservation(startOfObservation, { verdict: pass, probes: 0, passedProbes: 0 }, by),
  );

const probes = (count: number, passedProbes: number, unknownProbes = 0): ObservedRound => ({
  verdict: passedProbes === count ? pass : fail("some failed"),
  probes: count,
  passedProbes,
  unknownProbes,
});

test("O1 three failed rounds in a row fail the window, before any share is judged", () => {
  const decisions = [1, 2, 3].map((rounds) => observed(Array<ObservedRound>(rounds).fill(probes(1, 0))).decision.kind);

  expect(decisions).toEqual(["watch", "watch", "fail"]);
});

test("O1 the share of passing probes is judged from the twentieth on, and 95 % is enough", () => {
  expect(observed([probes(19, 17)]).decision.kind).toBe("watch");
  expect(observed([probes(20, 19)]).decision.kind).toBe("watch");
  expect(observed([probes(20, 18)]).decision).toEqual({
    kind: "fail",
    reason: "18 of 20 probes passed, at least 95 % must",
  });
  expect(observed([probes(10, 8), probes(10, 10)]).decision.kind, "the whole window counts").toBe("fail");
});

test("O1 a share too small only for unknown probes is unknown, never a failure and never a pass", () => {
  const round = { ...probes(20, 18, 2), verdict: unknown("2 unanswered") };

  expect(observed([round]).decision.kind).toBe("watch");
  expect(observed([round], { ...policy, unknownLimit: 5, onUnknown: "hold" }).decision.kind).toBe("hold");
  expect(observed([round], { ...policy, unknownLimit: 5, onUnknown: "fail" }).decision.kind).toBe("fail");
});

test("O1 whatever the rounds, the window fails exactly when the rule of one of its two figures is broken", () => {
  const round = fc.constantFrom<Verdict>(pass, fail("x"), unknown("?"));
  fc.assert(
    fc.property(fc.array(round, { maxLength: 60 }), (verdicts) => {
      let row = 0;
      let [passed, failed] = [0, 0];
      let step = nextObservation(startOfObservation, { verdict: pass, probes: 0, passedProbes: 0 }, policy);
      for (const [at, verdict] of verdicts.entries()) {
        const one = (kind: string) => (verdict.kind === kind ? 1 : 0);
        step = nextObservation(
          step.state,
          { verdict, probes: 1, passedProbes: one("pass"), unknownProbes: one("unknown") },
          policy,
        );
        passed += one("pass");
        failed += one("fail");
        row = verdict.kind === "pass" ? 0 : row + one("fail");
        const tooMany = at + 1 >= 20 && failed * 20 > at + 1;
        expect(step.decision.kind === "fail").toBe((row >= 3 && verdict.kind === "fail") || tooMany);
        expect(step.state).toMatchObject({ rounds: at + 2, passedProbes: passed });
      }
    }),
  );
});
