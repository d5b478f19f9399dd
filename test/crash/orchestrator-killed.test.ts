/**
 * Z1 against the real thing: the process that runs a deployment is killed, suspended, loses its database or its router, at
 * moments nobody chose. Whoever goes on, its standby, a follower or `sluice resume`, ends the deployment as if nothing had
 * happened, and nothing was done twice.
 */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, isAlive, signal } from "../e2e/processes.ts";
import { type Ran, type TinyProject, tinyProject, told } from "../e2e/project.ts";
import { patientRollout, type TinyRelease } from "../e2e/tiny-release.ts";
import {
  backupsOf,
  deployDetached,
  expectSettled,
  ledgerFacts,
  migrationEffects,
  newestOf,
  startsOf,
  untilEvent,
} from "./evidence.ts";

const rounds = 10;
const seed = Number(process.env.SLUICE_CRASH_SEED ?? Math.floor(Math.random() * 1e6));

/** Every third release is bad; each good one brings a migration of its own. */
const isBad = (round: number): boolean => round % 3 === 2;
const releases: readonly TinyRelease[] = [
  { tag: "v1.0.0", behaviour: "healthy" },
  ...Array.from({ length: rounds + 4 }, (_, round) => ({
    tag: `v2.${round}.0`,
    behaviour: isBad(round) ? ("fails-half" as const) : ("healthy" as const),
    migrations: Array.from({ length: round + 1 }, (_, id) => `m${String(id).padStart(2, "0")}`),
  })),
];
const good = (round: number): string => `v2.${round}.0`;

/** A generator with a seed, so that a failure can be repeated: SLUICE_CRASH_SEED. */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

let project: TinyProject;
let stable = "v1.0.0";
/** A little less than one takes from its worker's start to its end. */
const tookMs = 2_200;

beforeAll(async () => {
  project = await tinyProject({
    database: true,
    releases,
    environment: { lock: "{ lease: 1s, heartbeat: 200ms }", rollout: patientRollout },
  });
  const first = await project.sluice("deploy", "production", "v1.0.0");
  expect(first.exitCode, told(first)).toBe(0);
  project.traffic?.reset();
});

afterAll(async () => {
  await project?.stop();
});

const expectEnd = (ran: Ran, bad: boolean, when: string): void =>
  expect(ran.exitCode, `${when}\n${told(ran)}`).toBe(bad ? 4 : 0);

describe("the worker is killed", () => {
  const random = randomFrom(seed);
  console.log(`moments of kill -9 from SLUICE_CRASH_SEED=${seed}`);

  test.for(Array.from({ length: rounds }, (_, round) => round))(
    "Z1 kill -9 at a random moment, round %i: it ends the same, whoever was quicker, resume or the standby",
    { timeout: 120_000 },
    async (round) => {
      const afterMs = Math.floor(random() * tookMs);
      const { id, worker } = await deployDetached(project, good(round));
      await pause(afterMs);
      const hit = signal(worker.pid, "SIGKILL");
      const when = `round ${round}: killed after ${afterMs} ms${hit ? "" : " (it had ended)"}, seed ${seed}`;
      console.log(when);

      const resumed = await project.sluice("resume", id, "--wait");

      const bad = isBad(round);
      if (hit) expectEnd(resumed, bad, when);
      if (!bad) stable = good(round);
      await expectSettled(project, id, bad ? "rolled-back" : "succeeded", stable);
      expect(startsOf(project, id), "instances started").toBe(1);
      expect(backupsOf(project, id), "backups taken").toHaveLength(1);
      const effects = migrationEffects(project);
      expect(effects, "each migration took effect once").toEqual([...new Set(effects)]);
      expect(effects).toHaveLength(round + 1);
    },
  );

  test("Z1 killed three times on the way, the deployment still ends as if nothing had happened", {
    timeout: 120_000,
  }, async () => {
    const round = rounds + 1;
    const { id, worker } = await deployDetached(project, good(round));
    for (const afterMs of [300, 500, 700].map((ms) => Math.floor(ms + random() * 600))) {
      await pause(afterMs);
      const runner = (await ledgerFacts(project, id)).row.executor;
      signal(runner?.pid ?? worker.pid, "SIGKILL");
      await project.sluice("resume", id, "--detach");
    }

    const resumed = await project.sluice("resume", id, "--wait");

    expect(isBad(round), "this one brings traffic back").toBe(true);
    expectEnd(resumed, true, "killed three times");
    await expectSettled(project, id, "rolled-back", stable);
    expect(startsOf(project, id), "instances started").toBe(1);
    expect(backupsOf(project, id), "backups taken").toHaveLength(1);
  });

  test("Z1 not one request was lost meanwhile", () => {
    expect(project.traffic?.seen.requests).toBeGreaterThan(500);
    expect(project.traffic?.seen.lost).toBe(0);
  });
});

