/** What every ledger must do, as a suite that both stores run. Here: attempts, leases and locks. */
import { describe, expect, test } from "vitest";
import type { Ledger } from "../ports/ledger.ts";
import { eventContract, peopleContract } from "./ledger-contract-events.ts";
import { outboxContract, servingContract } from "./ledger-contract-keeping.ts";
import { queueContract } from "./ledger-contract-queue.ts";
import { rolloutContract } from "./ledger-contract-rollout.ts";
import { scheduledContract } from "./ledger-contract-scheduled.ts";
import { type AtDesk, acquired, chainHolds, deskIn, event, executor, type LedgerWorld, stale } from "./ledger-desk.ts";

export type { LedgerWorld };

export function ledgerContract(name: string, newWorld: () => Promise<LedgerWorld>): void {
  const atDesk: AtDesk = (title, body) =>
    test(title, { timeout: 30_000 }, async () => {
      const world = await newWorld();
      try {
        await body(deskIn(world));
      } finally {
        await world.dispose();
      }
    });
  describe(`ledger contract: ${name}`, () => {
    attemptContract(atDesk);
    lockContract(atDesk);
    queueContract(atDesk);
    rolloutContract(atDesk);
    peopleContract(atDesk);
    eventContract(atDesk);
    servingContract(atDesk);
    outboxContract(atDesk);
    scheduledContract(atDesk);
  });
}

