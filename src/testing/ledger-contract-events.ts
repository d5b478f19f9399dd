/** The part of the ledger contract about the story: votes, messages, events. */
import { expect } from "vitest";
import type { ApprovalVote } from "../domain/approval.ts";
import { type AtDesk, chainHolds, event } from "./ledger-desk.ts";

const vote = (by: string, decision: ApprovalVote["decision"] = "approve"): ApprovalVote => ({
  by,
  decision,
  planDigest: "sha256:1",
  comment: "looks right",
  proof: { kind: "declared" },
});

export function peopleContract(atDesk: AtDesk): void {
  atDesk("P4 a vote is a row, an event and a message at once; the same vote again is the same vote", async (desk) => {
    const { ledger } = desk;
    const { id } = await desk.deployment();

    const first = await ledger.recordApproval(id, vote("bob"));
    const again = await ledger.recordApproval(id, vote("bob"));
    await ledger.recordApproval(id, vote("cy", "reject"));

    expect(again).toEqual(first);
    expect(await ledger.approvals(id)).toMatchObject([vote("bob"), vote("cy", "reject")]);
    const events = await ledger.events(id, 0);
    expect(events.map(({ step, actor }) => [step, actor])).toEqual([
      ["approve", "bob"],
      ["reject", "cy"],
    ]);
    expect((await ledger.undeliveredMessages(id)).map(({ message }) => message)).toEqual([
      { kind: "approval", by: "bob" },
      { kind: "approval", by: "cy" },
    ]);
  });

  atDesk("a request to cancel is told by the next heartbeat, and only the first one counts", async (desk) => {
    const { ledger } = desk;
    const { id, attempt } = await desk.begun();

    await ledger.requestCancel(id, "ada", "wrong version");
    await ledger.requestCancel(id, "bob", "me too");

    const { cancelRequested } = await ledger.heartbeat(id, attempt, 3_000);
    expect(cancelRequested).toEqual({ by: "ada", reason: "wrong version", atMs: expect.any(Number) });
    expect((await ledger.deployment(id))?.cancelRequested).toEqual(cancelRequested);
    expect(await ledger.undeliveredMessages(id)).toMatchObject([{ topic: "people", message: { kind: "cancel" } }]);
  });

  atDesk("messages wait in their order until they are marked as delivered; a repeated key is dropped", async (desk) => {
    const { ledger } = desk;
    const { id } = await desk.deployment();
    const keyOf = (n: number) => `${id}-${n}`;

    for (const n of [1, 2, 1, 3]) await ledger.post(id, "traffic", { n }, keyOf(n));
    await ledger.markDelivered(keyOf(2));

    expect(await ledger.undeliveredMessages(id)).toEqual([
      { key: keyOf(1), topic: "traffic", message: { n: 1 } },
      { key: keyOf(3), topic: "traffic", message: { n: 3 } },
    ]);
  });
}

export function eventContract(atDesk: AtDesk): void {
  atDesk("numbers events without gaps and chains them by hash, also when many come at once", async (desk) => {
    const { ledger, environment } = desk;
    const { id, attempt } = await desk.begun();

    await Promise.all(Array.from({ length: 20 }, (_, n) => ledger.append(event(id, environment, `e${n}`), attempt)));
    await ledger.append(event(id, environment, "e0"), attempt);
    await ledger.append(event(id, environment, "by a person"), null);

    const events = await ledger.events(id, 0);
    expect(events).toHaveLength(21);
    expect(chainHolds(events)).toBe(true);
    expect(events[0]).toMatchObject({ attempt: attempt.n, detail: { z: 1, a: { y: [1, 2], b: null } } });
    expect((await ledger.events(id, 19)).map(({ seq }) => seq)).toEqual([20, 21]);
    expect((await ledger.events(id, 0, 2)).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  atDesk("keeps an environment's own events apart, newest first", async ({ ledger, environment }) => {
    for (const key of ["one", "two", "two"]) await ledger.append(event(null, environment, key), null);

    const audit = await ledger.audit({ environment });

    expect(audit.map(({ key, seq }) => [key, seq])).toEqual([
      ["two", 2],
      ["one", 1],
    ]);
    expect(chainHolds(audit.toReversed())).toBe(true);
    expect(await ledger.audit({ environment, limit: 1 })).toHaveLength(1);
  });

  atDesk("keeps what other programs print, also what a database cannot hold", async (desk) => {
    const { ledger, environment } = desk;
    const { id, attempt } = await desk.begun();
    const odd = "nul \0, half a pair \uD800, quotes \" ' \\u0000";

    await ledger.append({ ...event(id, environment, "odd"), title: odd, detail: { log: odd } }, attempt);
    await ledger.post(id, "t", { odd }, `${id}-odd`);

    const kept = "nul \uFFFD, half a pair \uFFFD, quotes \" ' \\u0000";
    const events = await ledger.events(id, 0);
    expect(events).toMatchObject([{ title: kept, detail: { log: kept } }]);
    expect(chainHolds(events)).toBe(true);
    expect(await ledger.undeliveredMessages(id)).toMatchObject([{ message: { odd: kept } }]);
  });

  atDesk(
    "Z4 gives every chain as a whole, with the end it noted, also after refused and repeated writes",
    async (desk) => {
      const { ledger, environment } = desk;
      const { id, attempt } = await desk.begun();
      for (const key of ["one", "two", "two"]) await ledger.append(event(id, environment, key), attempt);
      await ledger.recordApproval(id, vote("bob"));
      await ledger.append({ ...event(null, environment, "by hand"), actor: "ada" }, null);

      const chains = [
        { kind: "deployment", id },
        { kind: "environment", id: environment },
      ] as const;
      for (const chain of chains) {
        expect(await ledger.chains()).toContainEqual(chain);
        const stored = await ledger.chain(chain);
        expect(chainHolds(stored.events)).toBe(true);
        expect(stored.end).toEqual({ seq: stored.events.length, hash: stored.events.at(-1)?.hash });
      }
      expect((await ledger.chain(chains[0])).events).toEqual(await ledger.events(id, 0));
      expect((await ledger.chain(chains[1])).events).toHaveLength(1);
      const gone = { kind: "deployment", id: "unheard-of" } as const;
      expect(await ledger.chain(gone)).toEqual({ chain: gone, end: null, events: [] });
    },
  );

  atDesk("D4 tells what people did, in deployments and beside them, newest first", async (desk) => {
    const { ledger, environment } = desk;
    const { id, attempt } = await desk.begun();
    await ledger.append(event(id, environment, "by itself"), attempt);
    await ledger.recordApproval(id, vote("bob"));
    await desk.pass(2);
    await ledger.acquireManualLock(environment, "ada", "incident");

    const actions = await ledger.actions({ environment });

    expect(actions.map(({ actor, step }) => `${actor} ${step}`)).toEqual(["ada lock", "bob approve"]);
    expect(await ledger.actions({ environment, limit: 1 })).toMatchObject([{ actor: "ada" }]);
    expect(await ledger.actions({ deploymentId: id })).toMatchObject([{ actor: "bob" }]);
  });
}