describe("other things die with it", () => {
  test("Z1 worker and embedded database are killed together: resume starts both again", {
    timeout: 120_000,
  }, async () => {
    const { id, worker } = await deployDetached(project, good(rounds));
    await untilEvent(project, id, "the candidate has traffic", ({ detail }) => isShifted(detail));
    const database = (await project.processes()).find(({ kind }) => kind === "postgres");

    expect(signal(database?.pid ?? 0, "SIGKILL")).toBe(true);
    expect(signal(worker.pid, "SIGKILL")).toBe(true);
    const resumed = await project.sluice("resume", id, "--wait");

    stable = good(rounds);
    expectEnd(resumed, false, "database killed");
    await expectSettled(project, id, "succeeded", stable);
    expect(startsOf(project, id)).toBe(1);
    expect(backupsOf(project, id)).toHaveLength(1);
  });

  test("Z1 the embedded database alone is killed during a bake: it is started again and the deployment ends well", {
    timeout: 120_000,
  }, async () => {
    const { id } = await deployDetached(project, good(rounds + 2));
    await untilEvent(project, id, "the candidate has traffic", ({ detail }) => isShifted(detail));
    const database = (await project.processes()).find(({ kind }) => kind === "postgres");

    expect(signal(database?.pid ?? 0, "SIGKILL")).toBe(true);
    const resumed = await project.sluice("resume", id, "--wait");

    stable = good(rounds + 2);
    expectEnd(resumed, false, "database killed");
    await expectSettled(project, id, "succeeded", stable);
    expect(startsOf(project, id)).toBe(1);
  });

  test("Z1 the router is killed during a bake: it is started again and the deployment ends with a version that answers", {
    timeout: 120_000,
  }, async () => {
    const { id } = await deployDetached(project, good(0));
    await untilEvent(project, id, "the candidate has traffic", ({ detail }) => isShifted(detail));
    const router = (await project.processes()).find(({ kind }) => kind === "router");

    expect(signal(router?.pid ?? 0, "SIGKILL")).toBe(true);
    const followed = await project.sluice("resume", id, "--wait");
    const { row } = await ledgerFacts(project, id);

    // Requests are lost while it is away, so both ends are right; a wrong word about the traffic would not be.
    console.log(`router killed: ${row.outcome}`);
    expect(["succeeded", "rolled-back"]).toContain(row.outcome);
    if (row.outcome === "succeeded") stable = good(0);
    expect(followed.exitCode, told(followed)).toBe(row.outcome === "succeeded" ? 0 : 4);
    await expectSettled(project, id, String(row.outcome), stable);
  });
});

describe("the worker is suspended, not dead", () => {
  test("L2 after its lease another one ends the deployment; woken up, the first does nothing more", {
    timeout: 120_000,
  }, async () => {
    const { id, worker } = await deployDetached(project, good(1));
    await untilEvent(project, id, "the candidate has traffic", ({ detail }) => isShifted(detail));
    signal(worker.pid, "SIGSTOP");
    const before = (await ledgerFacts(project, id)).row.attempt;

    const resumed = await project.sluice("resume", id, "--wait");
    const ended = await ledgerFacts(project, id);
    signal(worker.pid, "SIGCONT");
    await eventually("the first worker leaves", () => !isAlive(worker.pid), 20_000);

    expectEnd(resumed, false, "suspended");
    stable = good(1);
    expect(ended.row.attempt, "another attempt was in charge").toBeGreaterThan(before);
    const after = await ledgerFacts(project, id);
    expect(after.events.length, "no event came from the first one").toBe(ended.events.length);
    expect(after.row.attempt).toBe(ended.row.attempt);
    await expectSettled(project, id, "succeeded", stable);
    expect(startsOf(project, id)).toBe(1);
  });

  test("Z1 a follower notices that the worker was killed and has another one go on", { timeout: 120_000 }, async () => {
    const following = project.start(["deploy", "production", good(3)]);
    const worker = await eventually("the worker runs", async () =>
      (await project.processes()).find(({ kind }) => kind === "worker"),
    );
    const id = await eventually("it is written down", async () => newestOf(project, good(3)), 60_000);
    await untilEvent(project, id, "it has begun", ({ phase }) => phase === "end");
    expect(signal(worker.pid, "SIGKILL")).toBe(true);

    const ran = await following.ended;

    expect(ran.exitCode, told(ran)).toBe(0);
    // Where the standby was quicker, the story says so.
    expect(ran.stderr).toMatch(/another one takes over|the standby \(pid \d+\) goes on/);
    expect(ran.tookMs, "nobody had to come").toBeLessThan(60_000);
  });

  test("Z1 nothing of ours is left running but the router and the version that serves", async () => {
    await project.settled();
    const kinds = (await project.processes()).map(({ kind }) => kind).sort();
    expect(kinds).toEqual(["instance", "router"]);
  });
});

const isShifted = (detail: unknown): boolean => (detail as { readonly shifted?: boolean }).shifted === true;
