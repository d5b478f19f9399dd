import { expect, test } from "vitest";
import { type SmokeSuite, smokeSuites } from "./settings.ts";
import { checksOfSuite, type SmokeKind, smokeTable } from "./smoke.ts";

const kinds = Object.keys(smokeTable) as SmokeKind[];
const all = kinds.map((kind) => ({ kind }));
const chosen = (suite: SmokeSuite, overrides = {}) => checksOfSuite(all, suite, overrides).map(({ kind }) => kind);

test("H4 each suite holds all of the one before it, and the extended one everything", () => {
  const [essential, full, extended] = smokeSuites.map((suite) => chosen(suite));

  expect(essential).toEqual(["http", "database", "tcp"]);
  expect(full).toEqual(expect.arrayContaining(essential ?? []));
  expect(extended).toEqual(kinds);
});

test("H4 any cell can be overridden, and no other one changes", () => {
  for (const kind of kinds) {
    for (const suite of smokeSuites) {
      const flipped = !smokeTable[kind][suite];

      const now = chosen(suite, { [kind]: { [suite]: flipped } });

      expect(now.includes(kind)).toBe(flipped);
      expect(now.filter((other) => other !== kind)).toEqual(chosen(suite).filter((other) => other !== kind));
    }
  }
});

test("H4 a check may name the smallest suite it runs in; an overridden cell still decides", () => {
  const checks = [
    { kind: "journey", suite: "essential" },
    { kind: "http", suite: "extended" },
  ] as const;

  expect(checksOfSuite(checks, "essential")).toEqual([checks[0]]);
  expect(checksOfSuite(checks, "full")).toEqual([checks[0]]);
  expect(checksOfSuite(checks, "extended")).toEqual(checks);
  expect(checksOfSuite(checks, "essential", { journey: { essential: false } })).toEqual([]);
});
