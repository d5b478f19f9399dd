import { describe, expect, test } from "vitest";
import type { DeploymentEvent } from "./events.ts";
import type { Json } from "./json.ts";
import { outcomes } from "./outcome.ts";
import { buildRecord, durations, type RecordFacts } from "./record.ts";
import { fail, pass } from "./verdict.ts";

const facts: RecordFacts = {
  deploymentId: "1763673600-3f2a9c1b22aa",
  kind: "deploy",
  environment: "production",
  version: "v1.1.0",
  commit: "3f2a9c1b22aa4d5e6f708192a3b4c5d6e7f80912",
  startedBy: "ada",
  createdAtMs: 1_763_673_600_000,
  endedAtMs: 1_763_673_660_000,
  outcome: "succeeded",
  failure: null,
  undoFailures: [],
  undone: [],
  remains: [],
  plan: null,
  planDigest: null,
  approvals: [],
  backups: [],
  smoke: [],
  rollout: [],
  observation: null,
  verdict: { compared: false, why: "the sequential test is switched off (rollout.verdict.mode)", caught: null },
  events: [],
  rollbackUntilMs: null,
  folder: "/srv/records/x",
  servesNow: "v1.1.0",
};

const recordOf = (more: Partial<RecordFacts>) => buildRecord({ ...facts, ...more }) as { readonly [key: string]: Json };

describe("D1 the status in the sources' words", () => {
  test.each([
    ["succeeded", "success"],
    ["failed", "failed"],
    ["refused", "failed"],
    ["rolled-back", "rolled_back"],
    ["rollback-failed", "rollback_failed"],
    ["undecided", "rolled_back"],
    ["quarantined", "failed"],
    ["cancelled", "cancelled"],
    ["expired", "cancelled"],
    ["superseded", "cancelled"],
  ] as const)("%s is %s", (outcome, status) => {
    expect(recordOf({ outcome })).toMatchObject({ status, outcome });
  });

  test("only success is success", () => {
    expect(outcomes.filter((outcome) => recordOf({ outcome }).status === "success")).toEqual(["succeeded"]);
  });
});

test("D1 the sources' keys are all there, also where nothing is known yet", () => {
  expect(recordOf({ outcome: "refused" })).toMatchObject({
    timestamp: "2025-11-20T21:21:00.000Z",
    deployment_id: facts.deploymentId,
    environment: "production",
    git_sha: facts.commit,
    git_ref: null,
    services_deployed: [],
    health_checks: {},
    rollback_available: false,
  });
});

test("D1 health checks are named as the sources name them, and one failure fails the smoke tests", () => {
  const check = (name: string, verdict: RecordFacts["smoke"][number]["verdict"]) => ({
    name,
    verdict,
    tookMs: 1,
    detail: "",
  });

  expect(recordOf({ smoke: [check("api-gateway", pass), check("Auth Service", fail("503"))] }).health_checks).toEqual({
    api_gateway: "healthy",
    auth_service: "fail",
    smoke_tests: "failed",
  });
});

test("D1 a record is plain JSON", () => {
  const record = recordOf({});

  expect(JSON.parse(JSON.stringify(record))).toEqual(record);
});

test("P3 an approval that is only declared is recorded as such", () => {
  const vote = { by: "bob", decision: "approve" as const, planDigest: "d", comment: "", atMs: 0 };

  const { approvals } = recordOf({
    approvals: [
      { ...vote, proof: { kind: "declared" } },
      { ...vote, by: "eve", proof: { kind: "ssh-signature", signature: "s", keyFingerprint: "SHA256:abc" } },
    ],
  });

  expect(approvals).toMatchObject([{ proof: "declared, not proven" }, { proof: "ssh key SHA256:abc" }]);
});

test("D5 durations are summed per stage from the ends that the story tells", () => {
  const event = (step: string, phase: DeploymentEvent["phase"], detail: Json) =>
    ({ step, phase, detail }) as unknown as DeploymentEvent;

  expect(
    durations({
      ...facts,
      events: [
        event("rollout", "begin", {}),
        event("rollout", "end", { tookMs: 1_000.4 }),
        event("rollout", "end", { tookMs: 2_000 }),
        event("rollout", "progress", { tookMs: 9_000 }),
        event("backup", "end", { tookMs: "long" }),
      ],
    }),
  ).toEqual({ total: 60_000, rollout: 3_000 });
});

test("D5 the success criteria of a failed deployment are not met", () => {
  const criteria = recordOf({ outcome: "rolled-back" }).success_criteria as readonly {
    criterion: string;
    met: boolean;
  }[];

  expect(criteria.filter(({ met }) => met)).toEqual([]);
});

test("O4 a record without a comparison says why there is none, and still what it cost to find out", () => {
  const why = "the sequential test is switched off (rollout.verdict.mode)";

  expect(recordOf({}).verdict).toEqual({ compared: false, why, caught: null });
  const caught = { requests: 130, failed: 128, afterMs: 7_200 };
  expect(recordOf({ verdict: { compared: false, why, caught } }).verdict).toMatchObject({
    caught: { requests: 130, failed: 128, after_ms: 7_200 },
  });
});
