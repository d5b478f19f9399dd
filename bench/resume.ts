/**
 * From kill -9 of the process that runs a deployment to the first step of its successor: with the standby behind it and nobody
 * watching, and with `sluice resume` typed at once. Real processes, killed while their candidate has traffic.
 * `node bench/resume.ts [--kills 30] [--json]`; about six minutes. Exit code 1 where the promised limit was not kept.
 */
import { parseArgs } from "node:util";
import { machineClock } from "../src/app/clock.ts";
import { openState, type State } from "../src/app/state.ts";
import type { DeploymentRow } from "../src/ports/ledger.ts";
import { eventually, isAlive, signal } from "../test/e2e/processes.ts";
import { jsonLines, type TinyProject, tinyProject, told } from "../test/e2e/project.ts";
import type { Figure } from "./router-throughput.ts";
import { median, report } from "./whole-process.ts";

const limitSeconds = 5;
/** From the third within ten minutes on a standby waits longer each time (domain/taking-over.ts). */
const killsPerDeployment = 2;
/** From a standby's start to its first look, pause and start of the process included. */
const firstLookMs = 2_500;

interface Bench {
  readonly project: TinyProject;
  readonly state: State;
}

/** Where nobody decides for ten minutes: killed, the successor's first step is to look at the traffic again. */
const environment = {
  rollout:
    "{ steps: [{ percent: 50, bake: 10m }, { percent: 100, bake: 0s }], checkEvery: 500ms, drainTimeout: 1s, unattended: 20s, keepStable: 0s, verdict: { mode: off } }",
};

async function deployed({ project, state }: Bench, standby: "on" | "off"): Promise<string> {
  const ran = await project.sluiceWith(
    { SLUICE_STANDBY: standby },
    "deploy",
    "production",
    "v1.1.0",
    "--detach",
    "--json",
  );
  const id = jsonLines(ran)[0]?.deployment;
  if (id === undefined) throw new Error(told(ran));
  await eventually(
    "its candidate has traffic",
    async () => {
      const row = await state.ledger.deployment(id);
      if (row?.state === "ended") throw new Error(`${id} ended as ${row.outcome} before it could be killed`);
      return (await state.ledger.events(id, 0)).some(({ step, phase }) => step === "rollout" && phase === "progress");
    },
    60_000,
  );
  return id;
}

async function runner({ state }: Bench, id: string): Promise<NonNullable<DeploymentRow["executor"]>> {
  return eventually("somebody runs it", async () => {
    const executor = (await state.ledger.deployment(id))?.executor;
    return executor && isAlive(executor.pid) ? executor : undefined;
  });
}

/** Seconds from the kill to the first event of a step that the successor runs. */
async function killed(bench: Bench, id: string, then: () => Promise<unknown>): Promise<number> {
  const { ledger } = bench.state;
  const { pid } = await runner(bench, id);
  const lastSeq = async () => (await ledger.events(id, 0)).at(-1)?.seq ?? 0;
  const startedAtMs = performance.now();
  signal(pid, "SIGKILL");
  await eventually("its death", () => !isAlive(pid) || undefined);
  const before = await lastSeq();
  const asked = then();
  await eventually(
    "the successor's first step",
    async () => (await ledger.events(id, before)).some(({ step, phase }) => step === "rollout" && phase === "begin"),
    60_000,
  );
  const seconds = (performance.now() - startedAtMs) / 1_000;
  await asked;
  return seconds;
}

/** Another one than the one that runs: nobody is killed before the one behind it is there, and has looked for the first time. */
async function stoodBehind(bench: Bench, id: string): Promise<void> {
  const { pid: running } = await runner(bench, id);
  const behind = async () =>
    (await bench.project.processes()).some(({ kind, pid }) => kind === "standby" && pid !== running);
  await eventually("a standby", behind, 30_000);
  await machineClock.sleep(firstLookMs + Math.random() * 1_000);
}

async function ended(bench: Bench, id: string): Promise<void> {
  await bench.project.sluice("cancel", id, "--reason", "measured");
  await eventually("its end", async () => (await bench.state.ledger.deployment(id))?.state === "ended", 60_000);
}

async function byStandby(bench: Bench, kills: number): Promise<readonly number[]> {
  const seconds: number[] = [];
  while (seconds.length < kills) {
    const id = await deployed(bench, "on");
    for (let kill = 0; kill < killsPerDeployment; kill++) {
      await stoodBehind(bench, id);
      seconds.push(await killed(bench, id, async () => undefined));
    }
    await ended(bench, id);
    await eventually(
      "standby and workers leave",
      async () => (await bench.project.processes()).every(({ kind }) => kind !== "standby" && kind !== "worker"),
      30_000,
    );
  }
  return seconds;
}

/** The lease need not run out: on this machine a dead pid is certain. */
async function byResume(bench: Bench, kills: number): Promise<readonly number[]> {
  const seconds: number[] = [];
  const id = await deployed(bench, "off");
  for (let kill = 0; kill < kills; kill++) {
    const resume = () => bench.project.sluiceWith({ SLUICE_STANDBY: "off" }, "resume", id, "--detach");
    seconds.push(await killed(bench, id, resume));
  }
  await ended(bench, id);
  return seconds;
}

const atShare = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)] ?? Number.NaN;

function figuresOf(how: string, seconds: readonly number[]): readonly Figure[] {
  const what = `kill -9 → first step of the successor, ${how}`;
  return [
    { what: `${what}, p50 of ${seconds.length}`, value: median(seconds), unit: "s", limit: limitSeconds },
    { what: `${what}, p99`, value: atShare(seconds, 0.99), unit: "s", limit: limitSeconds },
  ];
}

async function measure(kills: number): Promise<readonly Figure[]> {
  const project = await tinyProject({ load: 0, environment });
  try {
    const first = await project.sluice("deploy", "production", "v1.0.0");
    if (first.exitCode !== 0) throw new Error(told(first));
    const state = await openState({ url: undefined, stateFolder: project.stateFolder });
    try {
      const bench = { project, state };
      const standby = figuresOf("by the standby, nobody watching", await byStandby(bench, kills));
      return [...standby, ...figuresOf("by `sluice resume`, its start included", await byResume(bench, kills))];
    } finally {
      await state.close();
    }
  } catch (thrown) {
    // What is left running because of it would be told instead.
    console.error(thrown);
    throw thrown;
  } finally {
    await project.stop();
  }
}

const { kills, json } = parseArgs({
  options: { kills: { type: "string", default: "30" }, json: { type: "boolean", default: false } },
}).values;
report("resume", await measure(Number(kills)), json);
