import { describe, expect, test } from "vitest";
import type { Json } from "./json.ts";
import { ruleOnStaging, type StagedRow, type StagingRule, stagedOf } from "./staging-gate.ts";

const hour = 3_600_000;
const rule: StagingRule = {
  environment: "staging",
  withinMs: 24 * hour,
  errorRate: 0.01,
  minRequests: 100,
  slowestCheckMs: 500,
};
const artifact = { component: "web", digest: "sha256:aaa", kind: "tree", location: "/a" } as const;
const wanted = { commit: "c1", artifacts: [artifact], nowMs: 100 * hour };
const row: StagedRow = { id: "s-1", kind: "deploy", commit: "c1", outcome: "succeeded", endedAtMs: 90 * hour };
const record = {
  artifacts: [{ component: "web", digest: "sha256:aaa" }],
  smoke: [{ name: "home", verdict: { kind: "pass" }, tookMs: 20 }],
  observation: { requests: 1000, errors: 3 },
};
const staged = { row, rolledBack: false };
const ruling = (change: {
  readonly rule?: Partial<StagingRule>;
  readonly wanted?: Partial<typeof wanted>;
  readonly staged?: Partial<StagedRow>;
  readonly record?: object;
}) =>
  ruleOnStaging(
    { ...rule, ...change.rule },
    { ...wanted, ...change.wanted },
    { ...staged, row: { ...row, ...change.staged } },
    { ...record, ...change.record } as unknown as Json,
  );

test("T10 the same commit and artifacts, deployed before with checks and measurements inside the thresholds, pass", () => {
  expect(ruling({})).toEqual({ kind: "pass" });
});

describe("T10 blocks", () => {
  test.each([
    ["a failed staging", { staged: { outcome: "rolled-back" as const } }, "fail", "ended in staging as rolled-back"],
    ["one that is under way", { staged: { outcome: null } }, "unknown", "still under way"],
    ["one that is too old", { wanted: { nowMs: 200 * hour } }, "fail", "too long ago: 110 h"],
    [
      "other artifacts",
      { record: { artifacts: [{ component: "web", digest: "sha256:b" }] } },
      "fail",
      "not the artifact",
    ],
    ["what is not built yet", { wanted: { artifacts: [] } }, "unknown", "not built yet"],
    [
      "a failed check",
      { record: { smoke: [{ name: "pay", verdict: { kind: "unknown" }, tookMs: 1 }] } },
      "fail",
      "pay",
    ],
    [
      "a slow check",
      { record: { smoke: [{ name: "pay", verdict: { kind: "pass" }, tookMs: 501 }] } },
      "fail",
      "501 ms",
    ],
    ["no check at all where one is measured", { record: { smoke: [] } }, "unknown", "nothing was measured"],
    ["too many errors", { record: { observation: { requests: 1000, errors: 11 } } }, "fail", "11 of 1000"],
    ["too few requests to tell", { record: { observation: { requests: 99, errors: 0 } } }, "unknown", "99 requests"],
    ["no watch at all", { record: { observation: null } }, "unknown", "0 requests"],
    ["a record without its parts", { record: { smoke: null } }, "unknown", "no record"],
  ])("%s", (_what, change, kind, reason) => {
    expect(ruling(change)).toEqual({ kind, reason: expect.stringContaining(reason) });
  });

  test("what was never there, and what was rolled back by hand since", () => {
    expect(ruleOnStaging(rule, wanted, undefined, undefined)).toMatchObject({ kind: "fail" });
    const back = { ...staged, rolledBack: true };
    expect(ruleOnStaging(rule, wanted, back, record)).toMatchObject({ reason: expect.stringContaining("rolled back") });
  });
});

test("T10 thresholds that are off are not judged", () => {
  const off = { errorRate: null, slowestCheckMs: null };

  expect(ruling({ rule: off, record: { smoke: [], observation: null } })).toEqual({ kind: "pass" });
});

test("T10 the newest deployment of the commit counts, and a rollback right after it is seen", () => {
  const failed: StagedRow = { ...row, id: "s-2", outcome: "failed" };
  const back: StagedRow = { ...row, id: "s-3", kind: "rollback", commit: "c0" };
  const other: StagedRow = { ...row, id: "s-4", commit: "c2" };

  expect(stagedOf([failed, row], "c1")?.row.id).toBe("s-2");
  expect(stagedOf([other, back, row], "c1")).toMatchObject({ row: { id: "s-1" }, rolledBack: true });
  expect(stagedOf([back, other, row], "c1")).toMatchObject({ rolledBack: false });
  expect(stagedOf([other], "c1")).toBeUndefined();
});
