import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scenarioSettings } from "../../test/scenarios/world-settings.ts";
import { blockingFindings, digestText, type Finding, type Plan } from "./plan.ts";

const finding: Finding = { check: "disk", action: "block", verdict: "pass", detail: "80 GB free", hint: "" };

const plan: Plan = {
  deploymentId: "1763673600-3f2a9c1b22aa",
  project: "shop",
  environment: "production",
  url: null,
  release: {
    version: "v1.1.0",
    ref: { kind: "tag", name: "v1.1.0" },
    commit: "c".repeat(40),
    author: "dora",
    authorEmail: "dora@example.com",
    subject: "Change",
    committedAtMs: 0,
  },
  artifacts: [{ component: "web", digest: "sha256:aa", kind: "tree", location: "/a" }],
  replaces: null,
  changes: [],
  findings: [finding],
  migrations: [],
  steps: [{ stage: "backup", touches: "backups", lines: ["dump"], expectedMs: 100 }],
  foresight: [],
  rollback: [],
  risk: { level: "low", reasons: [] },
  targets: [],
  approvals: { required: 1, approvers: ["bob"] },
  settings: scenarioSettings("production"),
};

const digest = digestText(plan);

describe("P3 what people approve changes with", () => {
  test.each([
    ["the commit", { release: { ...plan.release, commit: "d".repeat(40) } }],
    ["an artifact", { artifacts: [{ ...plan.artifacts[0], digest: "sha256:bb" }] }],
    ["the deployment", { deploymentId: "1763673601-3f2a9c1b22aa" }],
    ["the version it replaces", { replaces: { deploymentId: "x" } }],
    ["a check's verdict", { findings: [{ ...finding, verdict: "unknown" }] }],
    ["a check's action", { findings: [{ ...finding, action: "warn" }] }],
    ["a step", { steps: [{ ...plan.steps[0], lines: ["no dump"] }] }],
    ["a migration", { migrations: [{ database: "main", id: "001", sql: "DROP", class: "contract", findings: [] }] }],
    ["any setting", { settings: { ...plan.settings, onCall: [] } }],
  ])("%s", (_what, change) => {
    expect(digestText({ ...plan, ...change } as Plan)).not.toBe(digest);
  });
});

describe("P3 what was merely measured changes nothing", () => {
  test.each([
    ["free disk", { findings: [{ ...finding, detail: "79 GB free" }] }],
    ["expected durations", { steps: [{ ...plan.steps[0], expectedMs: 9 }] }],
    ["where an artifact lies", { artifacts: [{ ...plan.artifacts[0], location: "/b" }] }],
  ])("%s", (_what, change) => {
    expect(digestText({ ...plan, ...change } as Plan)).toBe(digest);
  });

  test("the order of keys", () => {
    const shuffled = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffled);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, shuffled(inner)]),
      );
    };

    expect(digestText(shuffled(plan) as Plan)).toBe(digest);
  });

  test("a way through JSON and back", () => {
    expect(digestText(JSON.parse(JSON.stringify(plan)) as Plan)).toBe(digest);
  });
});

test("two different texts in a plan never give the same digest text", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      const of = (subject: string) => digestText({ ...plan, release: { ...plan.release, subject } });
      expect(of(a) === of(b)).toBe(a === b);
    }),
  );
});

test.each([
  ["block", "fail", true],
  ["block", "unknown", true],
  ["block", "pass", false],
  ["warn", "fail", false],
  ["off", "fail", false],
] as const)("F9 a check that may %s and is %s blocks: %j", (action, verdict, blocks) => {
  expect(blockingFindings([{ ...finding, action, verdict }])).toHaveLength(blocks ? 1 : 0);
});
