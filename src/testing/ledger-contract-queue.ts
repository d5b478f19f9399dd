/** The part of the ledger contract about waiting for the lock: who comes next, and whose place a newer release took. */
import { expect } from "vitest";
import { type AtDesk, acquired, chainHolds } from "./ledger-desk.ts";

export function queueContract(atDesk: AtDesk): void {
  atDesk("L1 those that wait for the lock get it in the order in which they came", async (desk) => {
    const { ledger, environment, pass } = desk;
    const [holder, one, two] = [await desk.begun(), await desk.begun(), await desk.begun()];
    const held = acquired(await ledger.acquireLock(environment, holder.attempt, "ada", true));
    const ask = ({ attempt }: typeof one) => ledger.acquireLock(environment, attempt, "bob", true);
    expect(await ask(two)).toMatchObject({ kind: "busy" });
    await pass(5);
    expect(await ask(one)).toMatchObject({ kind: "busy" });
    await ledger.releaseLock(environment, held);

    const outOfTurn = await ask(one);
    const inTurn = await ask(two);

    expect(outOfTurn).toEqual({ kind: "queued", behind: two.id });
    expect(inTurn).toMatchObject({ kind: "acquired" });
    await ledger.releaseLock(environment, acquired(inTurn));
    acquired(await ask(one));
  });

  atDesk("L1 nobody waits behind one whose process died, nor does one that does not queue", async (desk) => {
    const { ledger, environment, pass } = desk;
    const [holder, dead, one, two] = [await desk.begun(), await desk.begun(), await desk.begun(), await desk.begun()];
    const held = acquired(await ledger.acquireLock(environment, holder.attempt, "ada"));
    await ledger.heartbeat(dead.id, dead.attempt, 100);
    await ledger.acquireLock(environment, dead.attempt, "eve", true);
    await pass(200);
    for (const { id, attempt } of [one, two]) await ledger.heartbeat(id, attempt, 60_000);
    await ledger.acquireLock(environment, one.attempt, "bob", true);
    await ledger.releaseLock(environment, held);

    const atOnce = acquired(await ledger.acquireLock(environment, two.attempt, "kim"));
    await ledger.releaseLock(environment, atOnce);

    acquired(await ledger.acquireLock(environment, one.attempt, "bob", true));
  });

  atDesk("P3 superseding is a flag, an event and a message at once; the first one counts", async (desk) => {
    const { ledger, environment } = desk;
    const { id, attempt } = await desk.begun();
    const by = { by: "d-newer", version: "v1.3.0" };

    const results = [
      await ledger.supersede(id, by),
      await ledger.supersede(id, by),
      await ledger.supersede(id, { by: "d-newest", version: "v1.4.0" }),
    ];

    expect(results).toEqual([true, true, false]);
    expect((await ledger.deployment(id))?.superseded).toEqual(by);
    const events = await ledger.events(id, 0);
    expect(events.map(({ title }) => title)).toEqual(["Superseded by v1.3.0 (deployment d-newer)"]);
    expect(chainHolds(events)).toBe(true);
    expect(await ledger.undeliveredMessages(id)).toMatchObject([
      { topic: "people", message: { kind: "superseded", ...by } },
    ]);
    expect(await ledger.acquireLock(environment, attempt, "ada", true)).toEqual({ kind: "superseded", by });
    expect(await ledger.lock(environment)).toBeUndefined();
  });

  atDesk("L1 whoever holds the lock or has ended is not superseded", async (desk) => {
    const { ledger, environment } = desk;
    const [holder, ended] = [await desk.begun(), await desk.begun()];
    const held = acquired(await ledger.acquireLock(environment, holder.attempt, "ada"));
    await ledger.finish(ended.id, "failed", ended.attempt);
    const by = { by: "d-newer", version: "v1.3.0" };

    const results = [await ledger.supersede(holder.id, by), await ledger.supersede(ended.id, by)];

    expect(results).toEqual([false, false]);
    expect(await ledger.deployment(holder.id)).toMatchObject({ superseded: null, outcome: null });
    expect(await ledger.events(holder.id, 0)).toEqual([]);
    expect(acquired(await ledger.acquireLock(environment, held, "ada"))).toEqual(held);
    await expect(ledger.supersede("unheard-of", by)).rejects.toMatchObject({ failure: { code: "DEPLOYMENT_UNKNOWN" } });
  });
}
