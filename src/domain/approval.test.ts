import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Approval, type ApprovalRules, awaitedDigest, countApprovals, voteFault } from "./approval.ts";
import type { DeploymentEvent } from "./events.ts";

const rules: ApprovalRules = {
  required: 2,
  approvers: ["bob", "eve", "kim"],
  startedBy: "ada",
  excluded: ["kim"],
  planDigest: "d1",
  acceptDeclared: false,
};

const vote = (by: string, more: Partial<Approval> = {}): Approval => ({
  by,
  decision: "approve",
  planDigest: "d1",
  comment: "",
  proof: { kind: "ssh-signature", signature: "s", keyFingerprint: "f" },
  atMs: 0,
  ...more,
});

describe("P3 a vote does not count", () => {
  test.each([
    ["for another plan", vote("bob", { planDigest: "d2" }), /another plan/],
    ["by somebody who is not an approver", vote("mallory"), /not one of the approvers/],
    ["by the one who started it", vote("ada"), /started this deployment/],
    ["by the commit's author where that is excluded", vote("kim"), /has a part in this release/],
    ["that is only declared", vote("bob", { proof: { kind: "declared" } }), /declared, not proven/],
  ])("%s", (_why, given, reason) => {
    expect(voteFault(given, { ...rules, approvers: [...rules.approvers, "ada"] })).toMatch(
      given.by === "mallory" ? /not one of/ : reason,
    );
  });

  test("unless it is declared where that is enough", () => {
    expect(voteFault(vote("bob", { proof: { kind: "declared" } }), { ...rules, acceptDeclared: true })).toBeUndefined();
  });
});

test("P3 where nobody is named, anyone but the starter may approve", () => {
  const open = { ...rules, approvers: [] };

  expect(voteFault(vote("whoever"), open)).toBeUndefined();
  expect(voteFault(vote(" ADA "), open)).toMatch(/started this deployment/);
});

test("P3 people are counted once, however they write their name", () => {
  expect(countApprovals([vote("bob"), vote("Bob "), vote("BOB")], rules)).toEqual({
    kind: "waiting",
    missing: 1,
    by: ["bob"],
  });
  expect(countApprovals([vote("bob"), vote("eve")], rules)).toEqual({ kind: "granted", by: ["bob", "eve"] });
});

test("P3 one rejection ends it, before or after any number of approvals", () => {
  const rejection = vote("kim", { decision: "reject", comment: "no" });
  const approvals = [vote("bob"), vote("eve")];

  for (const votes of [
    [rejection, ...approvals],
    [...approvals, rejection],
  ]) {
    expect(countApprovals(votes, rules)).toEqual({ kind: "rejected", by: "kim", comment: "no" });
  }
});

test("the starter may reject their own deployment, and a rejection that does not count rejects nothing", () => {
  const own = vote("ada", { decision: "reject" });

  expect(countApprovals([own], { ...rules, approvers: [] }).kind).toBe("rejected");
  expect(countApprovals([vote("mallory", { decision: "reject" })], rules).kind).toBe("waiting");
});

test("P3 it is granted only by as many different counting people as are required", () => {
  const anyVote = fc
    .record({ by: fc.constantFrom("ada", "bob", "eve", "kim", "mallory"), planDigest: fc.constantFrom("d1", "d2") })
    .map(({ by, planDigest }) => vote(by, { planDigest }));
  fc.assert(
    fc.property(fc.array(anyVote), fc.nat(3), (votes, required) => {
      const state = countApprovals(votes, { ...rules, required });
      const people = new Set(
        votes.filter((each) => each.planDigest === "d1" && ["bob", "eve"].includes(each.by)).map(({ by }) => by),
      );
      expect(state.kind).toBe(people.size >= required ? "granted" : "waiting");
    }),
  );
});

test("P4 a plan is voted on from the question until the stage has ended, also while somebody who took over is on the way back to it", () => {
  const event = (phase: DeploymentEvent["phase"], detail: object, actor: string | null = null) =>
    ({ step: "approve", phase, detail, actor }) as unknown as DeploymentEvent;
  const begun = event("begin", {});
  const asked = event("progress", { waitingForApproval: true, planDigest: "d1", missing: 2 });
  const vote = event("end", { planDigest: "d1" }, "ada");

  expect(awaitedDigest([begun])).toBeUndefined();
  expect(awaitedDigest([begun, asked])).toBe("d1");
  expect(awaitedDigest([begun, asked, vote, begun]), "taken over after a vote").toBe("d1");
  expect(awaitedDigest([begun, asked, vote, event("end", {})])).toBeUndefined();
});
