import { expect, test } from "vitest";
import { ruleOnTakeOver } from "./taking-over.ts";

const nowMs = 1_000_000;
const ago = (...ms: readonly number[]) => ms.map((each) => nowMs - each);

test("L2 a deployment that was taken over once is taken over again at once", () => {
  expect(ruleOnTakeOver([], nowMs)).toEqual({ kind: "now" });
  expect(ruleOnTakeOver(ago(10), nowMs)).toEqual({ kind: "now" });
});

test("L2 from the third time on each takeover waits twice as long as the one before", () => {
  expect(ruleOnTakeOver(ago(5_000, 500), nowMs)).toEqual({ kind: "later", atMs: nowMs + 1_500 });
  expect(ruleOnTakeOver(ago(5_000, 2_500), nowMs)).toEqual({ kind: "now" });
  expect(ruleOnTakeOver(ago(9_000, 500, 5_000), nowMs)).toEqual({ kind: "later", atMs: nowMs + 3_500 });
});

test("L2 after five takeovers it is given up, and the reason counts the deaths", () => {
  expect(ruleOnTakeOver(ago(60_000, 50_000, 40_000, 30_000, 20_000), nowMs)).toEqual({
    kind: "give-up",
    why: "the process that ran it died 6 times within 1 min",
  });
});

test("L2 what died long ago is forgotten", () => {
  expect(ruleOnTakeOver(ago(700_000, 650_000, 640_000, 630_000, 620_000), nowMs)).toEqual({ kind: "now" });
});
