/** Safeguards behind safeguards: each is proven where the one before it does not help. The planted bugs asked for them. */
import { expect, test } from "vitest";
import { inServingWorld, inWorld } from "./in-world.ts";
import { minute, second } from "./world-settings.ts";

test("R2 Z1 what failed before a crash counts for the bake that goes on after it", async () => {
  let isBad = false;
  const world = await inServingWorld({ releases: { "v1.0.0": {}, "v1.1.0": { errorRate: () => (isBad ? 1 : 0) } } });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, "5 % on v1.1.0");
  isBad = true;
  await world.clock.sleep(5 * second);
  isBad = false;
  world.crash(id);
  world.takeOver(id);
  const { outcome, failure } = await world.ended(id);
  expect({ outcome, code: failure?.code }).toEqual({ outcome: "rolled-back", code: "HEALTH_FAILED" });
});

test("P4 Z1 a cancel during a wait is seen also before the heartbeat brings it", async () => {
  const world = inWorld({ ledgerAnswersAfterMs: { heartbeat: 5 * second } });
  const id = await world.begin("v1.0.0", { approvals: 1 });
  await world.untilTold(id, "waiting for 1 more approval");
  await world.clock.sleep(10 * second);
  await world.cancel(id);
  const { outcome } = await world.ended(id, minute);
  expect(outcome).toBe("cancelled");
});

test("L3 Z1 a successor claims the target at once, also where it has nothing to do there", async () => {
  const world = await inServingWorld();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, "5 % on v1.1.0");
  const claims = () => world.at().target.effects.filter(({ effect }) => effect === "claimed").length;
  const before = claims();
  world.takeOver(id);
  await world.clock.sleep(second);
  expect(claims()).toBe(before + 1);
  expect((await world.ended(id)).outcome).toBe("succeeded");
});

test("L3 Z1 whoever was replaced while it drained does not even ask the target to stop anything", async () => {
  const world = await inServingWorld({ ledgerAnswersAfterMs: { heartbeat: 5 * second } });
  const underWay = world.at().routers.get("api")?.begin();
  const id = await world.begin("v1.1.0");
  const replaced = world.processes.at(-1)?.executorId;
  await world.until("it drains", () => world.acts.some((act) => act.what === "drain" && act.executorId === replaced));
  const replacedAtMs = world.clock.now();
  world.takeOver(id);
  await world.clock.sleep(100);
  underWay?.end();
  expect((await world.ended(id)).outcome).toBe("succeeded");
  const late = world.acts.filter(({ executorId, atMs }) => executorId === replaced && atMs > replacedAtMs);
  expect(late).toEqual([]);
});

test("R4 Z1 a successor that drains after the promotion never arms the way back to what it stops", async () => {
  const world = await inServingWorld();
  const underWay = world.at().routers.get("api")?.begin();
  const id = await world.begin("v1.1.0");
  await world.until("it drains", () => world.acts.some(({ what }) => what === "drain"));
  world.crash(id);
  world.takeOver(id);
  // Longer than it takes to renew the weights, shorter than the drain.
  await world.clock.sleep(8 * second);
  underWay?.end();
  expect((await world.ended(id)).outcome).toBe("succeeded");
  await world.clock.sleep(5 * minute);
  expect(await world.at().weights("web")).toEqual(["v1.1.0 100 %"]);
  expect(await world.at().weights("api")).toEqual(["v1.1.0 100 %"]);
});

test("X1 a cancel while the version before is drained comes too late and undoes nothing", async () => {
  const world = await inServingWorld();
  const underWay = world.at().routers.get("api")?.begin();
  const id = await world.begin("v1.1.0");
  const own = world.processes.at(-1)?.executorId;
  await world.until("it drains", () => world.acts.some((act) => act.what === "drain" && act.executorId === own));
  await world.cancel(id);
  await world.clock.sleep(3 * second);
  underWay?.end();
  expect((await world.ended(id)).outcome).toBe("succeeded");
  expect(await world.at().weights("api")).toEqual(["v1.1.0 100 %"]);
});

test("X2 a router that takes the weights of the way back and does not obey is never called rolled back", async () => {
  const world = await inServingWorld({ releases: { "v1.0.0": {}, "v1.1.0": { errorRate: 1 } } });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, "5 % on v1.1.0");
  const router = world.at().routers.get("web");
  const shift = router?.shift.bind(router);
  // It keeps what it has, and nothing goes back by itself either.
  if (router && shift)
    router.shift = async (_to, attempt, signal) => shift(await router.observe(signal), attempt, signal);
  const { outcome, events } = await world.ended(id);
  expect(outcome).toBe("rollback-failed");
  expect(events.filter(({ title }) => title.startsWith("traffic is back"))).toEqual([]);
});
