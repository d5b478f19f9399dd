import { expect, test } from "vitest";
import { commonVersion, placeOf } from "./serving.ts";

test.each([
  [["v1", "v1"], "v1"],
  [["v1"], "v1"],
  [["v1", "v2"], null],
  [[], null],
])("X4 components at %j have the common version %j", (versions, common) => {
  expect(commonVersion(versions.map((version) => ({ version })))).toBe(common);
});

test("X4 copies of two components of one deployment are told apart", () => {
  expect(placeOf({ component: "web", revision: "v1~d" })).not.toBe(placeOf({ component: "api", revision: "v1~d" }));
});