function attemptContract(atDesk: AtDesk): void {
  atDesk("T6 gives a taken id the next free suffix", async ({ deployment, ledger, environment }) => {
    const rows = await Promise.all([deployment(), deployment(), deployment()]);

    expect(rows.map(({ id }) => id).sort()).toEqual([`d-${environment}`, `d-${environment}-2`, `d-${environment}-3`]);
    const found = await ledger.deployment(`d-${environment}-2`);
    expect(found).toEqual(rows.find(({ id }) => id.endsWith("-2")));
    expect(found).toMatchObject({ state: "running", outcome: null, attempt: 0, executor: null, cancelRequested: null });
    expect(found?.input).toEqual({ plan: ["build", 1, null] });
    expect(await ledger.deployment("unheard-of")).toBeUndefined();
  });

  atDesk("lists deployments newest first, filtered", async ({ deployment, ledger, environment, begun }) => {
    const [first, second] = [await begun(), await deployment()];
    await ledger.finish(first.id, "succeeded", first.attempt);

    const ids = async (filter: Parameters<Ledger["deployments"]>[0]) =>
      (await ledger.deployments({ environment, ...filter })).map(({ id }) => id);

    expect(await ids({})).toEqual([second.id, first.id]);
    expect(await ids({ limit: 1 })).toEqual([second.id]);
    expect(await ids({ unfinished: true })).toEqual([second.id]);
    expect(await ids({ project: "another" })).toEqual([]);
  });

  atDesk("L2 tells what is under way, of the inputs only what was asked for", async (desk) => {
    const { ledger, environment } = desk;
    const [ended, begun, fresh] = [await desk.begun(), await desk.begun(), await desk.deployment()];
    await ledger.finish(ended.id, "succeeded", ended.attempt);
    await ledger.requestCancel(begun.id, "grace", "wrong tag");

    const found = async (...members: string[]) =>
      (await ledger.underWay(members)).filter((row) => row.environment === environment);

    expect((await found("plan", "not there")).map(({ id, inputPart }) => [id, inputPart])).toEqual([
      [fresh.id, { plan: ["build", 1, null] }],
      [begun.id, { plan: ["build", 1, null] }],
    ]);
    const [, one] = await found();
    const { input: _, ...whole } = (await ledger.deployment(begun.id)) ?? fresh;
    expect(one).toEqual({ ...whole, inputPart: {} });
  });

  atDesk("L2 of several that take an abandoned attempt over one succeeds, and nobody after the end", async (desk) => {
    const { ledger } = desk;
    const { id, attempt } = await desk.begun();
    const takers = ["e2", "e3", "e4", "e5"];

    const tried = await Promise.allSettled(takers.map((taker) => ledger.beginAttempt(id, executor(taker), attempt.n)));

    const won = tried.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const lost = tried.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
    expect(won).toHaveLength(1);
    for (const reason of lost) expect(reason).toMatchObject(stale);
    const now = won[0] ?? attempt;
    expect((await ledger.deployment(id))?.attempt).toBe(now.n);
    await ledger.finish(id, "failed", now);
    await expect(ledger.beginAttempt(id, executor("e6"), now.n)).rejects.toMatchObject(stale);
  });

  atDesk("L2 many heartbeats in one go renew those in charge, and tell which have something to hear", async (desk) => {
    const { ledger, pass } = desk;
    const [one, two, replaced] = [await desk.begun(), await desk.begun(), await desk.begun()];
    await ledger.beginAttempt(replaced.id, executor("e2"));
    await ledger.requestCancel(two.id, "grace", "wrong tag");
    await pass(400);
    const beats = [one, two, replaced].map(({ id, attempt }) => ({ id, attempt, leaseMs: 300 }));

    const answered = [...(await ledger.heartbeats(beats))].sort((a, b) => a.id.localeCompare(b.id));

    const quiet = { cancelRequested: null, hasMessages: false, hasNotifications: false };
    expect(answered).toEqual([
      { ...quiet, id: one.id },
      { ...quiet, id: two.id, cancelRequested: expect.objectContaining({ by: "grace" }), hasMessages: true },
    ]);
    expect((await ledger.deployment(one.id))?.executor?.expired).toBe(false);
    await pass(400);
    expect((await ledger.deployment(one.id))?.executor?.expired, "by the lease that was given").toBe(true);
  });

  atDesk("L2 an attempt replaced by the next one can write nothing more", async (desk) => {
    const { ledger, environment } = desk;
    const { id, attempt } = await desk.begun();
    const next = await ledger.beginAttempt(id, executor("e2"));
    const serving = { environment, deploymentId: id, version: "v1", commit: "c", sinceMs: 1, detail: null };

    expect(next.n).toBeGreaterThan(attempt.n);
    expect(next.ledgerId).toBe(ledger.id);
    const refused: readonly (() => Promise<unknown>)[] = [
      () => ledger.assertInCharge(attempt),
      () => ledger.heartbeat(id, attempt, 3_000),
      () => ledger.setState(id, "waiting", attempt),
      () => ledger.finish(id, "failed", attempt),
      () => ledger.release(id, attempt),
      () => ledger.acquireLock(environment, attempt, "ada"),
      () => ledger.releaseLock(environment, attempt),
      () => ledger.append(event(id, environment, "late"), attempt),
      () => ledger.setServing(serving, attempt),
      () => ledger.clearServing(environment, attempt),
    ];
    for (const write of refused) await expect(write(), write.toString()).rejects.toMatchObject(stale);
    await ledger.assertInCharge(next);
    expect(await ledger.events(id, 0)).toEqual([]);
    expect(await ledger.deployment(id)).toMatchObject({ state: "running", attempt: next.n, executor: executor("e2") });
  });

  atDesk("L2 a lease runs out without heartbeats, and a heartbeat renews it", async ({ ledger, begun, pass }) => {
    const { id, attempt } = await begun();
    const expired = async () => (await ledger.deployment(id))?.executor?.expired;

    await ledger.heartbeat(id, attempt, 200);
    expect(await expired()).toBe(false);
    await pass(300);
    expect(await expired()).toBe(true);
    expect(await ledger.heartbeat(id, attempt, 5_000)).toEqual({ cancelRequested: null });
    expect(await expired()).toBe(false);
    await ledger.release(id, attempt);

    expect((await ledger.deployment(id))?.executor).toBeNull();
  });

  atDesk("an outcome latches: the same again is nothing new, a different one is refused", async ({ ledger, begun }) => {
    const { id, attempt } = await begun();
    await ledger.setState(id, "waiting", attempt);

    await ledger.finish(id, "rolled-back", attempt);
    const ended = await ledger.deployment(id);
    await ledger.finish(id, "rolled-back", attempt);

    await expect(ledger.finish(id, "succeeded", attempt)).rejects.toMatchObject({ failure: { code: "INTERNAL" } });
    await ledger.setState(id, "running", attempt);
    expect(await ledger.deployment(id)).toEqual(ended);
    expect(ended).toMatchObject({ state: "ended", outcome: "rolled-back", endedAtMs: expect.any(Number) });
  });

  atDesk("names a deployment that is not there", async ({ ledger }) => {
    const unknown = { failure: { code: "DEPLOYMENT_UNKNOWN" } };
    const attempt = { ledgerId: ledger.id, n: 1, deploymentId: "unheard-of" };

    await expect(ledger.beginAttempt("unheard-of", executor("e"))).rejects.toMatchObject(unknown);
    await expect(ledger.assertInCharge(attempt)).rejects.toMatchObject(unknown);
    await expect(ledger.requestCancel("unheard-of", "ada", "why")).rejects.toMatchObject(unknown);
    await expect(ledger.post("unheard-of", "people", 1, "k")).rejects.toMatchObject(unknown);
  });
}

