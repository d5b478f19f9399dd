import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Ledger } from "../../ports/ledger.ts";
import { ledgerContract } from "../../testing/ledger-contract.ts";
import { executor } from "../../testing/ledger-desk.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { postgresLedger } from "./postgres-ledger.ts";

let database: TestDatabase;
let shared: Ledger;

beforeAll(async () => {
  database = await testDatabase();
  shared = await postgresLedger({ url: database.url });
});

afterAll(async () => {
  await shared.close();
  await database.remove();
});

// The database's clock is real: what passes here is real time, a few tenths of a second.
ledgerContract("PostgreSQL", async () => ({
  ledger: shared,
  pass: (ms) => realClock().sleep(ms),
  dispose: async () => undefined,
}));

/** The rows of a single statement. */
async function sql(text: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return (await client.query(text).finally(() => client.end())).rows;
}

const deployment = {
  id: "d",
  project: "shop",
  environment: "production",
  kind: "deploy",
  version: "v1",
  commit: "c",
  startedBy: "ada",
  input: null,
  applicationVersion: "1",
} as const;

test("processes that open an empty ledger at once find one and the same", async () => {
  const ledgers = await Promise.all(
    Array.from({ length: 4 }, () => postgresLedger({ url: database.url, schema: "at 'once' \"quoted\"" })),
  );

  expect(new Set(ledgers.map(({ id }) => id)).size).toBe(1);
  expect(ledgers[0]?.id).not.toBe(shared.id);
  for (const ledger of ledgers) await ledger.close();
});

test("a newer ledger is refused before anything is touched", async () => {
  await (await postgresLedger({ url: database.url, schema: "newer" })).close();
  await sql("update newer.meta set version = 99, requires = 98");

  await expect(postgresLedger({ url: database.url, schema: "newer" })).rejects.toMatchObject({
    failure: { code: "LEDGER_NEWER", message: expect.stringContaining("version 99") },
  });
});

test("Z1 a ledger that a later Sluice has extended can still be worked on, so that what was begun before can be finished", async () => {
  const before = await postgresLedger({ url: database.url, schema: "extended" });
  const { id } = await before.createDeployment({ ...deployment });
  await before.close();
  await sql("alter table extended.deployments add column later text; update extended.meta set version = 99");

  const again = await postgresLedger({ url: database.url, schema: "extended" });
  const attempt = await again.beginAttempt(id, executor("e1"));
  await again.finish(id, "succeeded", attempt);
  await again.close();

  expect(await sql("select version from extended.meta")).toEqual([{ version: 99 }]);
});

test("an unreachable ledger says so, without its password", async () => {
  const url = "postgresql://sluice:hunter2@127.0.0.1:1/ledger";

  const refusal = await postgresLedger({ url }).catch((thrown: unknown) => thrown);

  expect(refusal).toMatchObject({
    failure: { code: "LEDGER_UNREACHABLE", hint: expect.stringMatching(/: sluice status$/) },
  });
  expect(JSON.stringify(refusal)).not.toContain("hunter2");
});

test("a read-only database is named as such", async () => {
  const ledger = await postgresLedger({ url: `${database.url}&options=-c%20default_transaction_read_only%3Don` });

  await expect(ledger.createDeployment({ ...deployment })).rejects.toMatchObject({
    failure: { code: "LEDGER_UNREACHABLE", message: expect.stringContaining("read-only") },
  });

  await ledger.close();
});

test("a lost connection is replaced, and the write that met it says LEDGER_UNREACHABLE or succeeds", async () => {
  const ledger = await postgresLedger({ url: database.url, schema: "cut" });
  const { id } = await ledger.createDeployment({ ...deployment });
  await sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sluice ledger'");

  const met = await ledger.beginAttempt(id, executor("e")).catch((thrown: unknown) => thrown);
  const attempt = await ledger.beginAttempt(id, executor("e"));

  expect(met instanceof Error ? met : null).toSatisfy(
    (error) => error === null || error.failure.code === "LEDGER_UNREACHABLE",
  );
  await ledger.assertInCharge(attempt);
  await ledger.close();
});

