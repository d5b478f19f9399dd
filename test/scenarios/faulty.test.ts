/** Releases that are not good enough: noticed, taken back, and read back. */
import { describe, expect, test } from "vitest";
import { fail, pass } from "../../src/domain/verdict.ts";
import { inServingWorld, inWorld } from "./in-world.ts";
import type { World, WorldOptions } from "./world.ts";
import { second } from "./world-settings.ts";
import type { ReleaseBehaviour } from "./world-sources.ts";

const withCandidate = (candidate: ReleaseBehaviour, more: WorldOptions = {}): Promise<World> =>
  inServingWorld({ releases: { "v1.0.0": {}, "v1.1.0": candidate }, ...more });

/** All traffic on the version before, nothing else running, the lock free. */
async function asBefore(world: World): Promise<void> {
  for (const component of ["api", "web"]) expect(await world.at().weights(component)).toEqual(["v1.0.0 100 %"]);
  expect(await world.at().running()).toEqual(["api v1.0.0", "api v1.0.0", "web v1.0.0", "jobs v1.0.0"]);
  expect(await world.ledger.lock("production")).toBeUndefined();
  expect(world.at().lost).toEqual([]);
}

test("R2 X1 X2 a candidate with errors is rolled back after exactly N failed rounds, and traffic is read back", async () => {
  const world = await withCandidate({ errorRate: 0.6 });

  const { outcome, failure, events } = await world.deploy("v1.1.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "rolled-back", code: "HEALTH_FAILED" });
  const failedRounds = events.filter(
    ({ step, tone, title }) => step === "rollout" && tone === "bad" && /requests failed/.test(title),
  );
  expect(failedRounds.filter(({ phase }) => phase === "progress")).toHaveLength(3);
  expect(
    world
      .at()
      .shifts.slice(2)
      .map(({ component, weights }) => `${component}: ${weights.join()}`),
  ).toEqual(["api: v1.0.0 95 %,v1.1.0 5 %", "web: v1.0.0 95 %,v1.1.0 5 %", "web: v1.0.0 100 %", "api: v1.0.0 100 %"]);
  expect(events.some(({ title }) => title === "traffic is back on v1.0.0, read back from the router")).toBe(true);
  await asBefore(world);
});

test("X2 a rollback is told as such, and the version it went back to is verified", async () => {
  const world = await withCandidate({ errorRate: 0.6 });
  const before = world.told().length;

  const { events, files } = await world.deploy("v1.1.0");

  expect(world.told().slice(before)).toEqual(["started", "rollback-triggered", "rolled-back"]);
  expect(events.some(({ title }) => title === "v1.0.0 answers well again")).toBe(true);
  expect(files.get("incident-report.md")).toMatch(/## What failed\nv1\.1\.0 at 5 %/);
});

test("X2 a rollback to a version that does not answer well is no success, and says so", async () => {
  let sick = false;
  const world = await inServingWorld({
    releases: { "v1.0.0": { health: () => (sick ? fail("503") : pass) }, "v1.1.0": { errorRate: 0.6 } },
  });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^5 % on/);

  sick = true;
  const { outcome, record } = await world.ended(id);

  expect(outcome).toBe("rollback-failed");
  expect(record.status).toBe("rollback_failed");
  expect(world.told().at(-1)).toBe("rollback-failed");
});

test("an undecided release never passes: without traffic it goes back as undecided", async () => {
  const world = inWorld({ requestsPerSecond: 0 });

  const { outcome, failure, record } = await world.deploy("v1.0.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "undecided", code: "ROLLOUT_UNDECIDED" });
  expect(failure?.message).toContain("0 of the 20 requests needed");
  expect(record.status).toBe("rolled_back");
  expect(await world.at().running()).toEqual([]);
});

test("O2 few requests are no pass, and too few of them no failure either", async () => {
  const world = await withCandidate({ errorRate: 1 }, { requestsPerSecond: 8 });

  const { outcome, events } = await world.deploy("v1.1.0");

  expect(outcome).not.toBe("succeeded");
  const first = events.find(({ title }) => title.startsWith("5 %: "));
  expect(first?.tone).toBe("warn");
  await asBefore(world);
});

test("R2 an instance that crashes under load is noticed by its health check", async () => {
  const world = await withCandidate({});
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);

  world.at().target.crash("jobs", `v1.1.0~${id}`);
  const { outcome, failure } = await world.ended(id);

  expect(outcome).toBe("rolled-back");
  expect(failure?.message).toMatch(/v1\.1\.0 at 50 %: .*jobs.*connection refused/);
  await asBefore(world);
});

test("R2 failed rounds with a good one between them do not roll back", async () => {
  let sick = false;
  const world = await withCandidate({ health: () => (sick ? fail("slow") : pass) });
  const id = await world.begin("v1.1.0");
  for (const percent of [5, 50, 100]) {
    await world.untilTold(id, new RegExp(`^${percent} % on`));
    sick = true;
    await world.clock.sleep(25 * second);
    sick = false;
  }

  const { outcome, events } = await world.ended(id);

  expect(outcome).toBe("succeeded");
  expect(events.filter(({ title }) => /^\d+ %: .*slow/.test(title)).length).toBeGreaterThanOrEqual(6);
});

describe("a candidate that does not come up never gets a request", () => {
  test.each([
    ["R4 crashes on start", { kind: "crashes", afterMs: 500, lastLines: "Error: no database" }, "START_FAILED"],
    ["R4 is never ready", { kind: "never-ready" }, "NOT_READY"],
    ["H1 names another version", { kind: "ready", afterMs: 100, answersVersion: "v1.0.0" }, "VERSION_MISMATCH"],
  ] as const)("%s", async (_name, start, code) => {
    const world = await withCandidate({ start });
    const before = world.at().shifts.length;

    const { outcome, failure } = await world.deploy("v1.1.0");

    expect({ outcome, code: failure?.code }).toEqual({ outcome: "failed", code });
    expect(world.at().shifts).toHaveLength(before);
    expect(world.at().served.get("web v1.1.0")).toBeUndefined();
    await asBefore(world);
  });
});

test("D2 a crash on start is reported with its last lines", async () => {
  const world = await withCandidate({ start: { kind: "crashes", afterMs: 500, lastLines: "Error: no database" } });

  const { files } = await world.deploy("v1.1.0");

  expect(files.get("failure-report.md")).toContain("Error: no database");
});

test("H4 X1 a failing smoke suite rolls back from 100 %", async () => {
  const world = await withCandidate({ smoke: () => fail("checkout answers 500") });

  const { outcome, failure } = await world.deploy("v1.1.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "rolled-back", code: "SMOKE_FAILED" });
  expect(failure?.message).toContain("checkout answers 500");
  await asBefore(world);
});

test("O1 X1 a version that fails while it is watched is rolled back", async () => {
  const world = await withCandidate({});
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /2 of 2 passed|3 of 3 passed|of \d passed/);

  world.at().target.crash("web", `v1.1.0~${id}`);
  const { outcome, failure } = await world.ended(id);

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "rolled-back", code: "OBSERVATION_FAILED" });
  expect(await world.at().weights("web")).toEqual(["v1.0.0 100 %"]);
});

