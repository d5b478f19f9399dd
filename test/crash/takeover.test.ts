/**
 * L2 with nobody watching: the process that runs a deployment is killed, and nobody follows it, types a command or starts
 * anything. The standby that was started behind it goes on within seconds.
 */
import { existsSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lockHolder } from "../../src/adapters/file-lock.ts";
import { machineClock } from "../../src/app/clock.ts";
import { standbyLock } from "../../src/app/start-worker.ts";
import { openState } from "../../src/app/state.ts";
import type { DeploymentRow } from "../../src/ports/ledger.ts";
import { eventually, isAlive, signal } from "../e2e/processes.ts";
import { type TinyProject, tinyProject, told } from "../e2e/project.ts";
import type { TinyRelease } from "../e2e/tiny-release.ts";
import { backupsOf, deployDetached, expectSettled, ledgerFacts, migrationEffects, startsOf } from "./evidence.ts";

/** What is promised is 5 s and measured by `npm run bench -- resume`; here the machine also runs other tests. */
const limitMs = 15_000;
const tags = ["v1.0.0", "v2.0.0", "v2.1.0", "v2.2.0", "v2.3.0", "v2.4.0"];
const releases: readonly TinyRelease[] = tags.map((tag, at) => ({
  tag,
  behaviour: "healthy",
  migrations: Array.from({ length: at }, (_, id) => `m${id}`),
}));
/** Long enough to be killed in; judged by its health alone, since this load proves nothing. */
const rollout =
  "{ steps: [{ percent: 50, bake: 1500ms }, { percent: 100, bake: 300ms }], checkEvery: 100ms, failureLimit: 3, drainTimeout: 2s, limits: { minRequests: 1, errorRate: 0.05, errorRateRise: off, meanLatency: off, p95Latency: off }, unknownFor: 3s, unattended: 10s, keepStable: 0s, verdict: { mode: off } }";

let project: TinyProject;

beforeAll(async () => {
  project = await tinyProject({ database: true, releases, load: 20, environment: { rollout } });
  await endOf((await deployDetached(project, "v1.0.0")).id);
});

afterAll(async () => {
  await project?.stop();
});

/** The row as soon as it is as wanted, seen through one connection that stays open meanwhile. */
async function rowWhen(id: string, what: string, wanted: (row: DeploymentRow) => boolean): Promise<DeploymentRow> {
  const state = await openState({ url: undefined, stateFolder: project.stateFolder });
  try {
    return await eventually(
      what,
      async () => {
        const row = await state.ledger.deployment(id);
        return row && wanted(row) && row;
      },
      30_000,
    );
  } finally {
    await state.close();
  }
}

const endOf = (id: string) => rowWhen(id, "its end", ({ state }) => state === "ended");

/** Kills whoever runs it, and returns who took it over, after how long. */
async function killRunner(id: string, standsBy = true): Promise<{ readonly pid: number; readonly afterMs: number }> {
  const before = await rowWhen(id, "somebody runs it", ({ executor }) => executor !== null && isAlive(executor.pid));
  if (standsBy) await standbyOf(before.executor?.pid);
  const killedAtMs = performance.now();
  expect(signal(before.executor?.pid ?? 0, "SIGKILL")).toBe(true);
  const after = await rowWhen(id, "another one runs it", ({ executor }) => executor?.id !== before.executor?.id);
  return { pid: after.executor?.pid ?? 0, afterMs: performance.now() - killedAtMs };
}

/** One that watches, not the one that runs. */
const standbyOf = (runner: number | undefined) =>
  eventually("a standby", async () =>
    (await project.processes()).find(({ kind, pid }) => kind === "standby" && pid !== runner),
  );

async function expectAsIfNothingHappened(id: string, version: string): Promise<void> {
  expect((await endOf(id)).outcome).toBe("succeeded");
  await expectSettled(project, id, "succeeded", version);
  expect(startsOf(project, id), "instances started").toBe(1);
  expect(backupsOf(project, id), "backups taken").toHaveLength(1);
  const effects = migrationEffects(project);
  expect(effects, "each migration took effect once").toEqual([...new Set(effects)]);
}

