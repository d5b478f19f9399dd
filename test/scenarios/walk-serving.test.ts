/** Z5: the walks begin where a real first deployment ends, though none is made in them. */
import { expect, onTestFinished, test } from "vitest";
import { quick } from "./quick.ts";
import { deployedWorld, leftBehind, seedServing, stableVersion } from "./walk-serving.ts";
import { scenarioWorld, type World } from "./world.ts";

const never = new AbortController().signal;

/** Without the times: a seeded world is there after two seconds. */
async function lookOf(world: World) {
  const { ledger } = world;
  const place = world.at();
  const timeless = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (key, each: unknown) => (/(at|since)Ms$/i.test(key) ? 0 : each));
  const [deployment] = await ledger.deployments({});
  const routers = [...place.routers].map(async ([name, router]) => ({
    name,
    split: await router.observe(never),
    fence: await router.fence(never),
    reverted: router.revertedUnattended(),
  }));
  return timeless({
    lock: await ledger.lock("production"),
    serving: await ledger.serving("production"),
    history: await ledger.servingHistory("production", 5),
    // Which process ran it is not what it left behind.
    deployment: { ...deployment, executor: null },
    record: await ledger.record(deployment?.id ?? ""),
    target: await place.target.observe(never),
    fence: await place.target.fence(never),
    effects: place.target.effects.filter(({ effect }) => effect !== "claimed"),
    routers: await Promise.all(routers),
  });
}

test("Z5 a seeded world is what a first deployment leaves: ledger, lock, target, routers and whom they obeyed", async () => {
  const { outcome } = await leftBehind();
  const deployed = await deployedWorld();
  onTestFinished(() => deployed.dispose());
  const seeded = scenarioWorld({ releases: { [stableVersion]: {} }, environments: ["production"], settings: quick });
  onTestFinished(() => seeded.dispose());

  await seedServing(seeded);
  // Long after anybody who promised to attend the weights would have had to.
  for (const world of [deployed, seeded]) await world.clock.sleep(60_000);

  const look = await lookOf(deployed);
  expect(await lookOf(seeded)).toEqual(look);
  expect(look).toMatchObject({ serving: { version: stableVersion }, deployment: { outcome } });
});