function lockContract(atDesk: AtDesk): void {
  atDesk("L1 one deployment at a time holds the lock; the other is told who", async (desk) => {
    const { ledger, environment } = desk;
    const [one, two] = [await desk.begun(), await desk.begun()];

    const results = await Promise.all([
      ledger.acquireLock(environment, one.attempt, "ada"),
      ledger.acquireLock(environment, two.attempt, "bob"),
    ]);

    const holders = results.map((result) => (result.kind === "busy" ? result.holder.deploymentId : "acquired"));
    const winner = holders[0] === "acquired" ? one : two;
    expect(holders.toSorted()).toEqual(["acquired", winner.id].sort());
    expect(await ledger.lock(environment)).toMatchObject({ deploymentId: winner.id, kind: "deployment" });
    expect((await ledger.locks()).filter((lock) => lock.environment === environment)).toHaveLength(1);
  });

  atDesk("L2 taking the lock gives a number higher than any before; a retry keeps it", async (desk) => {
    const { ledger, environment } = desk;
    const [one, two] = [await desk.begun(), await desk.begun()];

    const held = acquired(await ledger.acquireLock(environment, one.attempt, "ada"));
    const again = acquired(await ledger.acquireLock(environment, held, "ada"));

    expect(held.n).toBeGreaterThan(two.attempt.n);
    expect(again).toEqual(held);
    await expect(ledger.assertInCharge(one.attempt)).rejects.toMatchObject(stale);
    expect((await ledger.lock(environment))?.attempt).toBe(held.n);
  });

  atDesk("L2 the lock of a dead holder stays, and follows its next attempt", async (desk) => {
    const { ledger, environment, pass } = desk;
    const [one, two] = [await desk.begun(), await desk.begun()];
    const held = acquired(await ledger.acquireLock(environment, one.attempt, "ada"));
    await ledger.heartbeat(one.id, held, 100);
    await pass(200);

    expect(await ledger.acquireLock(environment, two.attempt, "bob")).toMatchObject({ kind: "busy" });
    expect((await ledger.deployment(one.id))?.executor?.expired).toBe(true);
    const resumed = await ledger.beginAttempt(one.id, executor("e2"));

    expect((await ledger.lock(environment))?.attempt).toBe(resumed.n);
    await expect(ledger.releaseLock(environment, held)).rejects.toMatchObject(stale);
    await ledger.releaseLock(environment, two.attempt);
    expect(await ledger.lock(environment)).toBeDefined();
    await ledger.releaseLock(environment, resumed);
    expect(await ledger.lock(environment)).toBeUndefined();
  });

  atDesk("L3 the lock of a deployment that has ended is free, whoever forgot to release it", async (desk) => {
    const { ledger, environment } = desk;
    const [one, two] = [await desk.begun(), await desk.begun()];
    const held = acquired(await ledger.acquireLock(environment, one.attempt, "ada"));
    await ledger.finish(one.id, "failed", held);

    expect(await ledger.lock(environment)).toBeUndefined();
    expect(await ledger.acquireLock(environment, two.attempt, "bob")).toMatchObject({ kind: "acquired" });
  });

  atDesk("L3 unlocking by hand is audited, and takes its holder out of charge", async (desk) => {
    const { ledger, environment } = desk;
    const one = await desk.begun();
    const held = acquired(await ledger.acquireLock(environment, one.attempt, "ada"));

    const released = await ledger.forceUnlock(environment, "eve", "the host is gone");

    expect(released).toMatchObject({ deploymentId: one.id, heldBy: "ada", attempt: held.n });
    await expect(ledger.assertInCharge(held)).rejects.toMatchObject(stale);
    expect(await ledger.forceUnlock(environment, "eve", "again")).toBeUndefined();
    const audit = await ledger.audit({ environment });
    expect(audit).toMatchObject([{ seq: 1, step: "unlock", actor: "eve", detail: { released: { heldBy: "ada" } } }]);
    expect(chainHolds(audit)).toBe(true);
  });

  atDesk("a person's lock keeps deployments out until it is released by hand", async (desk) => {
    const { ledger, environment } = desk;
    const one = await desk.begun();

    const mine = await ledger.acquireManualLock(environment, "eve", "incident 42");
    const again = await ledger.acquireManualLock(environment, "eve", "incident 42");
    const other = await ledger.acquireManualLock(environment, "bob", "tidying");

    expect(again).toEqual(mine);
    const holder = { kind: "manual", heldBy: "eve", reason: "incident 42" };
    expect(other).toMatchObject({ kind: "busy", holder });
    expect(await ledger.acquireLock(environment, one.attempt, "ada")).toMatchObject({ kind: "busy", holder });
    await ledger.forceUnlock(environment, "eve", "over");
    acquired(await ledger.acquireLock(environment, one.attempt, "ada"));
    expect((await ledger.audit({ environment })).map(({ step }) => step)).toEqual(["unlock", "lock"]);
  });
}
