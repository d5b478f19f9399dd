/** D4 Z4 at the real command line: the trail, and a ledger whose rows somebody edits by SQL with the triggers switched off. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../../src/engine/test-database.ts";
import { jsonLines, type Ran, type TinyProject, tinyProject, told } from "./project.ts";

let keys: string;
let database: TestDatabase;
let project: TinyProject;
let file: string;
let key: string;
let id: string;

interface Report {
  readonly intact: boolean;
  readonly events: number;
  readonly coveredEvents: number;
  readonly faults: readonly { readonly where: string; readonly seq: number | null; readonly kind: string }[];
  readonly places: readonly { readonly checkpoints: number; readonly signed: number }[];
  readonly cannotSee: readonly string[];
}

const client = async <T>(work: (sql: pg.Client) => Promise<T>): Promise<T> => {
  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  return work(sql).finally(() => sql.end());
};

const reportOf = (ran: Ran): Report => {
  const [report] = jsonLines(ran) as unknown as readonly Report[];
  if (report === undefined) throw new Error(told(ran));
  return report;
};

const verify = async (...args: string[]) => {
  const ran = await project.sluice("audit", "verify", "--json", ...args);
  return { exitCode: ran.exitCode, ...reportOf(ran) };
};

/** Edits as the owner of the database can, asks for a verdict, and puts every row back. */
async function afterEditing(edit: string, ...args: string[]) {
  const tables = ["events", "approvals", "deployments", "meta"];
  await client(async (sql) => {
    for (const table of tables) await sql.query(`create table kept_${table} as table sluice.${table}`);
    await sql.query("alter table sluice.events disable trigger append_only");
    await sql.query("alter table sluice.approvals disable trigger append_only");
    await sql.query(edit);
  });
  try {
    return await verify(...args);
  } finally {
    await client(async (sql) => {
      await sql.query("set session_replication_role = replica");
      for (const table of tables) {
        await sql.query(`delete from sluice.${table}`);
        const identity = ["approvals", "deployments"].includes(table) ? "overriding system value" : "";
        await sql.query(`insert into sluice.${table} ${identity} table kept_${table}; drop table kept_${table}`);
      }
      await sql.query("alter table sluice.events enable always trigger append_only");
      await sql.query("alter table sluice.approvals enable always trigger append_only");
    });
  }
}

beforeAll(async () => {
  keys = mkdtempSync(join(tmpdir(), "tiny-audit-"));
  key = join(keys, "checkpoint");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "sluice", "-f", key]);
  file = join(keys, "second-place", "checkpoints.jsonl");
  database = await testDatabase();
  project = await tinyProject({
    load: 20,
    environment: { audit: JSON.stringify({ checkpoints: file, key }) },
    variables: { SLUICE_DATABASE_URL: database.url },
  });
  expect((await project.sluice("lock", "take", "production", "--reason", "incident 4711")).exitCode).toBe(0);
  expect((await project.sluice("lock", "release", "production", "--reason", "it is over")).exitCode).toBe(0);
  const ran = await project.sluice("deploy", "production", "v1.0.0", "--json");
  expect(ran.exitCode, told(ran)).toBe(0);
  id = jsonLines(ran).at(-1)?.deployment ?? "";
}, 60_000);

afterAll(async () => {
  await project?.stop();
  await database?.remove();
  if (keys) rmSync(keys, { recursive: true });
});

test("Z4 an untouched ledger is intact (0), and every checkpoint of it is signed", async () => {
  const report = await verify();

  expect(report).toMatchObject({ exitCode: 0, intact: true, faults: [], places: [{ checkpoints: 2, signed: 2 }] });
  expect(report.events).toBeGreaterThan(10);
  expect(report.coveredEvents).toBeGreaterThan(report.events - 5);
});

test("D4 the trail says who did what, when and why", async () => {
  const ran = await project.sluice("audit", "production", "--json");
  const one = await project.sluice("audit", id, "--limit", "1");

  const { entries } = jsonLines(ran)[0] as unknown as { entries: readonly Record<string, unknown>[] };
  expect(entries.map(({ actor, action, reason }) => [actor, action, reason])).toEqual([
    ["sluice", "end", null],
    ["ada", "deploy", null],
    ["ada", "unlock", "it is over"],
    ["ada", "lock", "incident 4711"],
  ]);
  expect(entries[0]).toMatchObject({ deployment: id, at: expect.stringMatching(/^\d{4}-.*Z$/) });
  expect(one.stdout.trim().split("\n")).toHaveLength(2);
  expect(one.stdout).toContain("Deployment of v1.0.0 ended: succeeded");
  expect((await project.sluice("audit", "nowhere")).exitCode).toBe(2);
});

test("Z4 without the owner's rights to the triggers nothing can be edited at all", async () => {
  await expect(client((sql) => sql.query("update sluice.events set actor = 'eve'"))).rejects.toThrow("append-only");
  await expect(client((sql) => sql.query("delete from sluice.events"))).rejects.toThrow("append-only");
});

