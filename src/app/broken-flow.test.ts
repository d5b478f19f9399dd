import { expect, test } from "vitest";
import { memoryLedger } from "../engine/ledger/memory-ledger.ts";
import { peopleTopic } from "../ports/ledger.ts";
import { quarantineBroken } from "./broken-flow.ts";

const executor = { id: "this", host: "here", pid: 1 };

async function brokenDeployment() {
  const ledger = memoryLedger({ now: () => 1_000, id: "ledger" });
  const row = await ledger.createDeployment({
    id: "1-abc",
    project: "shop",
    environment: "production",
    kind: "deploy",
    version: "v1.0.0",
    commit: "abc",
    startedBy: "ada",
    input: {},
    applicationVersion: "1",
  });
  const attempt = await ledger.beginAttempt(row.id, executor);
  await ledger.acquireLock("production", attempt, "ada");
  const now = async () => (await ledger.deployment(row.id)) ?? row;
  return { ledger, row, now };
}

test("Z1 a deployment whose flow broke is quarantined with its lock held, and says what to do", async () => {
  const { ledger, row, now } = await brokenDeployment();

  await quarantineBroken(ledger, executor, await now(), "out of bounds");

  expect((await now()).state).toBe("quarantined");
  expect((await ledger.lock("production"))?.deploymentId).toBe(row.id);
  const told = (await ledger.events(row.id, 0)).at(-1)?.title;
  expect(told).toContain("out of bounds");
  expect(told).toContain(`sluice cancel ${row.id} --release`);
});

test("L3 released by a person it ends as quarantined, and the lock is free", async () => {
  const { ledger, row, now } = await brokenDeployment();
  await quarantineBroken(ledger, executor, await now(), "out of bounds");
  await ledger.post(row.id, peopleTopic, { kind: "release", by: "grace", reason: "cleaned up" }, "message-1");

  await quarantineBroken(ledger, executor, await now(), "out of bounds");

  expect((await now()).outcome).toBe("quarantined");
  expect(await ledger.lock("production")).toBeUndefined();
  expect((await ledger.events(row.id, 0)).at(-1)?.title).toContain("grace");
});

test("a deployment that has its outcome is left alone", async () => {
  const { ledger, row, now } = await brokenDeployment();
  const attempt = await ledger.beginAttempt(row.id, executor);
  await ledger.finish(row.id, "succeeded", attempt);

  await quarantineBroken(ledger, executor, await now(), "out of bounds");

  expect((await now()).outcome).toBe("succeeded");
  expect((await now()).attempt).toBe(attempt.n);
});