describe("nobody follows", () => {
  test("L2 a worker killed by kill -9 is replaced within seconds, and the story says by whom", {
    timeout: 120_000,
  }, async () => {
    const { id } = await deployDetached(project, "v2.0.0");

    const successor = await killRunner(id);
    console.log(`taken over after ${Math.round(successor.afterMs)} ms`);

    expect(successor.afterMs).toBeLessThan(limitMs);
    await expectAsIfNothingHappened(id, "v2.0.0");
    const { events } = await ledgerFacts(project, id);
    const said = events.filter(({ step }) => step === "take over").map(({ title }) => title);
    expect(said).toEqual([expect.stringContaining(`the standby (pid ${successor.pid}) goes on`)]);
  });

  test("L2 the one that took over is watched as well: killed, it is replaced again", { timeout: 120_000 }, async () => {
    const { id } = await deployDetached(project, "v2.1.0");

    const first = await killRunner(id);
    const second = await killRunner(id);

    expect(second.pid).not.toBe(first.pid);
    expect(second.afterMs).toBeLessThan(limitMs);
    await expectAsIfNothingHappened(id, "v2.1.0");
  });

  test("L2 of several processes that take it over at once one wins and the others do nothing", {
    timeout: 120_000,
  }, async () => {
    const off = { SLUICE_STANDBY: "off" };
    const deployed = await project.sluiceWith(off, "deploy", "production", "v2.2.0", "--detach", "--json");
    const id = String(JSON.parse(deployed.stdout.split("\n")[0] ?? "{}").deployment);
    const before = await rowWhen(id, "it runs", ({ executor }) => executor !== null);
    signal(before.executor?.pid ?? 0, "SIGKILL");
    await eventually("its death", () => !isAlive(before.executor?.pid ?? 0));

    const racing = Array.from({ length: 4 }, () => project.start(["worker", id], off).ended);
    const ended = await Promise.all(racing);

    expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
    await expectAsIfNothingHappened(id, "v2.2.0");
    // One takes charge, begins, and takes the lock where that was not done; two would have taken at least four numbers.
    const { row } = await ledgerFacts(project, id);
    expect(row.attempt - before.attempt).toBeLessThanOrEqual(3);
    expect(ended.filter(({ stderr }) => stderr.includes("another process was quicker")).length).toBeGreaterThan(0);
  });

  test("L2 the standby outlives its ledger: killed together with the worker, both run again", {
    timeout: 120_000,
  }, async () => {
    const { id, worker } = await deployDetached(project, "v2.3.0");
    await standbyOf(worker.pid);
    await machineClock.sleep(1_500);
    const database = (await project.processes()).find(({ kind }) => kind === "postgres");

    expect(signal(database?.pid ?? 0, "SIGKILL")).toBe(true);
    expect(signal(worker.pid, "SIGKILL")).toBe(true);
    await eventually(
      "the standby ends it",
      async () => (await project.processes()).every(({ kind }) => kind === "router" || kind === "instance"),
      30_000,
    );

    await expectAsIfNothingHappened(id, "v2.3.0");
  });

  test("Z1 worker and standby killed together: status says that nobody runs it, and resume goes on", {
    timeout: 120_000,
  }, async () => {
    const { id, worker } = await deployDetached(project, "v2.4.0");
    const standby = await standbyOf(worker.pid);
    await rowWhen(id, "it has begun", ({ executor }) => executor !== null);
    signal(standby.pid, "SIGKILL");
    signal(worker.pid, "SIGKILL");
    await eventually("their deaths", () => !isAlive(standby.pid) && !isAlive(worker.pid));

    const status = await project.sluice("status", id);
    const resumed = await project.sluice("resume", id);

    expect(`${status.stdout}${status.stderr}`).toContain("which is gone");
    expect(resumed.exitCode, told(resumed)).toBe(0);
    await expectAsIfNothingHappened(id, "v2.4.0");
  });

  test("L2 a standby whose state folder is deleted notices it, ends its database's server and leaves", {
    timeout: 120_000,
  }, async () => {
    const lonely = await tinyProject({ load: 20 });
    try {
      const standby = lonely.start(["standby"]);
      await eventually("it stands by", () => lockHolder(standbyLock(lonely.stateFolder)), 30_000);
      expect((await lonely.processes()).map(({ kind }) => kind)).toContain("postgres");

      rmSync(lonely.stateFolder, { recursive: true });

      const ended = await standby.ended;
      expect(ended.exitCode, told(ended)).toBe(0);
      expect(`${ended.stdout}${ended.stderr}`).toContain("the state folder is gone; the standby leaves");
      expect(existsSync(lonely.stateFolder), "and makes none").toBe(false);
    } finally {
      // Fails where anything runs on.
      await lonely.stop();
    }
  });

  test("L2 when nothing is unfinished the standby leaves, and the ledger's database with it", {
    timeout: 120_000,
  }, async () => {
    await project.settled();

    expect((await project.processes()).map(({ kind }) => kind).sort()).toEqual(["instance", "router"]);
  });
});
