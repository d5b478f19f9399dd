/**
 * The process behind the others: it watches the ledger, and goes on with whatever a dead process left. While nothing has died
 * it holds a connection and little memory; the engine comes with the first takeover.
 */
import { existsSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { withFileLock } from "../adapters/file-lock.ts";
import { SluiceError } from "../domain/errors.ts";
import { isAlive } from "../engine/process-alive.ts";
import { machineClock } from "./clock.ts";
import { openReaper } from "./reaper.ts";
import { standbyLock, startedWorker, startStandby, type WorkerPlace } from "./start-worker.ts";
import { openState, type State } from "./state.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface StandbyOptions extends WorkerPlace {
  readonly url: string | undefined;
  /** Leave when nothing is left to watch; after a takeover leave the watch to another one. */
  readonly untilIdle: boolean;
  /** Ends it; what it runs stays unfinished and can be taken over. */
  readonly signal: AbortSignal;
  readonly tell: (text: string, deploymentId: string | null) => void;
}

/** `another`: one stands by already. `gone`: the state folder was taken away. */
export type StandbyEnd = "idle" | "another" | "gone" | "stopped";

const everyMs = 1_000;

export async function standBy(options: StandbyOptions): Promise<StandbyEnd> {
  let folder = folderSeen(options.stateFolder);
  // A worker made it before this process was started.
  if (options.untilIdle && folder === undefined) return "gone";
  const isGone = () => folder !== undefined && folderSeen(options.stateFolder) !== folder;
  const state = await openPatiently(options, isGone);
  if (state === undefined) return options.signal.aborted ? "stopped" : "gone";
  folder ??= folderSeen(options.stateFolder);
  const standing = openStanding(options, state, isGone);
  try {
    return await watchAlone(options, standing);
  } finally {
    await standing.close();
    await state.close();
  }
}

/** Who made a folder of that name anew has nothing to do with what was in the old one. */
const folderSeen = (folder: string): number | undefined => (existsSync(folder) ? statSync(folder).ino : undefined);

/** A ledger that is away comes back; the deployments are there then as well. */
async function openPatiently(options: StandbyOptions, isGone: () => boolean): Promise<State | undefined> {
  for (let tries = 0; !options.signal.aborted && !isGone(); tries++) {
    try {
      return await openState(options);
    } catch (thrown) {
      if (!isAway(thrown)) throw thrown;
      if (tries === 0) options.tell(`${(thrown as Error).message} It is tried again every second.`, null);
      await pause(options.signal);
    }
  }
  return undefined;
}

const isAway = (thrown: unknown): boolean =>
  thrown instanceof SluiceError && thrown.failure.code === "LEDGER_UNREACHABLE";

const pause = (signal: AbortSignal): Promise<void> => machineClock.sleep(everyMs, signal).catch(() => undefined);

type Standing = ReturnType<typeof openStanding>;

function openStanding(
  { projectFolder, stateFolder, environment, tell }: StandbyOptions,
  state: State,
  isGone: () => boolean,
) {
  let pool: WorkerPool | undefined;
  const reaper = openReaper({
    ledger: state.ledger,
    host: hostname(),
    projectFolder,
    neverBegins(id) {
      const pid = startedWorker(stateFolder, id);
      return pid !== undefined && !isAlive(pid);
    },
    isHere: (id) => pool?.running.has(id) ?? false,
    tell,
    pool: async () => {
      // Loaded now: the engine and the adapters are most of a worker's memory.
      const { openPool } = await import("./worker-pool.ts");
      pool ??= openPool({ state, stateFolder, environment });
      return pool;
    },
  });
  return {
    isGone,
    running: () => pool?.running.size ?? 0,
    /** Undefined: the ledger did not answer. It is started again where it is our own and its folder is still there. */
    async look() {
      try {
        return await reaper.look();
      } catch (thrown) {
        if (!isAway(thrown)) throw thrown;
        if (!isGone()) await state.revive().catch(() => undefined);
        return undefined;
      }
    },
    close: async () => pool?.close(),
  };
}

/**
 * One per state folder. A deployment that is begun in the moment in which the last standby leaves finds it still there and
 * starts none; hence the look after the lock was let go.
 */
async function watchAlone(options: StandbyOptions, standing: Standing): Promise<StandbyEnd> {
  for (;;) {
    const end = await watchLocked(options, standing);
    if (end === "took over") return handOver(options, standing);
    if (end !== "idle" || (await standing.look())?.watched === 0) return end;
  }
}

async function watchLocked(options: StandbyOptions, standing: Standing): Promise<StandbyEnd | "took over"> {
  const lock = { clock: machineClock, signal: options.signal, waitMs: 0 };
  try {
    return await withFileLock(standbyLock(options.stateFolder), lock, () => watch(options, standing));
  } catch (thrown) {
    return endOf(thrown, options, standing);
  }
}

function endOf(thrown: unknown, { signal }: StandbyOptions, { isGone }: Standing): StandbyEnd {
  if (signal.aborted) return "stopped";
  if (isGone()) return "gone";
  if (thrown instanceof SluiceError && thrown.failure.code === "TARGET_UNREACHABLE") return "another";
  throw thrown;
}

async function watch({ untilIdle, signal }: StandbyOptions, standing: Standing): Promise<StandbyEnd | "took over"> {
  while (!signal.aborted) {
    if (standing.isGone()) return "gone";
    const looked = await standing.look();
    if (untilIdle && looked && looked.taken > 0) return "took over";
    if (untilIdle && looked?.watched === 0 && standing.running() === 0) return "idle";
    await pause(signal);
  }
  return "stopped";
}

/** Whoever runs is not the one who watches: another standby is started for this process, which goes on as a worker. */
async function handOver(options: StandbyOptions, standing: Standing): Promise<StandbyEnd> {
  await startStandby(options);
  while (standing.running() > 0 && !options.signal.aborted) await pause(options.signal);
  return options.signal.aborted ? "stopped" : "idle";
}
