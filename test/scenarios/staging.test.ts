/** T10: what did not go well in staging does not go to production. */
import { expect, test } from "vitest";
import type { StagingRule } from "../../src/domain/staging-gate.ts";
import { inWorld } from "./in-world.ts";
import { hour } from "./world-settings.ts";

const rule: StagingRule = {
  environment: "staging",
  withinMs: hour,
  errorRate: 0.05,
  minRequests: 1,
  slowestCheckMs: null,
};

const findingOf = (record: { readonly checks?: unknown }) =>
  (record.checks as readonly { check: string; verdict: string; detail: string; hint: string }[]).find(
    ({ check }) => check === "staging",
  );

test("T10 a release that was never in staging is refused, and one that went well there is let through", async () => {
  const world = inWorld({ staging: rule });

  const before = await world.deploy("v1.0.0");
  const staged = await world.ended(await world.begin("v1.0.0", { environment: "staging" }));
  const after = await world.deploy("v1.0.0");

  expect(before).toMatchObject({ outcome: "refused", failure: { code: "PREFLIGHT_FAILED" } });
  expect(findingOf(before.record)).toMatchObject({
    detail: expect.stringContaining("was never deployed to staging"),
    hint: expect.stringContaining("sluice deploy staging v1.0.0"),
  });
  expect(staged.outcome).toBe("succeeded");
  expect(after.outcome).toBe("succeeded");
  expect(findingOf(after.record)).toMatchObject({ verdict: "pass", detail: expect.stringContaining("went well") });
});

test("T10 a release that was rolled back in staging, or is there for too long, is refused", async () => {
  const world = inWorld({ staging: rule, releases: { "v1.0.0": {}, "v1.1.0": { errorRate: 0.9 } } });
  await world.ended(await world.begin("v1.0.0", { environment: "staging" }));
  const bad = await world.ended(await world.begin("v1.1.0", { environment: "staging" }));

  const refused = await world.deploy("v1.1.0");
  await world.clock.sleep(3 * hour);
  const late = await world.deploy("v1.0.0");

  expect(bad.outcome).toBe("rolled-back");
  expect(findingOf(refused.record)?.detail).toContain("ended in staging as rolled-back");
  expect(findingOf(late.record)?.detail).toContain("too long ago: 3 h");
});

test("T10 where no stage before is declared, none is asked and no finding claims that it was well", async () => {
  const { outcome, record } = await inWorld({}).deploy("v1.0.0");

  expect(outcome).toBe("succeeded");
  expect(findingOf(record)).toBeUndefined();
});
