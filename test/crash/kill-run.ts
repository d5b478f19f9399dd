/** One kill: begins a deployment, has its process die at a point, resumes it with `sluice resume`, and looks at the world. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeploymentRow } from "../../src/ports/ledger.ts";
import { eventually, isAlive, signal } from "../e2e/processes.ts";
import { told } from "../e2e/project.ts";
import { type Before, before, evidenceOf, type Found, instancesOf, tornFiles } from "./kill-evidence.ts";
import type { Ground, KillPlace, Under, Worker } from "./kill-place.ts";
import type { KillScenario } from "./kill-scenarios.ts";

/** From the kill to another process in charge. A row that took longer is late, which says more about the machine's load than about it. */
export const resumeLimitMs = 5_000;

export interface KillRow extends Found {
  readonly scenario: string;
  readonly point: string;
  /** SIGKILL to the moment another process is in charge, by a standby or `sluice resume` typed at once; undefined: it had ended. */
  readonly resumedMs: number | undefined;
  /** False: this run did not come by the point, so nothing was killed. */
  readonly reached: boolean;
}

/** Kills at the n-th fsync or fdatasync of one thread; UV_THREADPOOL_SIZE=1 leaves the worker one thread for its files. */
const fsyncPoint = /^fsync (\d+)$/;
const strace = ["strace", "-f", "-qq", "-b", "execve", "-e", "trace=fsync,fdatasync"] as const;
const oneFileThread = { UV_THREADPOOL_SIZE: "1" };

export const isFsync = (point: string): boolean => fsyncPoint.test(point);

/** A run that nobody disturbs: the points that it reached, in their order, and the news that reached people. */
export interface Undisturbed {
  readonly points: readonly string[];
  readonly told: readonly string[];
}

/** Throws where the undisturbed run is not as promised. */
export async function pointsOf(place: KillPlace, scenario: KillScenario): Promise<Undisturbed> {
  return onGround(place, scenario, async (ground) => {
    const file = listFile();
    const ran = await undisturbed(place, ground, scenario, ["list", file.path]);
    const points = [...new Set(readFileSync(file.path, "utf8").trimEnd().split("\n"))];
    file.remove();
    requireGood(scenario, ran);
    const first = scenario.from === undefined ? 0 : points.findIndex((point) => point.startsWith(`${scenario.from} ·`));
    if (first < 0) throw new Error(`${scenario.name} has no step ${scenario.from}: ${points.join("; ")}`);
    return { points: points.slice(first), told: ran.told };
  });
}

/** How many calls of fsync the worker's busiest thread makes, as points. */
export async function fsyncPointsOf(place: KillPlace, scenario: KillScenario): Promise<Undisturbed> {
  return onGround(place, scenario, async (ground) => {
    const file = listFile();
    const under = { argv: [...strace, "-o", file.path], variables: oneFileThread };
    const ran = await undisturbed(place, ground, scenario, ["live"], under);
    const threads = readFileSync(file.path, "utf8").match(/^\d+(?= +f(data)?sync\(\d)/gm) ?? [];
    file.remove();
    requireGood(scenario, ran);
    const counts = Map.groupBy(threads, (thread) => thread);
    const most = Math.max(0, ...[...counts.values()].map(({ length }) => length));
    return { points: Array.from({ length: most }, (_, n) => `fsync ${n + 1}`), told: ran.told };
  });
}

function listFile(): { readonly path: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "kill-points-"));
  return { path: join(folder, "points"), remove: () => rmSync(folder, { recursive: true }) };
}

function requireGood({ name }: KillScenario, { faults }: Pick<Found, "faults">): void {
  if (faults.length > 0) throw new Error(`${name}, undisturbed: ${faults.join("; ")}`);
}

async function undisturbed(
  place: KillPlace,
  ground: Ground,
  scenario: KillScenario,
  mode: readonly string[],
  under?: Under,
): Promise<Found> {
  const run = await started(place, ground, scenario, mode, under);
  const { exitCode, stderr } = await run.worker.ended;
  await run.end();
  if (exitCode !== 0) throw new Error(`the worker ended with ${exitCode}: ${stderr}`);
  return evidenceOf(place, ground, scenario, run.id, run.was);
}

/** @param toldUndisturbed what people hear of this scenario when nothing is killed. */
export async function killAt(
  place: KillPlace,
  scenario: KillScenario,
  point: string,
  toldUndisturbed: readonly string[],
): Promise<KillRow> {
  return onGround(place, scenario, async (ground) => {
    const run = await startedToDie(place, ground, scenario, point);
    const { killed, exitCode, stderr } = await run.worker.ended;
    const killedAtMs = performance.now();
    const torn = tornFiles(place, ground, run.id).map((path) => `torn by the kill: ${path}`);
    const missed = killed ? [] : [`not reached: the worker was not killed but ended with ${exitCode}: ${stderr}`];
    const { resumedMs, faults } = await resumed(place, scenario, run.id, killedAtMs);
    await run.end();
    const found = await evidenceOf(place, ground, scenario, run.id, run.was);
    const news = sameNews(scenario, found.told, toldUndisturbed) ? [] : [`told: ${found.told}, not ${toldUndisturbed}`];
    return {
      scenario: scenario.name,
      point,
      ...found,
      resumedMs,
      reached: killed,
      faults: [...missed, ...torn, ...faults, ...found.faults, ...news],
    };
  });
}

function sameNews({ alerts }: KillScenario, told: readonly string[], wanted: readonly string[]): boolean {
  const needed = (kinds: readonly string[]) => kinds.filter((kind) => !(alerts && kind === "alert")).join();
  return needed(told) === needed(wanted);
}

