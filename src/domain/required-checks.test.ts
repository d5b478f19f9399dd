import { expect, test } from "vitest";
import { type ForgeCheck, type RequiredCheck, ruleOnChecks } from "./required-checks.ts";

const actions = { kind: "app", id: 15368, slug: "github-actions" } as const;
const lint: RequiredCheck = { kind: "app", name: "lint", app: "github-actions" };
const check = (change: Partial<ForgeCheck> = {}): ForgeCheck => ({
  name: "lint",
  from: actions,
  state: "passed",
  word: "success",
  order: 1,
  ...change,
});

test("T7 all required checks passed, and are named", () => {
  const scan: RequiredCheck = { kind: "status", name: "scan", creator: "scanner" };
  const found = [check(), check({ name: "scan", from: { kind: "status", creator: "scanner" } })];

  expect(ruleOnChecks([lint, scan], found)).toEqual({ kind: "passed", detail: "2 required: lint, scan" });
});

test("T7 a missing check and one that is under way are waited for, one that failed decides at once", () => {
  expect(ruleOnChecks([lint], [])).toEqual({ kind: "waiting", missing: ["lint (app github-actions)"], pending: [] });
  expect(ruleOnChecks([lint], [check({ state: "pending", word: "in_progress" })])).toEqual({
    kind: "waiting",
    missing: [],
    pending: ["lint: in_progress"],
  });
  const both = ruleOnChecks([lint, { ...lint, name: "test" }], [check({ state: "failed", word: "timed_out" })]);
  expect(both).toEqual({ kind: "failed", reason: "lint: timed_out" });
});

test("T7 a check of the same name from another app, or as a status, does not count and is named", () => {
  const evil = check({ from: { kind: "app", id: 66, slug: "evil" } });
  const status = check({ from: { kind: "status", creator: "mallory" } });

  expect(ruleOnChecks([lint], [evil, status])).toEqual({
    kind: "waiting",
    missing: ["lint (from app evil (66), a status by mallory, which does not count; app github-actions does)"],
    pending: [],
  });
  expect(ruleOnChecks([{ ...lint, app: 15368 }], [check()])).toMatchObject({ kind: "passed" });
  const wanted: RequiredCheck = { kind: "status", name: "lint", creator: "ci" };
  expect(ruleOnChecks([wanted], [status])).toMatchObject({ kind: "waiting" });
});

test("T7 of a check that was run again the newest run counts, whichever came first in the list", () => {
  const before = check({ order: 1 });
  const again = check({ order: 2, state: "failed", word: "failure" });

  expect(ruleOnChecks([lint], [before, again])).toMatchObject({ kind: "failed" });
  expect(ruleOnChecks([lint], [again, before])).toMatchObject({ kind: "failed" });
});
