import { describe, expect, test } from "vitest";
import { checkActionsOf, checkNames, checkTable, strictnessLevels } from "./checks.ts";

const rank = { off: 0, warn: 1, block: 2 } as const;

test.each(checkNames)("F8 %s never does less at a stricter level", (name) => {
  const [basic, standard, strict] = strictnessLevels.map((level) => rank[checkTable[name][level]]);

  expect(basic).toBeLessThanOrEqual(standard ?? 0);
  // The load of a host says too little to block on.
  expect(standard).toBeLessThanOrEqual(strict ?? 0);
});

describe("F8 what can hurt most blocks at every level", () => {
  test.each(["secrets", "target", "router", "no-active-deployment", "artifacts", "database"] as const)("%s", (name) => {
    for (const level of strictnessLevels) expect(checkActionsOf(level, {})[name]).toBe("block");
  });
});

test("T4 F8 CI must have passed where checks are strict", () => {
  expect(checkActionsOf("strict", {}).ci).toBe("block");
});

test("F8 any cell can be overridden, and only that one", () => {
  const actions = checkActionsOf("basic", { ci: "block" });

  expect(actions).toEqual({ ...checkActionsOf("basic", {}), ci: "block" });
});

test("F8 every check says what it asks, and for which requirement", () => {
  for (const name of checkNames) expect(checkTable[name].about).toMatch(/\([A-Z]\d+\)$/);
});