function startedToDie(place: KillPlace, ground: Ground, scenario: KillScenario, point: string): Promise<Started> {
  const nth = fsyncPoint.exec(point)?.[1];
  if (nth === undefined) return started(place, ground, scenario, ["kill", point]);
  const argv = [...strace, "-o", "/dev/null", "-e", `inject=fsync,fdatasync:signal=KILL:when=${nth}`];
  return started(place, ground, scenario, ["live"], { argv, variables: oneFileThread });
}

interface Started {
  readonly id: string;
  readonly worker: Worker;
  readonly was: Before;
  /** Ends what people do beside it. */
  end(): Promise<void>;
}

async function started(
  place: KillPlace,
  ground: Ground,
  scenario: KillScenario,
  mode: readonly string[],
  under?: Under,
): Promise<Started> {
  const was = await before(place, ground);
  const { id } = await scenario.begin(place, ground);
  ground.traffic.reset();
  const over = new AbortController();
  const people = scenario.during?.(place, id, over.signal);
  return {
    id,
    was,
    worker: place.startWorker(id, mode, under),
    async end() {
      over.abort();
      await people;
    },
  };
}

interface Resumed {
  readonly resumedMs: number | undefined;
  readonly faults: readonly string[];
}

/** The standby goes on by itself, but gives a deployment that nobody has begun a quarter of a minute: there a person is quicker. */
async function resumed(place: KillPlace, scenario: KillScenario, id: string, killedAtMs: number): Promise<Resumed> {
  const { standbyPid, state } = place;
  const look = () => state.ledger.deployment(id);
  const dead = await look();
  if (standbyPid === undefined || dead?.executor === null) return resumedByHand(place, scenario, id, killedAtMs);
  // By its pid, since it may have been quicker than this look.
  const tookOver = (row: DeploymentRow | undefined) => row?.executor?.pid === standbyPid;
  const nothingLeft = dead?.state === "ended" && !tookOver(dead);
  if (!nothingLeft) await eventually("the standby takes over", async () => tookOver(await look()), 60_000);
  const resumedMs = nothingLeft ? undefined : performance.now() - killedAtMs;
  await eventually("it ends", async () => (await look())?.state === "ended", 60_000);
  await everybodyHeard(place, id);
  return { resumedMs, faults: [] };
}

/** `sluice resume`, typed at once, by the program that people use. */
async function resumedByHand(
  place: KillPlace,
  scenario: KillScenario,
  id: string,
  killedAtMs: number,
): Promise<Resumed> {
  const { ledger } = place.state;
  const dead = await ledger.deployment(id);
  const resuming = place.project.start(["resume", id, "--wait"]);
  const ended = resuming.ended.then(() => true);
  const successor = async () => {
    const executor = (await ledger.deployment(id))?.executor;
    return executor !== null && executor !== undefined && executor.id !== dead?.executor?.id;
  };
  const inCharge = eventually("another process is in charge", successor, 60_000).then(
    () => performance.now() - killedAtMs,
  );
  // Its end comes later than its beginning; where there was nothing left to do, there is an end without a beginning.
  const first = dead?.state === "ended" ? undefined : await Promise.race([inCharge, ended.then(() => undefined)]);
  inCharge.catch(() => undefined);
  const ran = await resuming.ended;
  await quiet(place, id);
  const faults = [
    ...(ran.exitCode === scenario.exitCode ? [] : [`sluice resume: ${told(ran)}`]),
    ...(first === undefined && dead?.state !== "ended" ? ["nobody was seen to take over"] : []),
  ];
  return { resumedMs: first, faults };
}

/** The successor stays a moment for its last notifications. Asked by its pid: a look at all processes costs more than a resume. */
async function quiet(place: KillPlace, id: string): Promise<void> {
  const pid = (await place.state.ledger.deployment(id))?.executor?.pid;
  const gone = () => pid === undefined || !runs(pid);
  await eventually("the successor leaves", gone, 10_000).catch(() => undefined);
  await everybodyHeard(place, id);
}

/** What stays undelivered is a fault that the evidence names. */
async function everybodyHeard({ state }: KillPlace, id: string): Promise<void> {
  const heard = async () => (await state.ledger.undelivered(id)).length === 0;
  await eventually("everybody was told", heard, 3_000).catch(() => undefined);
}

/** One that has ended and waits to be reaped runs no more. */
function runs(pid: number): boolean {
  if (!isAlive(pid)) return false;
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return isAlive(pid);
  }
}

/** A first deployment gets ground that nobody has stood on, and takes its processes with it. */
async function onGround<T>(
  place: KillPlace,
  { first }: KillScenario,
  work: (ground: Ground) => Promise<T>,
): Promise<T> {
  if (!first) return work(place.production);
  const ground = await place.untouchedGround();
  // Before anybody serves there is nobody to lose a request.
  const { seen } = ground.traffic;
  const forgiving = setInterval(() => {
    if ([...seen.versions.keys()].every((version) => version === "nobody")) ground.traffic.reset();
  }, 2);
  try {
    return await work(ground);
  } finally {
    clearInterval(forgiving);
    ground.traffic.stop();
    for (const { pid } of await instancesOf(ground)) signal(pid, "SIGTERM");
    stopRouter(ground);
  }
}

function stopRouter({ settings }: Ground): void {
  const record = JSON.parse(readFileSync(join(settings.router.state, "router.json"), "utf8")) as {
    readonly pid: number;
  };
  signal(record.pid, "SIGTERM");
}
