import { expect, test } from "vitest";
import { memoryLedger } from "../engine/ledger/memory-ledger.ts";
import { peopleTopic } from "../ports/ledger.ts";
import { acquired } from "../testing/ledger-desk.ts";
import { finishing } from "./broken-flow.ts";
import { leavesCrashLoop } from "./crash-loop.ts";

const executor = { id: "this", host: "here", pid: 1 };

async function quarantined(key: string) {
  const ledger = memoryLedger({ now: () => 1_000, id: "ledger" });
  const { id } = await ledger.createDeployment({
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
  const locked = await ledger.acquireLock("production", await ledger.beginAttempt(id, executor), "ada");
  const attempt = acquired(locked);
  const row = async () => (await ledger.deployment(id)) as NonNullable<Awaited<ReturnType<typeof ledger.deployment>>>;
  await ledger.append(finishing(await row(), key, "left", {}), attempt);
  await ledger.setState(id, "quarantined", attempt);
  return { ledger, attempt, row };
}

test("L2 a deployment that was given up goes on when a person has it resumed", async () => {
  const { ledger, attempt, row } = await quarantined("given up");

  expect(await leavesCrashLoop(ledger, await row(), attempt)).toBe(true);

  expect(await row()).toMatchObject({ state: "running", outcome: null });
});

test("L3 a deployment that was given up is not run again by the person who lets go of it", async () => {
  const { ledger, attempt, row } = await quarantined("given up");
  await ledger.post((await row()).id, peopleTopic, { kind: "release", by: "grace", reason: "cleaned up" }, "message-1");

  expect(await leavesCrashLoop(ledger, await row(), attempt)).toBe(false);

  expect(await row()).toMatchObject({ state: "ended", outcome: "quarantined" });
  expect(await ledger.lock("production")).toBeUndefined();
});

test("L3 what its own flow has quarantined stays so until that flow hears of the release", async () => {
  const { ledger, attempt, row } = await quarantined("quarantined");

  expect(await leavesCrashLoop(ledger, await row(), attempt)).toBe(true);

  expect((await row()).state).toBe("quarantined");
});
