import { expect, test } from "vitest";
import { type RuledDeployment, type RuleRequest, ruleAnswer } from "./protection-rule.ts";

const request: RuleRequest = {
  ...{ environment: "production", commit: "c".repeat(40), runId: 5, askedAtMs: 1_000 },
};
const waits: RuledDeployment["events"][number] = {
  ...{ step: "approve", phase: "progress" as const, tone: "info" as const, title: "waiting" },
  detail: { waitingForApproval: true, missing: 2 },
};
const approved = { step: "approve", phase: "end", tone: "ok", title: "approved by bob and eve", detail: {} } as const;
const underWay: RuledDeployment = { id: "1-c", state: "waiting", outcome: null, endedAtMs: null, events: [waits] };
const ended: RuledDeployment = { ...underWay, state: "ended", events: [waits, approved] };

test.each<[string, RuledDeployment | undefined, string, string]>([
  ["no deployment of the commit", undefined, "waiting", "no deployment of cccccccccccc to production"],
  ["one that waits for people", underWay, "waiting", "1-c waits for 2 more: sluice approve 1-c"],
  ["one that has not come so far", { ...underWay, events: [] }, "waiting", "not approved yet"],
  ["one that was approved", { ...underWay, events: [waits, approved] }, "approved", "approved by bob and eve"],
  ["one whose approval failed", { ...underWay, events: [waits, { ...approved, tone: "bad" }] }, "waiting", "2 more"],
  ["one that is being cancelled", { ...underWay, state: "cancelling", events: [approved] }, "waiting", "cancelling"],
  ["one that succeeded since", { ...ended, outcome: "succeeded", endedAtMs: 2_000 }, "approved", "succeeded"],
  ["one that succeeded before", { ...ended, outcome: "succeeded", endedAtMs: 900 }, "waiting", "before this was asked"],
  ["one that expired since", { ...ended, outcome: "expired", endedAtMs: 2_000 }, "rejected", "expired"],
  ["one that failed before", { ...ended, outcome: "failed", endedAtMs: 900 }, "waiting", "before this was asked"],
])("P3 GitHub's rule and %s", (_what, deployment, kind, said) => {
  expect(ruleAnswer(request, deployment)).toEqual({ kind, comment: expect.stringContaining(said) });
});

test("P3 without a time of GitHub's own, what has ended approves nothing", () => {
  const deployment: RuledDeployment = { ...ended, outcome: "succeeded", endedAtMs: 2_000 };

  expect(ruleAnswer({ ...request, askedAtMs: null }, deployment).kind).toBe("waiting");
});
