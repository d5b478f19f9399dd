/** The part of the ledger contract about a rollout under way: what people order for it, and what the sequential test saw. */
import { expect } from "vitest";
import type { MetricBucket } from "../domain/canary/bucket.ts";
import { type AtDesk, chainHolds, stale } from "./ledger-desk.ts";

const bucket = (metric: string, index: number): MetricBucket => ({
  metric,
  index,
  reading: { kind: "rate", candidate: { events: 1, total: 10 }, stable: { events: 2, total: 190 } },
});

export function rolloutContract(atDesk: AtDesk): void {
  atDesk("R1 an order for a rollout is kept, told and delivered at once; the last one counts", async (desk) => {
    const { ledger } = desk;
    const { id } = await desk.begun();
    await ledger.steer(id, { kind: "pause", by: "ada", reason: "lunch" });
    await ledger.steer(id, { kind: "promote", by: "bob", reason: "it is fine" });

    expect((await ledger.deployment(id))?.steering).toMatchObject({ kind: "promote", by: "bob", reason: "it is fine" });
    const events = await ledger.events(id, 0);
    expect(events.map(({ title }) => title)).toEqual([
      "Paused at its weight by ada: lunch",
      "Let go on by bob: it is fine",
    ]);
    expect(chainHolds(events)).toBe(true);
    expect((await ledger.undeliveredMessages(id)).map(({ message }) => message)).toMatchObject([
      { kind: "pause" },
      { kind: "promote" },
    ]);
  });

  atDesk("R1 what has ended is not steered any more", async (desk) => {
    const { ledger } = desk;
    const { id, attempt } = await desk.begun();
    await ledger.finish(id, "succeeded", attempt);

    await ledger.steer(id, { kind: "pause", by: "ada", reason: "too late" });

    expect((await ledger.deployment(id))?.steering).toBeNull();
    expect(await ledger.undeliveredMessages(id)).toEqual([]);
  });

  atDesk("Z2 each bucket is applied once, together with the state after it", async (desk) => {
    const { ledger } = desk;
    const { id, attempt } = await desk.begun();
    const first = await ledger.beginEvidence(id, { plan: { alpha: 0.01 }, state: { logE: 0 }, nextIndex: 7 }, attempt);
    const again = await ledger.beginEvidence(id, { plan: { alpha: 0.5 }, state: {}, nextIndex: 9 }, attempt);
    const applied = await ledger.applyBuckets(
      id,
      7,
      [bucket("latency", 7), bucket("errors", 7)],
      { state: { logE: 1 }, nextIndex: 8 },
      attempt,
    );
    const repeated = await ledger.applyBuckets(
      id,
      7,
      [bucket("errors", 7)],
      { state: { logE: 2 }, nextIndex: 8 },
      attempt,
    );

    expect(again).toEqual(first);
    expect(applied).toEqual({ plan: { alpha: 0.01 }, state: { logE: 1 }, nextIndex: 8 });
    expect(repeated).toEqual(applied);
    expect(await ledger.evidence(id)).toEqual(applied);
    expect(await ledger.evidenceBuckets(id)).toEqual([bucket("errors", 7), bucket("latency", 7)]);
    expect(await ledger.evidenceBuckets(id, 8)).toEqual([]);
    expect(await ledger.evidence("unheard-of")).toBeUndefined();
  });

  atDesk("L2 Z2 an attempt that is no longer in charge applies no bucket", async (desk) => {
    const { ledger } = desk;
    const { id, attempt } = await desk.begun();
    await ledger.beginEvidence(id, { plan: {}, state: { logE: 0 }, nextIndex: 1 }, attempt);
    await ledger.beginAttempt(id, { id: "e2", host: "build-2", pid: 1 });

    const late = ledger.applyBuckets(id, 1, [bucket("errors", 1)], { state: { logE: 9 }, nextIndex: 2 }, attempt);

    await expect(late).rejects.toMatchObject(stale);
    expect((await ledger.evidence(id))?.nextIndex).toBe(1);
    expect(await ledger.evidenceBuckets(id)).toEqual([]);
  });
}
