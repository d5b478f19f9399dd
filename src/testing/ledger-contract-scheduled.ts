/** The part of the ledger contract about schedules, each due time of which belongs to one, and about pinned backups. */
import { expect } from "vitest";
import type { AtDesk } from "./ledger-desk.ts";

const host = "build-1";

export function scheduledContract(atDesk: AtDesk): void {
  atDesk("B6 of ten that claim a due time at once one has it", async ({ ledger, environment }) => {
    const due = { environment, name: "nightly", dueAtMs: 1_000 };

    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, pid) => ledger.claimScheduled(due, { host, pid }, null)),
    );

    expect(claims.filter((claimed) => claimed)).toHaveLength(1);
    expect(await ledger.scheduled(environment, 5)).toMatchObject([
      { ...due, executor: { host, pid: claims.indexOf(true) }, claims: 1, endedAtMs: null, outcome: null },
    ]);
    expect(await ledger.claimScheduled({ ...due, dueAtMs: 2_000 }, { host, pid: 77 }, null)).toBe(true);
    expect(await ledger.claimScheduled({ ...due, name: "other" }, { host, pid: 77 }, null)).toBe(true);
  });

  atDesk("B6 of ten that claim it again in place of a dead one, one has it", async ({ ledger, environment }) => {
    const due = { environment, name: "nightly", dueAtMs: 1_000 };
    const dead = { host, pid: 4_711 };
    await ledger.claimScheduled(due, dead, null);

    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, pid) => ledger.claimScheduled(due, { host, pid }, 1)),
    );
    await ledger.endScheduled(due, dead, { outcome: "succeeded", detail: null });

    expect(claims.filter((claimed) => claimed)).toHaveLength(1);
    expect(await ledger.scheduled(environment, 5)).toMatchObject([{ claims: 2, outcome: null }]);
  });

  atDesk("B6 how it ended is kept, the first end counts, and nobody claims what has ended", async (desk) => {
    const { ledger, environment } = desk;
    const due = { environment, name: "nightly", dueAtMs: 1_000 };
    const executor = { host, pid: 1 };
    await ledger.claimScheduled(due, executor, null);

    await ledger.endScheduled(due, executor, { outcome: "failed", detail: { message: "no \u0000 room" } });
    await ledger.endScheduled(due, executor, { outcome: "succeeded", detail: null });

    expect(await ledger.claimScheduled(due, executor, 1)).toBe(false);
    const [run] = await ledger.scheduled(environment, 5, "nightly");
    expect(run).toMatchObject({ outcome: "failed", claims: 1 });
    expect(run?.endedAtMs).toBeGreaterThanOrEqual(run?.claimedAtMs ?? Number.NaN);
    expect(await ledger.scheduled(environment, 5, "weekly")).toEqual([]);
  });

  atDesk("B5 a pinned backup is kept with who and why, and both ends are in the audit trail", async (desk) => {
    const { ledger, environment } = desk;
    const pin = { environment, backupId: "b-1", by: "ada", reason: "before the big import" };

    await ledger.pinBackup({ ...pin, reason: "first" });
    await ledger.pinBackup(pin);

    expect(await ledger.pins(environment)).toEqual([pin]);
    expect(await ledger.pins("elsewhere")).toEqual([]);
    expect(await ledger.unpinBackup({ ...pin, by: "bob", reason: "imported" })).toBe(true);
    expect(await ledger.unpinBackup(pin)).toBe(false);
    expect(await ledger.pins(environment)).toEqual([]);
    const audit = await ledger.audit({ environment });
    expect(audit.map(({ actor, step }) => `${step} ${actor}`)).toEqual(["unpin bob", "pin ada", "pin ada"]);
  });
}