test("O2 errors that begin only after the rollout are noticed by the watch", async () => {
  let late = false;
  const world = await withCandidate({ errorRate: () => (late ? 0.9 : 0) });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /of \d passed/);

  late = true;
  const { outcome, failure } = await world.ended(id);

  expect(outcome).toBe("rolled-back");
  expect(failure?.message).toMatch(/requests failed/);
  await asBefore(world);
});

describe("X1 what a failure leads to is a setting", () => {
  const smokeFails = { smoke: () => fail("checkout answers 500") };
  const acting = (smoke: "alert" | "hold") =>
    ({
      settings: { rollback: { on: { health: "roll-back", smoke, observation: "roll-back", rollout: "roll-back" } } },
    }) as const;

  test("alert: people are told, and it goes on", async () => {
    const world = await withCandidate(smokeFails, acting("alert"));

    const { outcome } = await world.deploy("v1.1.0");

    expect(outcome).toBe("succeeded");
    expect(world.told()).toContain("alert");
  });

  test("alert: a weight that failed is kept for its whole bake, so that a bad release is never faster than a good one", async () => {
    const on = { health: "alert", smoke: "alert", observation: "alert", rollout: "alert" } as const;
    const rolloutMs = async (candidate: ReleaseBehaviour): Promise<number> => {
      const world = await withCandidate(candidate, { settings: { rollback: { on } } });
      const { events } = await world.deploy("v1.1.0");
      const at = (title: RegExp) => events.find((event) => title.test(event.title))?.atMs ?? Number.NaN;
      return at(/^100 % on/) - at(/^5 % on/);
    };

    expect(await rolloutMs({ errorRate: 0.6 })).toBeGreaterThanOrEqual(await rolloutMs({}));
  });

  test("hold, then promote: a person decided to go on", async () => {
    const world = await withCandidate(smokeFails, acting("hold"));
    const id = await world.begin("v1.1.0");
    await world.untilTold(id, /configured: hold/);
    await world.clock.sleep(600 * second);
    const held = await world.at().weights("web");
    const state = (await world.ledger.deployment(id))?.state;

    await world.promote(id);
    const { outcome } = await world.ended(id);

    expect({ held, state, outcome }).toEqual({ held: ["v1.1.0 100 %"], state: "waiting", outcome: "succeeded" });
  });

  test("hold, then cancel: traffic goes back", async () => {
    const world = await withCandidate(smokeFails, acting("hold"));
    const id = await world.begin("v1.1.0");
    await world.untilTold(id, /configured: hold/);

    await world.cancel(id);
    const { outcome } = await world.ended(id);

    expect(outcome).toBe("cancelled");
    await asBefore(world);
  });

  test("hold until nobody came: traffic goes back as for the failure", async () => {
    const world = await withCandidate(smokeFails, acting("hold"));

    const { outcome, failure } = await world.deploy("v1.1.0");

    expect({ outcome, code: failure?.code }).toEqual({ outcome: "rolled-back", code: "SMOKE_FAILED" });
    await asBefore(world);
  });

  test("hold survives the death of the process, with its weight attended", async () => {
    const world = await withCandidate(smokeFails, acting("hold"));
    const id = await world.begin("v1.1.0");
    await world.untilTold(id, /configured: hold/);
    world.crash(id);
    await world.clock.sleep(5 * second);
    world.takeOver(id);
    await world.clock.sleep(60 * second);
    const held = await world.at().weights("web");

    await world.promote(id);
    const { outcome } = await world.ended(id);

    expect({ held, outcome }).toEqual({ held: ["v1.1.0 100 %"], outcome: "succeeded" });
  });
});

test("an unattended router that went back by itself is noticed, and the rollout ends there", async () => {
  const world = await withCandidate({});
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);
  const router = world.at().routers.get("web");
  const split = (await router?.observe(new AbortController().signal)) ?? [];
  const back = split.map((share) => ({ ...share, percent: share.revision.startsWith("v1.0.0") ? 100 : 0 }));

  const row = await world.ledger.deployment(id);
  const attempt = { ledgerId: "ledger-1", n: row?.attempt ?? 0, deploymentId: id };
  await router?.shift(back, attempt, new AbortController().signal);
  const { outcome, failure } = await world.ended(id);

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "rolled-back", code: "ROUTER_DISAGREES" });
  await asBefore(world);
});

test("Z1 nobody takes over: the router goes back to the version before by itself", async () => {
  const world = await withCandidate({});
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);

  world.crash(id);
  await world.clock.sleep(20 * second);

  expect(await world.at().weights("web")).toEqual(["v1.0.0 100 %"]);
  expect(world.at().routers.get("web")?.revertedUnattended()).toBe(true);
  expect(world.at().lost).toEqual([]);
});
