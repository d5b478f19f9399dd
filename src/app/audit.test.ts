/** What only shows away from a real deployment: no ledger at all, files shared with other ledgers, votes that come meanwhile. */
import { expect, test } from "vitest";
import { memoryLedger } from "../engine/ledger/memory-ledger.ts";
import type { Ledger } from "../ports/ledger.ts";
import { memoryCheckpoints } from "../testing/memory-checkpoints.ts";
import { verifyAudit } from "./audit.ts";

const { signal } = new AbortController();

async function ledgerWithStory(): Promise<{ readonly ledger: Ledger; readonly id: string }> {
  const ledger = memoryLedger({ now: () => 1_000 });
  const { id } = await ledger.createDeployment({
    id: "1795000000-3f2a9c1b22aa",
    project: "shop",
    environment: "production",
    kind: "deploy",
    version: "v1",
    commit: "c",
    startedBy: "ada",
    input: null,
    applicationVersion: "1",
  });
  await ledger.requestCancel(id, "ada", "wrong tag");
  return { ledger, id };
}

async function checkpointsOf(ledger: Ledger, id: string) {
  const chain = { kind: "deployment", id } as const;
  const { end } = await ledger.chain(chain);
  const checkpoints = memoryCheckpoints();
  await checkpoints.append({ ledgerId: ledger.id, chain, seq: end?.seq ?? 0, hash: end?.hash ?? "", atMs: 1 }, signal);
  return checkpoints;
}

test("Z4 a ledger that is gone as a whole is found by what its checkpoints tell", async () => {
  const { ledger, id } = await ledgerWithStory();
  const checkpoints = await checkpointsOf(ledger, id);

  const gone = await verifyAudit(undefined, [checkpoints], signal);
  const emptied = await verifyAudit(memoryLedger({ now: () => 1, id: ledger.id }), [checkpoints], signal);

  expect(gone).toMatchObject({ intact: false, faults: [{ kind: "ledger", message: expect.stringContaining("1 ") }] });
  expect(emptied).toMatchObject({ intact: false, faults: [{ where: `deployment ${id}`, seq: 1, kind: "cut" }] });
  expect(await verifyAudit(undefined, [memoryCheckpoints()], signal)).toMatchObject({ intact: true, events: 0 });
});

test("Z4 checkpoints of another ledger in the same file are no fault, and it is said that they were not compared", async () => {
  const { ledger, id } = await ledgerWithStory();
  const checkpoints = memoryCheckpoints();
  const chain = { kind: "environment", id: "staging" } as const;
  await checkpoints.append({ ledgerId: "another", chain, seq: 4, hash: "ab".repeat(32), atMs: 1 }, signal);

  const report = await verifyAudit(ledger, [checkpoints, await checkpointsOf(ledger, id)], signal);

  expect(report).toMatchObject({ intact: true, events: 1, coveredEvents: 1 });
  expect(report.cannotSee.join("; ")).toContain("1 checkpoints of other ledgers");
});

test("Z4 a vote that comes while the votes are read is no fault", async () => {
  const { ledger, id } = await ledgerWithStory();
  const vote = { by: "bob", decision: "approve", planDigest: "1", comment: "", proof: { kind: "declared" } } as const;
  let asked = 0;
  const busy: Ledger = {
    ...ledger,
    async approvals(of) {
      if (asked++ === 0) await ledger.recordApproval(id, vote);
      return ledger.approvals(of);
    },
  };

  expect(await verifyAudit(busy, [], signal)).toMatchObject({ intact: true });
  expect(asked).toBe(2);
});
