import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ErrorCode, errorCodes } from "./error-codes.ts";
import type { Failure } from "./errors.ts";
import { exitCodeOf, exitCodeOfFailure, outcomeOf, outcomes } from "./outcome.ts";

const failure = (code: ErrorCode): Failure => ({ code, remedy: "operator", at: "x", message: "m", hint: "h" });
const untouched = { undoFailed: false, touched: false, trafficMoved: false };
const moved = { undoFailed: false, touched: true, trafficMoved: true };

describe("how a deployment ended", () => {
  test.each([
    ["nothing failed", undefined, moved, "succeeded"],
    ["a gate refused it", "CI_NOT_PASSED", untouched, "refused"],
    ["the lock was held", "LOCK_HELD", untouched, "refused"],
    ["the build failed", "BUILD_FAILED", untouched, "failed"],
    ["a refusal after the database was touched", "PLAN_REFUSED", { ...untouched, touched: true }, "failed"],
    ["the candidate was sick", "HEALTH_FAILED", moved, "rolled-back"],
    ["nobody could tell", "ROLLOUT_UNDECIDED", moved, "undecided"],
    ["the way back failed", "HEALTH_FAILED", { ...moved, undoFailed: true }, "rollback-failed"],
    ["a person cancelled", "CANCELLED", moved, "cancelled"],
    ["a person cancelled, and it could not be undone", "CANCELLED", { ...moved, undoFailed: true }, "quarantined"],
    ["nobody approved", "APPROVAL_EXPIRED", untouched, "expired"],
  ] as const)("%s", (_how, code, ending, outcome) => {
    expect(outcomeOf({ failure: code && failure(code), ...ending })).toBe(outcome);
  });

  test("it succeeded only where nothing failed", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...errorCodes),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (code, undoFailed, touched, trafficMoved) => {
          expect(outcomeOf({ failure: failure(code), undoFailed, touched, trafficMoved })).not.toBe("succeeded");
        },
      ),
    );
  });

  test("X2 what could not be undone is never called rolled back", () => {
    fc.assert(
      fc.property(fc.constantFrom(...errorCodes), (code) => {
        const outcome = outcomeOf({ failure: failure(code), ...moved, undoFailed: true });
        expect(["rollback-failed", "quarantined"]).toContain(outcome);
      }),
    );
  });
});

describe("exit codes", () => {
  test("only success is 0", () => {
    expect(outcomes.filter((outcome) => exitCodeOf(outcome) === 0)).toEqual(["succeeded"]);
  });

  test.each([
    ["rolled-back", 4],
    ["rollback-failed", 5],
    ["undecided", 6],
    ["quarantined", 6],
    ["cancelled", 9],
    ["expired", 9],
    ["superseded", 9],
    ["refused", 3],
    ["failed", 1],
  ] as const)("%s is %i", (outcome, code) => {
    expect(exitCodeOf(outcome)).toBe(code);
  });

  test.each([
    ["USAGE", undefined, 2],
    ["LOCK_HELD", "refused", 7],
    ["LEDGER_FOREIGN", undefined, 7],
    ["CI_NOT_PASSED", "refused", 3],
    ["APPROVAL_INVALID", undefined, 3],
    ["HEALTH_FAILED", "rolled-back", 4],
    ["INTERNAL", undefined, 1],
  ] as const)("%s with outcome %s is %i", (code, outcome, exitCode) => {
    expect(exitCodeOfFailure(code, outcome)).toBe(exitCode);
  });

  test("an error never ends with 0", () => {
    for (const code of errorCodes) expect(exitCodeOfFailure(code)).not.toBe(0);
  });
});
