/** Z4: what a deployment leaves in the second place, whatever happens to the deployment or to the place. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { chainFault, checkpointFault } from "../../src/domain/audit.ts";
import { inServingWorld, inWorld } from "./in-world.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

test("Z4 D4 a deployment's end leaves a checkpoint of its story, its outcome included", async () => {
  const world = inWorld();

  const { id, events } = await world.deploy("v1.0.0");

  const stored = await world.ledger.chain({ kind: "deployment", id });
  const [checkpoint] = world.checkpoints.kept;
  expect(chainFault(stored, sha256)).toBeUndefined();
  expect(checkpoint).toMatchObject({ ledgerId: world.ledger.id, chain: { kind: "deployment", id } });
  expect(checkpoint && checkpointFault(checkpoint, stored)).toBeUndefined();
  const last = events.find(({ seq }) => seq === checkpoint?.seq);
  expect(last).toMatchObject({ step: "finish", detail: { outcome: "succeeded", startedBy: "ada", version: "v1.0.0" } });
});

test("Z4 what people did beside deployments is in the checkpoint of the environment", async () => {
  const world = inWorld();
  await world.ledger.acquireManualLock("production", "eve", "incident");
  await world.ledger.forceUnlock("production", "eve", "over");

  await world.deploy("v1.0.0");

  const chain = { kind: "environment", id: "production" };
  expect(world.checkpoints.kept).toContainEqual(expect.objectContaining({ chain, seq: 2 }));
});

test("Z4 a deployment that fails leaves its checkpoint as well", async () => {
  const world = await inServingWorld();
  const before = world.checkpoints.kept.length;
  const id = await world.begin("v1.1.0");
  await world.ledger.requestCancel(id, "eve", "wrong tag");

  const { outcome } = await world.ended(id);

  expect(outcome).not.toBe("succeeded");
  expect(world.checkpoints.kept.slice(before)).toMatchObject([{ chain: { id } }]);
});

test("Z4 a second place that is away is told as a warning and fails nothing", async () => {
  const world = inWorld();
  world.faults.checkpointsAway = true;

  const { outcome, events } = await world.deploy("v1.0.0");

  expect(outcome).toBe("succeeded");
  expect(world.checkpoints.kept).toEqual([]);
  expect(events.at(-1)).toMatchObject({
    tone: "warn",
    title: expect.stringContaining("no checkpoint of this deployment: the second place is away"),
  });
});