const middle = "deployment_id is not null and seq = 5";
test.for<readonly [string, string, string, number | null]>([
  ["an edited title", `update sluice.events set title = 'all is well' where ${middle}`, "changed", 5],
  [
    "another actor",
    "update sluice.events set actor = 'eve' where step = 'lock' and deployment_id is null",
    "changed",
    1,
  ],
  ["another time", `update sluice.events set at_ms = at_ms - 1 where ${middle}`, "changed", 5],
  ["a deleted event", `delete from sluice.events where ${middle}`, "missing", 5],
  [
    "two events exchanged",
    `update sluice.events set seq = -seq where deployment_id is not null and seq in (5, 6);
     update sluice.events set seq = 11 + seq where deployment_id is not null and seq < 0`,
    "reordered",
    5,
  ],
  [
    "an event put in",
    "insert into sluice.events select deployment_id, environment, 0, attempt, at_ms, 'x', phase, key, title, tone, actor, detail, hash from sluice.events where deployment_id is not null and seq = 1",
    "reordered",
    1,
  ],
  ["who started it", "update sluice.deployments set started_by = 'eve'", "disagrees", null],
  ["how it ended", "update sluice.deployments set outcome = 'rolled-back'", "disagrees", null],
  [
    "a vote put in",
    `insert into sluice.approvals (deployment_id, key, vote) select id, 'k', '{"by":"eve","decision":"approve"}' from sluice.deployments`,
    "disagrees",
    null,
  ],
])("Z4 %s by SQL is found without any checkpoint (1)", { timeout: 120_000 }, async ([, edit, kind, seq]) => {
  const empty = join(keys, "none.jsonl");
  writeFileSync(empty, "");

  const report = await afterEditing(edit, "--checkpoints", empty);

  expect(report).toMatchObject({ exitCode: 1, intact: false, faults: [{ kind }] });
  if (seq !== null) expect(report.faults[0]?.seq).toBe(seq);
  expect(report.cannotSee.join()).toContain("there are no checkpoints");
});

const cutTail = `delete from sluice.events where deployment_id is not null and seq > 6;
  update sluice.deployments set event_seq = 6,
    event_hash = (select hash from sluice.events where deployment_id is not null and seq = 6)`;
const everythingGone =
  "delete from sluice.events; delete from sluice.approvals; update sluice.deployments set event_seq = 0, event_hash = '', outcome = null; update sluice.environments set event_seq = 0, event_hash = ''";

test("Z4 a cut tail whose traces were removed is found by the checkpoints, and only by them", {
  timeout: 120_000,
}, async () => {
  const empty = join(keys, "none.jsonl");
  writeFileSync(empty, "");

  expect(await afterEditing(cutTail, "--checkpoints", empty)).toMatchObject({ exitCode: 0, faults: [] });
  expect(await afterEditing(cutTail)).toMatchObject({
    exitCode: 1,
    faults: [{ where: `deployment ${id}`, seq: 7, kind: "cut" }],
  });
});

test("Z4 a ledger that was given another id cannot disown its checkpoints", { timeout: 120_000 }, async () => {
  const report = await afterEditing("update sluice.meta set ledger_id = gen_random_uuid()");

  expect(report.exitCode).toBe(1);
  expect(report.faults.map(({ kind }) => kind)).toEqual(["ledger", "ledger"]);
});

test("Z4 a checkpoint that was changed or signed by somebody else is named by its line (1)", async () => {
  const forged = join(keys, "forged.jsonl");
  const [line = ""] = readFileSync(file, "utf8").split("\n");
  writeFileSync(forged, `${line.replace(/"seq":\d+/, '"seq":3')}\n`);

  const changed = await verify("--checkpoints", forged);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(keys, "stranger")]);
  writeFileSync(join(keys, "signers"), `auditor ${readFileSync(join(keys, "stranger.pub"), "utf8")}`);
  const stranger = await verify("--signers", join(keys, "signers"));

  expect(changed).toMatchObject({ exitCode: 1, faults: [{ where: `${forged}, line 1`, kind: "signature" }] });
  expect(stranger.faults.map(({ kind }) => kind)).toEqual(["signature", "signature"]);
  expect((await project.sluice("audit", "verify", "--checkpoints", join(keys, "absent"))).exitCode).toBe(2);
});

test("Z4 people read what was found, where, and what cannot be seen", { timeout: 120_000 }, async () => {
  const good = await project.sluice("audit", "verify");
  await project.sluice("note", id, "looked at it");
  const noted = await project.sluice("audit", "verify");

  expect(good.exitCode, told(good)).toBe(0);
  expect(good.stdout).toMatch(/✓ \d+ events of 1 deployment and 1 environment: each follows from the one before/);
  expect(good.stdout).toContain(`✓ 2 checkpoints in ${file}: 2 signed by a trusted key`);
  expect(noted.stdout).toMatch(/cannot see whether what came after the last checkpoints was cut or rewritten: \d+ of/);
  expect(good.stderr.trim().split("\n").at(-1)).toBe("next: sluice audit");
});

test("Z4 a broken sluice.yaml does not keep an auditor from looking", { timeout: 120_000 }, async () => {
  const configuration = join(project.folder, "sluice.yaml");
  const before = readFileSync(configuration, "utf8");
  writeFileSync(configuration, `${before}\nnonsense: 1\n`);

  const report = await verify("--checkpoints", file, "--signers", join(keys, "signers")).finally(() =>
    writeFileSync(configuration, before),
  );

  expect(report.events).toBeGreaterThan(10);
  expect(existsSync(join(project.folder, "deployment-logs", "audit-checkpoints.jsonl"))).toBe(false);
  expect(await afterEditing(everythingGone)).toMatchObject({ exitCode: 1 });
});
