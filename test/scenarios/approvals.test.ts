/** People decide: how many, who, for which plan, and until when. */
import { expect, test } from "vitest";
import { inWorld } from "./in-world.ts";
import type { World, WorldOptions } from "./world.ts";
import { hour, minute, type SettingsChange } from "./world-settings.ts";

const settings: SettingsChange = {
  approvals: { required: 2, remindEveryMs: 30 * minute },
  lock: { heartbeatMs: 10_000, leaseMs: 30_000 },
};

async function asked(more: WorldOptions = {}): Promise<{ readonly world: World; readonly id: string }> {
  const world = inWorld({ settings, ...more });
  const id = await world.begin("v1.0.0");
  await world.untilTold(id, /^waiting for \d more approval/);
  return { world, id };
}

const outcomeOf = async (world: World, id: string) => (await world.ledger.deployment(id))?.outcome ?? "waiting";

/** Long enough for any message to be delivered and weighed. */
const settle = (world: World): Promise<void> => world.clock.sleep(minute);

test("P3 it waits until two different people have approved, without holding the lock", async () => {
  const { world, id } = await asked();
  await world.approve(id, "bob");
  await world.approve(id, "Bob ");
  await settle(world);
  const row = await world.ledger.deployment(id);
  const lock = await world.ledger.lock("production");

  await world.approve(id, "eve");
  const { outcome, record } = await world.ended(id);

  expect({ state: row?.state, lock }).toEqual({ state: "waiting", lock: undefined });
  expect(outcome).toBe("succeeded");
  expect((record.approvals as readonly { by: string; proof: string }[]).at(-1)).toMatchObject({
    by: "eve",
    proof: "declared, not proven",
  });
  expect(world.told()).toContain("approved");
});

test.each([
  ["the one who started it", "ada", {}],
  ["somebody who is not an approver", "mallory", {}],
  ["somebody who saw another plan", "eve", { planDigest: "0".repeat(64) }],
  ["somebody whose signature does not fit", "eve", { comment: "forged" }],
])("P3 the vote of %s does not count", async (_who, by, given) => {
  const { world, id } = await asked({
    settings: { ...settings, approvals: { required: 2, approvers: ["ada", "bob", "eve"] } },
  });
  await world.approve(id, "bob");

  await world.vote(id, by, given);
  await settle(world);

  expect(await outcomeOf(world, id)).toBe("waiting");
  expect(await world.at().running()).toEqual([]);
});

test("P3 a vote that is only declared does not count where proof is asked for", async () => {
  const { world, id } = await asked({ settings: { ...settings, approvals: { required: 1, acceptDeclared: false } } });

  await world.approve(id, "bob");
  await settle(world);

  expect(await outcomeOf(world, id)).toBe("waiting");
});

test("P3 the author of the commit cannot approve where the environment excludes them", async () => {
  const { world, id } = await asked({
    settings: { ...settings, approvals: { required: 1, approvers: [], excludeAuthor: true } },
  });

  await world.approve(id, "dora@example.com");
  await settle(world);

  expect(await outcomeOf(world, id)).toBe("waiting");
});

test("P3 one rejection ends it, whoever approved before", async () => {
  const { world, id } = await asked();
  await world.approve(id, "bob");

  await world.vote(id, "eve", { decision: "reject", comment: "not on a Friday" });
  const { outcome, failure } = await world.ended(id);

  expect({ outcome, code: failure?.code }).toEqual({ outcome: "refused", code: "APPROVAL_REJECTED" });
  expect(failure?.message).toBe("Rejected by eve: not on a Friday.");
  expect(world.told()).toContain("rejected");
  expect(await world.at().running()).toEqual([]);
});

test("P4 it expires when nobody comes, after reminders at their interval only", async () => {
  const { world, id } = await asked();

  const { outcome } = await world.ended(id);

  expect(outcome).toBe("expired");
  expect(world.told()).toEqual([
    "started",
    "awaiting-approval",
    "approval-reminder",
    "approval-reminder",
    "approval-reminder",
    "expired",
  ]);
});

test("P4 votes that do not count neither remind anybody nor prolong the time", async () => {
  const { world, id } = await asked();
  const startedAtMs = world.clock.now();
  for (let n = 0; n < 5; n++) {
    await world.vote(id, `mallory-${n}`);
    await settle(world);
  }
  const reminded = world.told().filter((kind) => kind === "approval-reminder");

  await world.ended(id);

  expect(reminded).toEqual([]);
  expect(world.clock.now() - startedAtMs).toBeLessThan(2 * hour + minute);
});

test("P6 an input may ask for more approvals, never for fewer", async () => {
  const world = inWorld({ settings: { ...settings, approvals: { required: 1 } } });
  const [more, fewer] = [
    await world.begin("v1.0.0", { approvals: 2 }),
    await world.begin("v1.1.0", { environment: "staging" }),
  ];
  await world.untilTold(more, /waiting for 2 more approvals/);
  await world.untilTold(fewer, /waiting for 1 more approval/);

  await world.approve(more, "bob");
  await world.approve(fewer, "bob");
  await world.ended(fewer);

  expect(await outcomeOf(world, more)).toBe("waiting");
});

test("P4 in the wait timer after the approval it can still be cancelled, at once", async () => {
  const { world, id } = await asked({ settings: { ...settings, approvals: { required: 1, waitMs: 30 * minute } } });
  await world.approve(id, "bob");
  await world.untilTold(id, /until then: sluice cancel/);
  const cancelledAtMs = world.clock.now();

  await world.cancel(id);
  const { outcome } = await world.ended(id);

  expect(outcome).toBe("cancelled");
  expect(world.clock.now() - cancelledAtMs).toBeLessThan(minute);
  expect(await world.at().running()).toEqual([]);
});

test("P4 no message shortens the wait timer", async () => {
  const { world, id } = await asked({ settings: { ...settings, approvals: { required: 1, waitMs: 30 * minute } } });
  await world.approve(id, "bob");
  await world.untilTold(id, /until then: sluice cancel/);
  const approvedAtMs = world.clock.now();

  await world.approve(id, "eve");
  await world.promote(id);
  await world.ended(id);

  const [first] = world.at().shifts;
  expect((first?.atMs ?? 0) - approvedAtMs).toBeGreaterThanOrEqual(30 * minute);
});

test("Z1 votes given while the process was dead count, and nobody is asked twice", async () => {
  const { world, id } = await asked();
  world.crash(id);
  await world.approve(id, "bob");
  await world.approve(id, "eve");
  await world.clock.sleep(10 * minute);

  world.takeOver(id);
  const { outcome, events } = await world.ended(id);

  expect(outcome).toBe("succeeded");
  expect(events.filter(({ title }) => title.startsWith("waiting for 2 more"))).toHaveLength(1);
  expect(world.told().filter((kind) => kind === "awaiting-approval")).toHaveLength(1);
});
