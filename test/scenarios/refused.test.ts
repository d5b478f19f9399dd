/** Deployments that end before anything was touched. */
import { expect, test } from "vitest";
import { checkActionsOf } from "../../src/domain/checks.ts";
import type { Serving } from "../../src/domain/serving.ts";
import { fail, pass, unknown } from "../../src/domain/verdict.ts";
import { inServingWorld, inWorld } from "./in-world.ts";
import type { World } from "./world.ts";
import { hour, minute } from "./world-settings.ts";

/** Nothing runs, nobody was told to serve anything, nothing was stored, no lock is held. */
async function untouched(world: World): Promise<void> {
  expect(await world.at().running()).toEqual([]);
  expect(world.at().shifts).toEqual([]);
  expect(world.backups.objects.size).toBe(0);
  expect(world.applied).toEqual([]);
  expect(await world.ledger.lock("production")).toBeUndefined();
}

test.each([
  ["T1", "release-7", "REF_INVALID", /not a semantic version/],
  ["T1", "--upload-pack=x", "REF_INVALID", /begins with a dash/],
  ["T5", "v9.9.9", "TAG_NOT_FOUND", /no tag v9\.9\.9/],
  ["P5", "1.0.0", "REF_NOT_ALLOWED", /allows v\*/],
])("%s refuses %s before there is a deployment", async (_id, name, code, message) => {
  const world = inWorld();

  const begun = world.begin(name);

  await expect(begun).rejects.toMatchObject({ failure: { code }, message: expect.stringMatching(message) });
  expect(world.processes).toEqual([]);
});

test("T1 a branch that the environment allows becomes a derived version", async () => {
  const world = inWorld({ settings: { branches: ["main"] }, requestsPerSecond: 0 });

  const id = await world.begin("main");

  expect((await world.ledger.deployment(id))?.version).toMatch(/^0\.0\.0-main\.2025\d{4}\.[0-9a-f]{7}$/);
});

test("T5 a tag that moved between start and run is refused", async () => {
  const world = inWorld();
  const { sha } = (await world.source.resolve({ kind: "tag", name: "v1.0.0" }, new AbortController().signal)) ?? {
    sha: "",
  };
  world.source.moveTag("v1.0.0", "other content");

  const { outcome, failure } = await world.deploy("v1.0.0", { commit: sha });

  expect(outcome).toBe("refused");
  expect(failure?.message).toMatch(/v1\.0\.0 moved from/);
  await untouched(world);
});

test("T9 a build that fails ends it before anything is touched", async () => {
  const world = inWorld({ releases: { "v1.0.0": { buildFails: true } } });

  const { outcome, failure } = await world.deploy("v1.0.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "failed", code: "BUILD_FAILED" });
  await untouched(world);
  expect(world.told()).toEqual(["failed"]);
});

test.each([
  ["failed", fail("2 of 14 jobs failed")],
  ["is unknown", unknown("the forge does not answer")],
] as const)("T4 CI that %s blocks where it must have passed", async (_how, verdict) => {
  const world = inWorld({ ci: () => verdict, settings: { checks: checkActionsOf("strict", {}) } });

  const { outcome, failure } = await world.deploy("v1.0.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "CI_NOT_PASSED" });
  await untouched(world);
});

test("T4 a check that was run again after the approval, and failed, is seen before anything changes", async () => {
  let asked = 0;
  const world = inWorld({
    ci: () => (asked++ === 0 ? pass : fail("test: failure")),
    settings: { checks: checkActionsOf("standard", { ci: "block" }), approvals: { required: 1 } },
  });
  const id = await world.begin("v1.0.0");
  await world.untilTold(id, /^waiting for 1 more approval/);
  await world.approve(id, "bob");

  const { outcome, failure } = await world.ended(id);

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "CI_NOT_PASSED" });
  expect(failure?.message).toContain("does not any more: test: failure");
  expect(await world.ledger.lock("production")).toBeUndefined();
  await untouched(world);
});

test("T4 a missing CI gate is unknown, and unknown blocks where CI must have passed", async () => {
  const world = inWorld({ settings: { checks: checkActionsOf("strict", {}) } });

  const { failure } = await world.deploy("v1.0.0");

  expect(failure?.code).toBe("CI_NOT_PASSED");
});