test("a rolled-back write leaves nothing behind", async () => {
  const { id } = await shared.createDeployment({ ...deployment, environment: "rollback" });
  const attempt = await shared.beginAttempt(id, executor("e"));
  const badEvent = { deploymentId: id, environment: "nowhere", step: "s", phase: "end", key: "", title: "t" } as const;

  await expect(shared.append({ ...badEvent, tone: "ok", actor: null, detail: null }, attempt)).rejects.toThrow();

  expect(await shared.events(id, 0)).toEqual([]);
  await shared.append({ ...badEvent, environment: "rollback", tone: "ok", actor: null, detail: null }, attempt);
  expect((await shared.events(id, 0)).map(({ seq }) => seq)).toEqual([1]);
});

test("Z4 D4 events and votes can only be added: every other write is refused, by whatever way it comes", async () => {
  const ledger = await postgresLedger({ url: database.url, schema: "append" });
  const { id } = await ledger.createDeployment({ ...deployment });
  await ledger.recordApproval(id, {
    ...{ by: "bob", decision: "approve", planDigest: "1", comment: "" },
    proof: { kind: "declared" },
  });
  const before = await ledger.chain({ kind: "deployment", id });

  for (const table of ["events", "approvals"]) {
    const column = table === "events" ? "title = title" : "vote = vote";
    for (const [verb, write] of [
      ["update", `update append.${table} set ${column}`],
      ["update", `update append.${table} set ${column} where false`],
      ["delete", `delete from append.${table}`],
      ["truncate", `truncate append.${table} cascade`],
      ["update", `set session_replication_role = replica; update append.${table} set ${column}`],
    ]) {
      await expect(sql(write ?? ""), write).rejects.toThrow(`the table ${table} is append-only: ${verb} is refused`);
    }
  }

  expect(await ledger.chain({ kind: "deployment", id })).toEqual(before);
  expect(before.events).toHaveLength(1);
  await ledger.close();
});

test("Z4 a ledger that was made before becomes append-only when it is opened, and keeps what it holds", async () => {
  const first = await postgresLedger({ url: database.url, schema: "earlier" });
  const { id } = await first.createDeployment({ ...deployment });
  await first.requestCancel(id, "ada", "wrong tag");
  await first.close();
  await sql(`drop trigger append_only on earlier.events; drop trigger append_only on earlier.approvals;
    drop function earlier.refuse_rewriting; update earlier.meta set version = 1`);

  const again = await postgresLedger({ url: database.url, schema: "earlier" });

  expect(again.id).toBe(first.id);
  expect(await again.events(id, 0)).toMatchObject([{ step: "cancel", actor: "ada" }]);
  await expect(sql("delete from earlier.events")).rejects.toThrow("append-only");
  await again.close();
});

test("Z4 a chain shows events that no story would: below the first number, or without their deployment", async () => {
  const ledger = await postgresLedger({ url: database.url, schema: "hidden" });
  const { id } = await ledger.createDeployment({ ...deployment });
  await ledger.requestCancel(id, "ada", "wrong tag");
  await sql(`set session_replication_role = replica; alter table hidden.events disable trigger append_only;
    insert into hidden.events select 'ghost', environment, seq, attempt, at_ms, step, phase, key, title, tone, actor, detail, hash
      from hidden.events; update hidden.events set seq = -1 where deployment_id = 'd'`);

  expect(await ledger.chains()).toContainEqual({ kind: "deployment", id: "ghost" });
  expect(await ledger.chain({ kind: "deployment", id: "ghost" })).toMatchObject({ end: null, events: [{ seq: 1 }] });
  expect(await ledger.chain({ kind: "deployment", id })).toMatchObject({ end: { seq: 1 }, events: [{ seq: -1 }] });
  await ledger.close();
});
