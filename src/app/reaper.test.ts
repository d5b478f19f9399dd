/** Which deployments a reaper takes over, with real settings and parts, a ledger in memory, and a pool that only takes charge. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { asJson } from "../domain/json.ts";
import { memoryLedger } from "../engine/ledger/memory-ledger.ts";
import type { DeploymentRow, Ledger } from "../ports/ledger.ts";
import { machineClock } from "./clock.ts";
import type { Executor } from "./flows.ts";
import { applicationVersion } from "./other-versions.ts";
import { openProject } from "./project.ts";
import { openReaper } from "./reaper.ts";
import { wire } from "./wire.ts";

const startMs = 1_000_000;
/** A pid that no process has: the highest one that Linux gives is below. */
const deadPid = 2 ** 22 + 1;
const host = "elsewhere";

let folder: string;
let nowMs: number;
let ledger: Ledger;
let workerDied: boolean;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-reaper-"));
  nowMs = startMs;
  workerDied = false;
  ledger = memoryLedger({ now: () => nowMs, id: "ledger" });
  writeFileSync(
    join(folder, "sluice.yaml"),
    [
      "sluice: 1",
      "project: tiny",
      "secrets: { TOKEN: { env: TOKEN } }",
      `notify: { people: { kind: log-file, file: told.log } }`,
      "components:",
      "  web: { command: [node, server.mjs], environment: { TOKEN: { secret: TOKEN } } }",
      "environments:",
      "  production: { policy: basic }",
      "",
    ].join("\n"),
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const partsOf =
  (environment: Readonly<Record<string, string>>) =>
  (row: DeploymentRow): ReturnType<typeof wire> =>
    wire(openProject(folder).settings(row.environment), {
      clock: machineClock,
      ledger,
      projectFolder: folder,
      stateFolder: join(folder, ".sluice"),
      environment,
    });

interface Change {
  readonly applicationVersion?: string;
  readonly projectFolder?: string;
  readonly runBy?: Executor | null;
}

/** Run by a process of `host` that has not shown itself since. */
async function deployment(change: Change = {}): Promise<string> {
  const { id } = await ledger.createDeployment({
    id: "d",
    project: "tiny",
    environment: "production",
    kind: "deploy",
    version: "v1.0.0",
    commit: "abc",
    startedBy: "ada",
    input: asJson({ projectFolder: change.projectFolder ?? folder, host }),
    applicationVersion: change.applicationVersion ?? applicationVersion,
  });
  const { runBy = { id: "before", host, pid: deadPid } } = change;
  if (runBy) await ledger.beginAttempt(id, runBy);
  return id;
}

function reaper(name = "standby", environment: Readonly<Record<string, string>> = { TOKEN: "t" }) {
  const executor = { id: name, host, pid: process.pid };
  const ran: string[] = [];
  const told: string[] = [];
  const { look } = openReaper({
    ledger,
    host,
    projectFolder: folder,
    neverBegins: () => workerDied,
    isHere: () => false,
    tell: (text) => told.push(text),
    pool: async () => ({
      executor,
      partsOf: partsOf(environment),
      ready: async () => undefined,
      async run(id, charged) {
        const row = await ledger.deployment(id);
        const attempt = await ledger.beginAttempt(id, executor, row?.attempt ?? 0);
        ran.push(id);
        if (charged) await charged(attempt);
      },
    }),
  });
  return { look, ran, told };
}

/** The lease runs out, and one more look goes by in silence. */
async function pastLease({ look }: ReturnType<typeof reaper>): Promise<void> {
  nowMs += 3_001;
  await look();
  nowMs += 1_000;
  await look();
}

test("L2 what was silent past its lease and for another look is taken over, once, and the story says so", async () => {
  const id = await deployment();
  const { look, ran, told } = reaper();

  await look();
  nowMs += 3_001;
  const first = await look();
  expect([first, ran]).toEqual([{ watched: 1, taken: 0 }, []]);
  nowMs += 1_000;
  expect(await look()).toEqual({ watched: 1, taken: 1 });

  expect(ran).toEqual([id]);
  expect(told).toEqual([`takes over v1.0.0 to production: deployment ${id}`]);
  expect((await ledger.events(id, 0)).map(({ step }) => step)).toEqual(["take over"]);
  expect(await look()).toEqual({ watched: 1, taken: 0 });
});

test("L2 a process that shows itself again after its lease, as after a machine's sleep, keeps its deployment", async () => {
  const id = await deployment();
  const { look, ran } = reaper();

  nowMs += 60_000;
  await look();
  await ledger.heartbeat(id, { ledgerId: "ledger", n: 1, deploymentId: id }, 3_000);
  nowMs += 1_000;
  await look();

  expect(ran).toEqual([]);
});

test("L2 of many reapers that find the same deployment at once exactly one runs it", async () => {
  await deployment();
  const reapers = Array.from({ length: 8 }, (_, n) => reaper(`standby ${n}`));
  nowMs += 3_001;
  await Promise.all(reapers.map(({ look }) => look()));
  nowMs += 1_000;

  const looked = await Promise.all(reapers.map(({ look }) => look()));

  expect(looked.filter(({ taken }) => taken === 1)).toHaveLength(1);
  expect(reapers.flatMap(({ ran }) => ran)).toHaveLength(1);
  expect(reapers.flatMap(({ told }) => told)).toHaveLength(1);
});

test("L2 one whose worker died before it had begun is begun at once", async () => {
  const id = await deployment({ runBy: null });
  const { look, ran } = reaper();

  expect(await look()).toEqual({ watched: 1, taken: 0 });
  workerDied = true;
  expect(await look()).toEqual({ watched: 1, taken: 1 });

  expect(ran).toEqual([id]);
});

test("L2 one that nobody is known to run is begun after a while, on the machine that was asked", async () => {
  const id = await deployment({ runBy: null });
  const { look, ran } = reaper();

  nowMs += 14_900;
  expect(await look()).toEqual({ watched: 1, taken: 0 });
  nowMs += 200;
  expect(await look()).toEqual({ watched: 1, taken: 1 });

  expect(ran).toEqual([id]);
});

test("Z1 what another version began is named once and left alone", async () => {
  const id = await deployment({ applicationVersion: "0" });
  const standby = reaper();

  await pastLease(standby);

  expect(standby.ran).toEqual([]);
  expect(standby.told).toEqual([expect.stringContaining(`deployment ${id}, journal 0`)]);
});

test.each<[string, Change]>([
  ["another machine", { runBy: { id: "before", host: "a third one", pid: deadPid } }],
  ["another folder", { projectFolder: "/srv/another" }],
])("L2 what belongs to %s is neither taken over nor waited for", async (_where, change) => {
  await deployment(change);
  const standby = reaper();

  await pastLease(standby);

  expect(standby.ran).toEqual([]);
  expect(await standby.look()).toEqual({ watched: 0, taken: 0 });
});

test("L3 what is quarantined is a person's business", async () => {
  const id = await deployment();
  await ledger.setState(id, "quarantined", { ledgerId: "ledger", n: 1, deploymentId: id });
  const standby = reaper();

  await pastLease(standby);

  expect([standby.ran, await standby.look()]).toEqual([[], { watched: 0, taken: 0 }]);
});

test("K1 without a secret that it needs it is left to somebody who has it", async () => {
  const id = await deployment();
  const standby = reaper("standby", {});

  await pastLease(standby);

  expect(standby.ran).toEqual([]);
  expect(standby.told).toEqual([expect.stringMatching(new RegExp(`TOKEN is not set here.*sluice resume ${id}`))]);
});

test("L2 one whose processes keep dying is taken over five times, ever later, then quarantined, and people are told", async () => {
  const id = await deployment();
  const standby = reaper();
  const takenAtMs: number[] = [];

  for (let seconds = 0; seconds < 300 && (await ledger.deployment(id))?.state !== "quarantined"; seconds++) {
    nowMs += 1_000;
    if ((await standby.look()).taken > 0) takenAtMs.push(nowMs);
  }

  expect(standby.ran).toHaveLength(5);
  const pauses = takenAtMs.slice(1).map((atMs, n) => atMs - (takenAtMs[n] ?? 0));
  expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
  expect(await ledger.deployment(id)).toMatchObject({ state: "quarantined", outcome: null });
  const last = (await ledger.events(id, 0)).at(-1)?.title;
  expect(last).toContain("died 6 times");
  expect(last).toContain(`sluice resume ${id}`);
  expect(existsSync(join(folder, "told.log"))).toBe(true);
  expect(readFileSync(join(folder, "told.log"), "utf8")).toContain("quarantined");
});
