import { describe, expect, test } from "vitest";
import { assessRisk, type RiskFacts } from "./risk.ts";

const harmless: RiskFacts = {
  firstDeployment: false,
  skippedChecks: [],
  warnings: [],
  migrations: 0,
  breakingMigrations: [],
  databases: 1,
  backupPolicy: "always",
  commits: 3,
  majorVersionChange: false,
  olderThanServing: false,
  firstStepPercent: 5,
  fencingChecked: [],
  migrateBesideBuild: false,
};

test("P1 nothing remarkable is a low risk, without reasons", () => {
  expect(assessRisk(harmless)).toEqual({ level: "low", reasons: [] });
});

describe("P1 a risk gives its reason", () => {
  test.each([
    [{ breakingMigrations: ["007"] }, "high", /break the version that serves: 007/],
    [{ migrations: 1, backupPolicy: "none" }, "high", /without a backup/],
    [{ olderThanServing: true }, "high", /older/],
    [{ firstDeployment: true }, "medium", /nothing serves yet/],
    [{ migrations: 2 }, "medium", /2 migrations/],
    [{ migrations: 1 }, "medium", /1 migration change/],
    [{ majorVersionChange: true }, "medium", /major version/],
    [{ firstStepPercent: 26 }, "medium", /26 % of the traffic/],
    [{ commits: 51 }, "medium", /51 commits/],
    [{ skippedChecks: ["ci"] }, "medium", /switched off by hand: ci/],
    [{ warnings: ["disk: almost full"] }, "medium", /disk: almost full/],
    [{ migrateBesideBuild: true }, "medium", /beside the build/],
    [{ fencingChecked: ["web"] }, "low", /fenced by check.*web/],
  ] as const)("%j is %s", (facts, level, reason) => {
    const risk = assessRisk({ ...harmless, ...facts });

    expect(risk.level).toBe(level);
    expect(risk.reasons.map(({ text }) => text).join()).toMatch(reason);
  });
});

test.each([{ firstStepPercent: 25 }, { commits: 50 }, { firstDeployment: true, firstStepPercent: 100 }])(
  "P1 %j says nothing about the size of the first step or the number of commits",
  (facts) => {
    const { reasons } = assessRisk({ ...harmless, ...facts });

    expect(reasons.filter(({ text }) => /first step|commits/.test(text))).toEqual([]);
  },
);

test("P1 the level is the highest of its reasons", () => {
  expect(assessRisk({ ...harmless, olderThanServing: true, fencingChecked: ["web"], commits: 99 }).level).toBe("high");
});
