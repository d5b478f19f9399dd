/** Deployments that go well. */
import { expect, test } from "vitest";
import { inServingWorld, inWorld } from "./in-world.ts";
import type { Shift } from "./world-place.ts";
import { minute, scenarioSettings } from "./world-settings.ts";

const inWords = (shifts: readonly Shift[]) =>
  shifts.map(({ component, weights }) => `${component}: ${weights.join(", ")}`);

test("R1 the first deployment goes to 100 % in one step", async () => {
  const world = inWorld();

  const { outcome } = await world.deploy("v1.0.0");

  expect(outcome).toBe("succeeded");
  expect(inWords(world.at().shifts)).toEqual(["api: v1.0.0 100 %", "web: v1.0.0 100 %"]);
  expect(await world.at().running()).toEqual(["api v1.0.0", "api v1.0.0", "web v1.0.0", "jobs v1.0.0"]);
  expect(world.at().lost).toEqual([]);
});

test("R1 R5 a healthy release goes through every weight, its components in the declared order", async () => {
  const world = await inServingWorld();
  const before = world.at().shifts.length;

  const { outcome } = await world.deploy("v1.1.0");

  expect(outcome).toBe("succeeded");
  expect(inWords(world.at().shifts.slice(before))).toEqual([
    "api: v1.0.0 95 %, v1.1.0 5 %",
    "web: v1.0.0 95 %, v1.1.0 5 %",
    "api: v1.0.0 50 %, v1.1.0 50 %",
    "web: v1.0.0 50 %, v1.1.0 50 %",
    "api: v1.1.0 100 %",
    "web: v1.1.0 100 %",
  ]);
  const spawned = world
    .at()
    .target.effects.filter(({ effect }) => effect === "spawned")
    .slice(4);
  expect(spawned.map(({ component }) => component)).toEqual(["api", "api", "web", "jobs"]);
});

test("R1 each weight is held for its bake", async () => {
  const world = await inServingWorld();
  const before = world.at().shifts.length;

  await world.deploy("v1.1.0");

  const times = world
    .at()
    .shifts.slice(before)
    .flatMap(({ component, atMs }) => (component === "api" ? [atMs] : []));
  const [first = 0, second = 0, third = 0] = times;
  for (const bakedMs of [second - first, third - second]) expect(bakedMs).toBeGreaterThanOrEqual(30_000);
});

test("R5 clients see the shares that were asked for", async () => {
  const { rollout } = scenarioSettings("production");
  const world = await inServingWorld({
    settings: { rollout: { steps: [{ percent: 5, bakeMs: 10 * minute }, ...rollout.steps.slice(2)] } },
  });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^5 % on/);
  const stable = () => world.at().served.get("web v1.0.0")?.requests ?? 0;
  const candidate = () => world.at().served.get("web v1.1.0")?.requests ?? 0;
  const [stableBefore, candidateBefore] = [stable(), candidate()];

  await world.clock.sleep(9 * minute);

  const [byStable, byCandidate] = [stable() - stableBefore, candidate() - candidateBefore];
  expect(byCandidate / (byStable + byCandidate)).toBeCloseTo(0.05, 3);
  await world.ended(id);
});

test("R4 the version before is stopped last, once it has no traffic, and no request is lost on the way", async () => {
  const world = await inServingWorld();

  await world.deploy("v1.1.0");

  const { target, shifts, lost } = world.at();
  const stopped = target.effects.filter(({ effect }) => effect === "stopped");
  const lastShift = shifts.at(-1)?.atMs ?? 0;
  expect(stopped.map(({ component }) => component)).toEqual(["api", "api", "web", "jobs"]);
  for (const { atMs, revision } of stopped) {
    expect(revision).toMatch(/^v1\.0\.0~/);
    expect(atMs).toBeGreaterThanOrEqual(lastShift + minute);
  }
  expect(lost).toEqual([]);
});

test("R4 a request under way at the version before is waited for", async () => {
  const world = await inServingWorld();
  const underWay = world.at().routers.get("web")?.begin();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, "v1.1.0 is the stable version");
  await world.clock.sleep(5_000);

  const stillThere = (await world.at().running()).includes("web v1.0.0");
  underWay?.end();
  await world.ended(id);

  expect(stillThere).toBe(true);
  expect(await world.at().running()).not.toContain("web v1.0.0");
});

test("R3 the version before keeps running without traffic where a quick way back is wanted", async () => {
  const world = await inServingWorld({ settings: { rollout: { keepStableMs: 60 * minute } } });

  await world.deploy("v1.1.0");

  expect(await world.at().running()).toContain("web v1.0.0");
  expect(await world.at().weights("web")).toEqual(["v1.1.0 100 %"]);
});

test("X7 X9 D7 the deployment's folder has its record, its logs and both ways back", async () => {
  const world = await inServingWorld();

  const { files } = await world.deploy("v1.1.0");

  expect([...files.keys()].toSorted()).toEqual(
    expect.arrayContaining([
      "backup-metadata.json",
      "deployment-record.json",
      "deployment.log",
      "health-check.log",
      "monitoring.log",
      "plan.json",
      "preflight.log",
      "previous-configuration.json",
      "rollback-instructions.md",
      "rollback-without-sluice.sh",
      "rollout.log",
      "smoke.log",
    ]),
  );
  expect(files.get("rollback-instructions.md")).toContain("Back to v1.0.0");
  expect(files.get("rollback-without-sluice.sh")).toMatch(
    /start api v1\.0\.0[\s\S]*v1\.0\.0.* 100 %[\s\S]*stop api v1\.1\.0/,
  );
});

test("O5 the watch after success goes on after the lock is free, and ends with a line in the record", async () => {
  const world = await inServingWorld({ settings: { observation: { extendedMs: 10 * minute } } });
  const id = await world.begin("v1.1.0");
  await world.until("the outcome", async () => (await world.ledger.deployment(id))?.outcome !== null);

  const lock = await world.ledger.lock("production");
  const { record } = await world.ended(id);

  expect(lock).toBeUndefined();
  expect(record.extended_watch).toBe("watched for 10 min after success: 40 of 40 rounds passed");
});

test("L1 two environments are deployed side by side", async () => {
  const world = inWorld();

  const [production, staging] = await Promise.all([
    world.deploy("v1.0.0"),
    world.deploy("v1.0.0", { environment: "staging" }),
  ]);

  expect([production.outcome, staging.outcome]).toEqual(["succeeded", "succeeded"]);
  expect(production.id).not.toBe(staging.id);
  expect(await world.at("staging").weights("web")).toEqual(["v1.0.0 100 %"]);
});
