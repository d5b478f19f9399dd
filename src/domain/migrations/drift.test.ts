import { expect, test } from "vitest";
import { findDrift } from "./drift.ts";

const rulesOf = (...given: Parameters<typeof findDrift>) => findDrift(...given).map((one) => [one.rule, one.migration]);

test("M4 finds an applied migration whose file was edited", () => {
  expect(rulesOf([{ id: "1_a", checksum: "x", releasedChecksum: "y" }], [])).toEqual([["edited-migration", "1_a"]]);
});

test("M4 an edit of comments alone is named as such, and stops nothing", () => {
  const mark = { id: "1_a", checksum: "x", releasedChecksum: "y" };

  const [finding] = findDrift([{ ...mark, onlyCommentsDiffer: true }], []);

  expect(finding).toMatchObject({ rule: "edited-migration", severity: "warn" });
  expect(finding?.reason).toContain("Only comments and blanks differ");
  expect(findDrift([{ ...mark, onlyCommentsDiffer: false }], [])[0]?.severity).toBe("block");
});

test("M4 finds an applied migration that the release does not bring", () => {
  expect(rulesOf([{ id: "1_a", releasedChecksum: null }], [{ id: "2_b" }])).toEqual([["lost-migration", "1_a"]]);
});

test("M4 finds a pending migration that stands before an applied one, by numbers, not by letters", () => {
  const applied = [{ id: "9_i" }, { id: "2_b" }];

  expect(rulesOf(applied, [{ id: "3_c" }, { id: "10_j" }])).toEqual([["out-of-order", "3_c"]]);
});

test("M4 says nothing where nothing is applied or the tool keeps no checksum", () => {
  expect(rulesOf([], [{ id: "1_a" }])).toEqual([]);
  expect(rulesOf([{ id: "1_a" }, { id: "2_b", checksum: "x", releasedChecksum: "x" }], [{ id: "3_c" }])).toEqual([]);
});