test.each([
  [
    "a known vulnerability",
    { kind: "answered", found: [{ id: "GHSA-1", package: "left-pad", severity: "high" }] },
    "left-pad GHSA-1",
  ],
  ["an audit that does not answer", { kind: "silent", reason: "the registry is away" }, "the registry is away"],
] as const)("T8 %s blocks where the dependencies are looked at", async (_what, answer, said) => {
  const world = inWorld({
    vulnerabilities: { kind: "memory", look: async () => answer },
    settings: { vulnerabilities: { kind: "npm", omitDev: true, threshold: "high", except: [], timeoutMs: 1_000 } },
  });

  const { outcome, failure } = await world.deploy("v1.0.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "PREFLIGHT_FAILED" });
  expect(failure?.message).toContain(`vulnerabilities: ${said}`);
  await untouched(world);
});

test("F9 F1 F4 all findings are shown, not only the first", async () => {
  const world = inWorld({ missingSecrets: ["API_KEY"], freeDiskBytes: () => 1_000 });
  world.source.dirty = ["src/index.ts"];
  world.faults.routerDown = true;

  const { outcome, failure, record, files } = await world.deploy("v1.0.0");

  expect(outcome).toBe("refused");
  expect(failure?.message).toMatch(/secrets: missing or empty: API_KEY.*; router: .*; disk: host-1 has/);
  const checks = record.checks as readonly { check: string; verdict: string; hint: string }[];
  const bad = checks.filter(({ verdict }) => verdict !== "pass");
  expect(bad.map(({ check }) => check).toSorted()).toEqual(["ci", "clean-tree", "disk", "router", "secrets"]);
  for (const { hint } of bad) expect(hint).not.toBe("");
  expect(files.get("preflight.log")?.trim().split("\n").length).toBe(checks.length - 1);
});

test("M4 a migration that breaks the version that serves is refused in the plan where checks are strict", async () => {
  const drop = { id: "002_drop", sql: "ALTER TABLE orders DROP COLUMN note" };
  const world = await inServingWorld({
    releases: { "v1.0.0": {}, "v1.1.0": { migrations: [drop] } },
    settings: { checks: checkActionsOf("standard", { "migration-lint": "block" }) },
  });

  const { outcome, failure } = await world.deploy("v1.1.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "MIGRATION_INCOMPATIBLE" });
  expect(failure?.message).toContain("002_drop");
  expect(world.applied).toEqual([]);
});

test("X6 a deployment is refused where the version to go back to could not be started again", async () => {
  const world = await inServingWorld();
  const [row] = await world.ledger.servingHistory("production", 1);
  const components = (row?.detail as unknown as Serving | undefined)?.components ?? [];
  world.at().target.spoil(components[0]?.artifact.digest ?? "", "gone");

  const { outcome, failure } = await world.deploy("v1.1.0");

  expect(outcome).toBe("refused");
  expect(failure?.message).toMatch(/previous-available: api v1\.0\.0: .* is not there/);
  expect(await world.at().weights("web")).toEqual(["v1.0.0 100 %"]);
});

test("L2 an environment that belongs to another ledger is refused, naming it", async () => {
  const world = inWorld();
  await world.at().target.claim({ ledgerId: "ledger-2", n: 7, deploymentId: "theirs" }, new AbortController().signal);

  const { outcome, failure } = await world.deploy("v1.0.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "LEDGER_FOREIGN" });
  expect(failure?.message).toContain("ledger-2");
  expect(failure?.hint).toContain("sluice lock take-over production");
});

test("the plan is out of date when another release went out between plan and lock", async () => {
  const world = await inServingWorld({
    releases: { "v1.0.0": {}, "v1.1.0": {}, "v1.2.0": {} },
    settings: { approvals: { waitMs: 30 * minute, timeoutMs: 2 * hour } },
  });
  const quick = await world.begin("v1.2.0");
  await world.clock.sleep(20 * minute);
  const late = await world.begin("v1.1.0");
  await world.ended(quick);

  const { outcome, failure } = await world.ended(late);

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "PLAN_REFUSED" });
  expect(failure?.message).toMatch(/but production now serves/);
  expect(await world.at().weights("web")).toEqual(["v1.2.0 100 %"]);
});
