/**
 * Z1 with a PostgreSQL of the user's own, which nobody of ours starts again: killed with -9 and restarted several times while a
 * deployment runs under traffic. The deployment waits and ends as if nothing had happened; no request is lost, nothing is doubled.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { lockHolder } from "../../src/adapters/file-lock.ts";
import { serverBinaries } from "../../src/adapters/postgres/test-server.ts";
import { standbyLock } from "../../src/app/start-worker.ts";
import { openState } from "../../src/app/state.ts";
import { eventually, isAlive, signal } from "../e2e/processes.ts";
import { jsonLines, type TinyProject, tinyProject, told } from "../e2e/project.ts";
import { backupsOf, migrationEffects, startsOf } from "./evidence.ts";
import { type OwnDatabase, ownDatabase } from "./own-database.ts";

const binaries = await serverBinaries();
if (binaries === undefined) console.warn("skipped: a database of the user's own needs PostgreSQL (postgresql)");

/** Long enough for a database that is away in between; fixed limits judge. */
const patientRollout =
  "{ steps: [{ percent: 50, bake: 1500ms }, { percent: 100, bake: 500ms }], checkEvery: 100ms, failureLimit: 3, drainTimeout: 2s, limits: { minRequests: 5, errorRate: 0.05, errorRateRise: off, meanLatency: off, p95Latency: off }, unknownFor: 10s, unattended: 20s, keepStable: 0s, verdict: { mode: off } }";

let database: OwnDatabase;
let project: TinyProject;

beforeAll(async () => {
  if (binaries === undefined) return;
  database = await ownDatabase(binaries);
  project = await tinyProject({
    database: true,
    releases: [
      { tag: "v1.0.0", behaviour: "healthy" },
      { tag: "v2.0.0", behaviour: "healthy", migrations: ["m1"] },
      { tag: "v3.0.0", behaviour: "fails-half", migrations: ["m1", "m2"] },
      { tag: "v4.0.0", behaviour: "healthy", migrations: ["m1", "m2"] },
    ],
    environment: { lock: "{ lease: 1s, heartbeat: 200ms }", rollout: patientRollout },
    variables: { SLUICE_DATABASE_URL: database.url },
  });
  const first = await project.sluice("deploy", "production", "v1.0.0");
  expect(first.exitCode, told(first)).toBe(0);
  project.traffic?.reset();
}, 90_000);

afterEach(async () => {
  await database?.restart();
});

afterAll(async () => {
  await project?.stop();
  await database?.stop();
}, 60_000);

async function facts(id: string) {
  const state = await openState({ url: database.url, stateFolder: project.stateFolder });
  try {
    const events = await state.ledger.events(id, 0);
    return {
      row: await state.ledger.deployment(id),
      lock: await state.ledger.lock("production"),
      record: await state.ledger.record(id),
      serves: (await state.ledger.serving("production"))?.version,
      outcomes: new Set(
        events.filter(({ key, step }) => step === "finish" && key === "outcome").map(({ title }) => title),
      ),
    };
  } finally {
    await state.close();
  }
}

describe.skipIf(binaries === undefined)("Z1 the database is killed and restarted, again and again", () => {
  test.for([
    { version: "v2.0.0", outcome: "succeeded", exitCode: 0, serves: "v2.0.0", effects: ["m1"] },
    { version: "v3.0.0", outcome: "rolled-back", exitCode: 4, serves: "v2.0.0", effects: ["m1", "m2"] },
  ])("Z1 $version still ends as $outcome", { timeout: 120_000 }, async (wanted) => {
    const began = await project.sluice("deploy", "production", wanted.version, "--detach", "--json");
    const id = jsonLines(began)[0]?.deployment ?? told(began);
    for (const [runsMs, downMs] of [
      [400, 300],
      [700, 1_200],
      [900, 300],
      [600, 2_500],
    ] as const) {
      await pause(runsMs);
      await database.kill();
      await pause(downMs);
      await database.restart();
    }

    const ran = await project.sluice("resume", id, "--wait");

    expect(ran.exitCode, told(ran)).toBe(wanted.exitCode);
    const { row, lock, record, serves, outcomes } = await facts(id);
    expect(row?.outcome).toBe(wanted.outcome);
    expect(lock, "the lock is free").toBeUndefined();
    expect(record, "the record is written").toBeDefined();
    expect(serves).toBe(wanted.serves);
    expect(outcomes.size, "one outcome was told").toBe(1);
    expect((await project.ask())?.version).toBe(wanted.serves);
    expect(startsOf(project, id), "instances started").toBe(1);
    expect(backupsOf(project, id), "backups taken").toHaveLength(1);
    expect(migrationEffects(project), "each migration took effect once").toEqual(wanted.effects);
    await project.settled();
    expect(await project.instances(), "only what serves runs").toHaveLength(1);
  });

  test("Z1 not one request was lost meanwhile", () => {
    expect(project.traffic?.seen.requests).toBeGreaterThan(300);
    expect(project.traffic?.seen.lost).toBe(0);
  });

  test("L2 the worker dies while the database is away: the standby, which waits for it, goes on as soon as it is back", {
    timeout: 90_000,
  }, async () => {
    // Those of the deployments before have gone.
    await project.settled();
    const began = await project.sluice("deploy", "production", "v4.0.0", "--detach", "--json");
    const id = jsonLines(began)[0]?.deployment ?? told(began);
    const standby = await eventually("it stands by", () => lockHolder(standbyLock(project.stateFolder)));
    const before = await eventually("it has begun", async () => (await facts(id)).row?.executor ?? undefined);
    await database.kill();
    // More than one look of the standby's.
    await pause(2_500);
    expect(signal(before.pid, "SIGKILL")).toBe(true);
    await pause(1_500);
    const log = readFileSync(join(project.stateFolder, "workers", "standby.log"), "utf8");
    expect(isAlive(standby), `it does not give up: ${log}`).toBe(true);

    await database.restart();
    await eventually("its end", async () => (await facts(id)).row?.outcome ?? undefined, 45_000);

    const { row, lock, serves } = await facts(id);
    expect(row?.outcome).toBe("succeeded");
    expect(row?.executor?.pid, "another one ran it").not.toBe(before.pid);
    expect([lock, serves]).toEqual([undefined, "v4.0.0"]);
    expect(startsOf(project, id), "instances started").toBe(1);
    expect(project.traffic?.seen.lost).toBe(0);
    await project.settled();
  });

  test("Z1 while it is down, commands say so and what serves goes on", { timeout: 120_000 }, async () => {
    await database.kill();

    const looked = await project.sluice("status", "--json");

    expect(looked.exitCode, told(looked)).toBe(1);
    expect(jsonLines(looked).at(-1)?.error).toMatchObject({ code: "LEDGER_UNREACHABLE" });
    expect(looked.tookMs).toBeLessThan(15_000);
    expect((await project.ask())?.version, "what serves goes on").toBe("v4.0.0");
    await eventually("no process is left behind by it", async () =>
      (await project.processes()).every(({ kind }) => kind === "router" || kind === "instance"),
    );
  });
});
