import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { type Ending, endingText } from "./story.ts";

const ending: Ending = {
  version: "v1.1.0",
  environment: "production",
  outcome: "rolled-back",
  servesNow: "v1.0.0",
  failure: { code: "CANDIDATE_WORSE", remedy: "operator", at: "stages.rollout", message: "worse", hint: "sluice logs" },
  caught: { requests: 130, failed: 128, afterMs: 7_200 },
  folder: null,
};

const lines = (more: Partial<Ending>): readonly string[] =>
  stripVTControlCharacters(endingText({ ...ending, ...more }, Number.POSITIVE_INFINITY)).split("\n");

test("Z2 a rollback says after how many candidate requests it came, how many failed, and how long after the shift", () => {
  expect(lines({})).toEqual([
    "",
    "✗ v1.1.0 in production: rolled back",
    "  why      worse (CANDIDATE_WORSE)",
    "  do       sluice logs",
    "  caught   after 130 candidate requests, 128 of them failed, 7.2 s after its first traffic",
    "  serves   v1.0.0",
  ]);
});

test("where nothing was compared, or nothing taken back, there is no such line", () => {
  expect(lines({ caught: null }).some((line) => line.includes("caught"))).toBe(false);
});
