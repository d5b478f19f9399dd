import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextMove, type StepProgress, splitBetween, stepsFor } from "./rollout.ts";
import { fail, pass, unknown, type Verdict } from "./verdict.ts";

const progress: StepProgress = {
  bakeEndsAtMs: 1_000,
  undecidedUntilMs: 2_000,
  onUnknown: "roll-back",
  failureLimit: 3,
  failuresInARow: 0,
};

const verdicts = fc.constantFrom<Verdict>(pass, fail("bad"), unknown("no traffic"));

describe("R2 the N-th failed round in a row rolls back", () => {
  test.each([
    [0, "hold"],
    [1, "hold"],
    [2, "roll-back"],
  ])("with %i failures before it: %s", (failuresInARow, kind) => {
    expect(nextMove({ ...progress, failuresInARow }, fail("500s"), 0)).toMatchObject({ kind, reason: "500s" });
  });

  test("at any time of the step, also long after its bake", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), (nowMs) => {
        expect(nextMove({ ...progress, failuresInARow: 2 }, fail("500s"), nowMs).kind).toBe("roll-back");
      }),
    );
  });

  test("exactly N of them: not one earlier, not one later, whatever N", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), (failureLimit) => {
        const kinds = Array.from({ length: failureLimit }, (_, failuresInARow) =>
          nextMove({ ...progress, failureLimit, failuresInARow }, fail("bad"), 0),
        ).map(({ kind }) => kind);

        expect(kinds).toEqual([...new Array(failureLimit - 1).fill("hold"), "roll-back"]);
      }),
    );
  });
});

test("a pass before the end of the bake holds, and forgives what failed before", () => {
  expect(nextMove({ ...progress, failuresInARow: 2 }, pass, 999)).toEqual({
    kind: "hold",
    reason: "baking",
    failuresInARow: 0,
  });
});

test("R1 a pass after the bake ends the step", () => {
  expect(nextMove(progress, pass, 1_000)).toEqual({ kind: "done", undecided: false });
});

test("unknown neither clears the failures seen so far nor adds one", () => {
  expect(nextMove({ ...progress, failuresInARow: 2 }, unknown("?"), 0)).toMatchObject({ failuresInARow: 2 });
});

test("unknown beyond its limit does what is configured, and says that it is undecided", () => {
  expect(nextMove(progress, unknown("no traffic"), 2_000)).toEqual({
    kind: "roll-back",
    reason: "undecided: no traffic",
    undecided: true,
  });
  expect(nextMove({ ...progress, onUnknown: "continue" }, unknown("no traffic"), 2_000)).toEqual({
    kind: "done",
    undecided: true,
  });
});

test("a step never ends well without a pass, unless undecided steps were told to go on", () => {
  fc.assert(
    fc.property(verdicts, fc.integer({ min: 0, max: 3_000 }), fc.nat(5), (verdict, nowMs, failuresInARow) => {
      const move = nextMove({ ...progress, failuresInARow }, verdict, nowMs);
      if (move.kind === "done")
        expect({ verdict: verdict.kind, baked: nowMs >= 1_000 }).toEqual({ verdict: "pass", baked: true });
    }),
  );
});

test("R1 without a stable version there is one step, the last one", () => {
  const steps = [
    { percent: 5, bakeMs: 1 },
    { percent: 100, bakeMs: 2 },
  ];

  expect(stepsFor(steps, true)).toBe(steps);
  expect(stepsFor(steps, false)).toEqual([{ percent: 100, bakeMs: 2 }]);
  expect(stepsFor([], false)).toEqual([{ percent: 100, bakeMs: 0 }]);
});

describe("the split of a weight", () => {
  const candidate = { revision: "v2~b", endpoints: [{ host: "h", port: 2 }] };
  const stable = { revision: "v1~a", endpoints: [{ host: "h", port: 1 }] };

  test("adds up to 100 percent, whatever the weight", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.constantFrom(undefined, stable, candidate), (percent, other) => {
        const split = splitBetween(other, candidate, percent);
        expect(split.reduce((sum, share) => sum + share.percent, 0)).toBe(100);
      }),
    );
  });

  test("is the candidate alone where nothing else serves, or where it is the stable version itself", () => {
    for (const other of [undefined, { ...stable, revision: candidate.revision }]) {
      expect(splitBetween(other, candidate, 5)).toEqual([{ ...candidate, percent: 100 }]);
    }
  });
});
