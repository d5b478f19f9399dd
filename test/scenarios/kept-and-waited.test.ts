/** What is looked at before, kept beforehand, and waited for. */
import { expect, test } from "vitest";
import { inServingWorld } from "./in-world.ts";
import { second } from "./world-settings.ts";
import { builtDigest } from "./world-sources.ts";

test("F6 an artifact that is not what was built is found by pre-flight, before anything is touched", async () => {
  const world = await inServingWorld();
  world.at().target.spoil(builtDigest("v1.1.0", "web"), "changed");
  const shifts = world.at().shifts.length;

  const { outcome, failure } = await world.deploy("v1.1.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "PREFLIGHT_FAILED" });
  expect(failure?.message).toMatch(/^artifacts: web: /);
  expect(world.at().shifts).toHaveLength(shifts);
});

test("B9 X5 what served, at which weights, is kept before a deployment and before a rollback", async () => {
  const world = await inServingWorld();
  const deployed = await world.deploy("v1.1.0");
  const back = await world.rollback();

  const saved = (files: ReadonlyMap<string, string>) => JSON.parse(files.get("previous-configuration.json") ?? "null");
  expect(saved(deployed.files)).toMatchObject({ serving: { version: "v1.0.0" } });
  expect(saved(deployed.files).splits.web).toMatchObject([{ percent: 100 }]);
  expect(saved(back.files)).toMatchObject({ serving: { version: "v1.1.0" } });
});

test("H3 services settle before their first check", async () => {
  const settled = await inServingWorld({ settings: { rollout: { settleMs: 45 * second } } });
  const id = await settled.begin("v1.1.0");
  await settled.untilTold(id, /^5 % on/);
  const shiftedAtMs = settled.clock.now();
  await settled.until("a first round", async () =>
    (await settled.ledger.events(id, 0)).some(({ title }) => /^5 %: /.test(title)),
  );

  expect(settled.clock.now() - shiftedAtMs).toBeGreaterThanOrEqual(45 * second);
});
