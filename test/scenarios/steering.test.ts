/** R1 X1: orders that a person gives through the ledger, as the command line does, and what they cannot do. */
import { expect, test } from "vitest";
import { fail } from "../../src/domain/verdict.ts";
import { inServingWorld } from "./in-world.ts";
import { minute, second } from "./world-settings.ts";

test("X1 R1 a promotion ends a hold after a failed stage, and is in the audit trail", async () => {
  const on = { health: "roll-back", smoke: "hold", observation: "roll-back", rollout: "roll-back" } as const;
  const world = await inServingWorld({
    releases: { "v1.0.0": {}, "v1.1.0": { smoke: () => fail("checkout answers 500") } },
    settings: { rollback: { on } },
  });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /configured: hold/);
  await world.clock.sleep(10 * minute);

  await world.ledger.steer(id, { kind: "promote", by: "grace", reason: "a known one" });
  const { outcome } = await world.ended(id);

  expect(outcome).toBe("succeeded");
  const actions = await world.ledger.actions({ deploymentId: id });
  expect(actions.map(({ actor, step, title }) => ({ actor, step, title }))).toContainEqual({
    actor: "grace",
    step: "promote by hand",
    title: "Let go on by grace: a known one",
  });
});

test("R1 a pause holds the weight beyond its bake until it is taken back", async () => {
  const world = await inServingWorld({ releases: { "v1.0.0": {}, "v1.1.0": {} } });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^5 % on/);
  await world.ledger.steer(id, { kind: "pause", by: "grace", reason: "lunch" });
  await world.clock.sleep(30 * minute);
  const held = await world.at().weights("web");

  await world.ledger.steer(id, { kind: "continue", by: "grace", reason: "back" });
  const { outcome } = await world.ended(id);

  expect(held).toEqual(["v1.0.0 95 %", "v1.1.0 5 %"]);
  expect(outcome).toBe("succeeded");
});

test("R1 a promotion ends the weight that is held, and no later one", async () => {
  const world = await inServingWorld({ releases: { "v1.0.0": {}, "v1.1.0": {} } });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^5 % on/);
  await world.clock.sleep(second);

  await world.ledger.steer(id, { kind: "promote", by: "grace", reason: "it looks good" });
  const { events, outcome } = await world.ended(id);

  expect(outcome).toBe("succeeded");
  const ends = events.filter(({ step, phase }) => step === "rollout" && phase === "end").map(({ title }) => title);
  expect(ends[0]).toMatch(/^5 % let go on by grace/);
  expect(ends[1]).toMatch(/^50 % held for 30 s/);
});

test("R1 R2 a pause does not keep a bad release where it is", async () => {
  let sick = false;
  const world = await inServingWorld({
    releases: { "v1.0.0": {}, "v1.1.0": { errorRate: () => (sick ? 0.9 : 0) } },
  });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^5 % on/);
  await world.ledger.steer(id, { kind: "pause", by: "grace", reason: "lunch" });
  await world.clock.sleep(5 * minute);

  sick = true;
  const { outcome, failure } = await world.ended(id);

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "rolled-back", code: "HEALTH_FAILED" });
  expect(await world.at().weights("web")).toEqual(["v1.0.0 100 %"]);
});
