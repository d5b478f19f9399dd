/** One deployment per environment at a time. */
import { expect, test } from "vitest";
import { inServingWorld } from "./in-world.ts";
import type { World, WorldOptions } from "./world.ts";
import { minute, second } from "./world-settings.ts";

const releases = { "v1.0.0": {}, "v1.1.0": {}, "v1.2.0": {} };

/** `v1.1.0` holds the lock and is in the middle of its rollout. */
async function busy(more: WorldOptions = {}): Promise<{ readonly world: World; readonly holder: string }> {
  const world = await inServingWorld({ releases, ...more });
  const holder = await world.begin("v1.1.0");
  await world.untilTold(holder, /^5 % on/);
  return { world, holder };
}

const never = new AbortController().signal;

test("L1 F5 a second deployment fails at once and names the holder", async () => {
  const { world, holder } = await busy();
  const startedAtMs = world.clock.now();

  const { outcome, failure } = await world.deploy("v1.2.0", { by: "bob" });

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "LOCK_HELD" });
  expect(failure?.message).toContain(`deployment ${holder} started by ada`);
  expect(world.clock.now() - startedAtMs).toBeLessThan(20 * second);
  expect((await world.ended(holder)).outcome).toBe("succeeded");
});

test("L1 a second deployment queues where that is configured, and then finds its plan out of date", async () => {
  const { world, holder } = await busy({ settings: { lock: { onBusy: "queue" } } });

  const { outcome, failure, events } = await world.deploy("v1.2.0", { by: "bob" });

  expect((await world.ended(holder)).outcome).toBe("succeeded");
  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "PLAN_REFUSED" });
  expect(events.filter(({ title }) => title.startsWith("waiting for deployment"))).toHaveLength(1);
});

test("L1 one that queued behind a deployment that was taken back goes on", async () => {
  const { world, holder } = await busy({ settings: { lock: { onBusy: "queue" } } });
  const next = await world.begin("v1.2.0", { by: "bob" });
  await world.untilTold(next, /waiting for deployment/);

  await world.cancel(holder);
  const { outcome } = await world.ended(next);

  expect(outcome).toBe("succeeded");
  expect(await world.at().weights("web")).toEqual(["v1.2.0 100 %"]);
  expect(world.at().lost).toEqual([]);
});

test("L1 one that queues too long gives up, naming the holder", async () => {
  const { world, holder } = await busy({ settings: { lock: { onBusy: "queue", queueTimeoutMs: minute } } });

  const { outcome, failure } = await world.deploy("v1.2.0");

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "LOCK_HELD" });
  expect(failure?.message).toContain(holder);
  await world.ended(holder);
});

test("L1 a lock that a person took by hand is named with its reason", async () => {
  const world = await inServingWorld({ releases });
  await world.ledger.acquireManualLock("production", "kim", "incident 42");

  const { failure } = await world.deploy("v1.1.0");

  expect(failure?.message).toContain("kim, who locked it by hand (incident 42)");
});

test("L2 a holder that died keeps the lock until its deployment was taken over and ended", async () => {
  const { world, holder } = await busy();
  world.crash(holder);
  await world.clock.sleep(10 * minute);
  const refused = await world.deploy("v1.2.0");

  world.takeOver(holder);
  const { outcome } = await world.ended(holder);

  expect(refused.failure?.code).toBe("LOCK_HELD");
  expect(["succeeded", "rolled-back"]).toContain(outcome);
  expect(await world.ledger.lock("production")).toBeUndefined();
});

test("L2 the old holder can no longer act once another process has taken over", async () => {
  const { world, holder } = await busy();
  const old = world.processes.at(-1)?.executorId;

  world.takeOver(holder);
  await world.clock.sleep(1_100);
  const before = world.acts.length;
  const { outcome } = await world.ended(holder);

  expect(outcome).toBe("succeeded");
  expect(world.acts.slice(before).filter(({ executorId }) => executorId === old)).toEqual([]);
});

test("L2 whoever was put in charge and then lost sight of the ledger for longer than its lease replaces nobody who came since", async () => {
  let charges = 0;
  const world: World = await inServingWorld({
    releases,
    onCall: (what, _executorId, when) => {
      // The first deployment, the second, and whoever takes that one over: cut off as soon as it is in charge.
      if (what === "beginAttempt" && when === "after" && ++charges === 3) cutOff.world.faults.ledgerAway = true;
    },
  });
  const cutOff = { world };
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^5 % on/);
  world.crash(id);
  world.takeOver(id);
  await world.until("it is cut off", () => charges === 3);
  await world.clock.sleep(2 * minute);
  const seen = await world.ledger.deployment(id);

  await world.ledger.beginAttempt(id, { id: "another", host: "host-2", pid: 7 }, seen?.attempt ?? 0);
  world.faults.ledgerAway = false;
  await world.clock.sleep(10 * second);

  expect((await world.ledger.deployment(id))?.executor?.id).toBe("another");
  expect(charges, "it does not even try").toBe(3);
});

test("L3 unlocked by hand while nobody ran it, a resumed deployment does nothing more, not even its undo", async () => {
  const world = await inServingWorld({ releases: { "v1.0.0": {}, "v1.1.0": {} } });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);
  world.crash(id);
  await world.ledger.forceUnlock("production", "kim", "its machine is gone");
  const before = world.at().shifts.length;

  world.takeOver(id);
  const { outcome, failure } = await world.ended(id);

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "rollback-failed", code: "LOCK_LOST" });
  expect(world.at().shifts.length).toBe(before);
});

test("L3 unlocked by hand, a resumed deployment shuts nobody out while it ends: it renews no weights under its fresh number", async () => {
  const slowEnd = { ledgerAnswersAfterMs: { finish: 5 * second } };
  const world = await inServingWorld({ releases: { "v1.0.0": {}, "v1.1.0": {} }, ...slowEnd });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);
  world.crash(id);
  await world.ledger.forceUnlock("production", "kim", "its machine is gone");
  const fences = () =>
    Promise.all([...world.at().routers.values()].map(async (router) => (await router.fence(never))?.n));
  const before = await fences();

  world.takeOver(id);
  await world.ended(id);

  expect(await fences()).toEqual(before);
});

test("L3 unlocked by hand, the deployment that held it stops acting", async () => {
  const { world } = await busy();

  await world.ledger.forceUnlock("production", "kim", "it hangs");
  await world.clock.sleep(1_100);
  const before = world.acts.length;
  await world.clock.sleep(5 * minute);

  expect(world.acts.slice(before)).toEqual([]);
  // Nobody renews the weights any more, so the router itself sends everybody back.
  expect(await world.at().weights("web")).toEqual(["v1.0.0 100 %"]);
});

test("L2 a heartbeat that is refused while the lock changes the number does not cost the deployment its charge", async () => {
  const world = await inServingWorld({ releases, ledgerAnswersAfterMs: { acquireLock: 3 * second } });

  const { outcome } = await world.deploy("v1.1.0");

  expect(outcome).toBe("succeeded");
  expect(world.processes).toHaveLength(2);
});
