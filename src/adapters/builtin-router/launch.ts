/** Starts the router's process, or finds the one that runs; stops it. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { SluiceError } from "../../domain/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { answers, callRouter, isAlive } from "./control-client.ts";
import { logPath, type RouterRecord, readRecord, recordPath } from "./run-time.ts";

const startWithinMs = 15_000;
const pollMs = 20;

export interface LaunchOptions {
  /** The router's own folder: state, record, log. One router per folder. */
  readonly stateFolder: string;
  /** The Node that runs the router, e.g. `process.execPath`. */
  readonly nodePath: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

export interface RunningRouter extends RouterRecord {
  /** It ran already. */
  readonly adopted: boolean;
}

/** Development runs the sources, the published package what was made of them. */
export const processFile = (): string =>
  fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./process.ts" : "./process.js", import.meta.url));

/** A router that answers. START_FAILED with the end of its log if it cannot start. */
export async function ensureBuiltinRouter(options: LaunchOptions): Promise<RunningRouter> {
  const { stateFolder, clock, signal } = options;
  const running = await runningRouter(stateFolder, clock, signal);
  if (running !== undefined) return { ...running, adopted: true };
  mkdirSync(stateFolder, { recursive: true });
  const child = start(options.nodePath, await realpath(stateFolder));
  const deadlineMs = clock.now() + startWithinMs;
  while (clock.now() < deadlineMs) {
    const record = await runningRouter(stateFolder, clock, signal);
    // One that lost the race for the folder must be gone first: later it might find the folder free and stay.
    const settled = record?.pid === child.pid || child.ended();
    if (record !== undefined && settled) return { ...record, adopted: record.pid !== child.pid };
    if (child.failed()) break;
    await clock.sleep(pollMs, signal);
  }
  throw await startFailed(stateFolder);
}

async function runningRouter(folder: string, clock: Clock, signal?: AbortSignal): Promise<RouterRecord | undefined> {
  const record = await readRecord(folder);
  return record !== undefined && (await answers(record, clock, signal)) ? record : undefined;
}

interface Child {
  readonly pid: number | undefined;
  ended(): boolean;
  /** It ended with an error; ending well means that another one runs. */
  failed(): boolean;
}

/** In a session of its own, with nothing of our environment: it outlives us and needs no secret of ours. */
function start(nodePath: string, folder: string): Child {
  const log = openSync(logPath(folder), "a", 0o600);
  let outcome: "runs" | "ended" | "failed" = "runs";
  try {
    const child = spawn(nodePath, [processFile(), "--state", folder], {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: folder,
      env: {},
    });
    child.on("error", () => {
      outcome = "failed";
    });
    child.on("exit", (code) => {
      outcome = code === 0 ? "ended" : "failed";
    });
    child.unref();
    return { pid: child.pid, ended: () => outcome !== "runs", failed: () => outcome === "failed" };
  } finally {
    closeSync(log);
  }
}

async function startFailed(folder: string): Promise<SluiceError> {
  const log = await readFile(logPath(folder), "utf8").catch(() => "");
  return new SluiceError({
    code: "START_FAILED",
    remedy: "operator",
    at: "builtin-router.start",
    message: `The built-in router in ${folder} did not start.`,
    hint: `Read what it said: tail ${logPath(folder)}`,
    evidence: log.slice(-2000),
  });
}

/** Lets what is under way finish for `finishMs`. Nothing to do when none runs. */
export async function stopBuiltinRouter(
  stateFolder: string,
  clock: Clock,
  reason = "stopped by Sluice",
  finishMs = 5000,
): Promise<void> {
  const record = await readRecord(stateFolder);
  if (record === undefined || !(await isAlive(record.pid)) || !(await answers(record, clock))) return;
  await callRouter({ socket: record.socket, clock }, "stop", { reason, timeoutMs: finishMs });
  const deadlineMs = clock.now() + finishMs + 5000;
  while (await isAlive(record.pid)) {
    if (clock.now() > deadlineMs) throw stillRuns(record, stateFolder);
    await clock.sleep(pollMs);
  }
}

const stillRuns = (record: RouterRecord, folder: string): SluiceError =>
  new SluiceError({
    code: "ROUTER_UNREACHABLE",
    remedy: "operator",
    at: "builtin-router.stop",
    message: `The router of ${recordPath(folder)} (process ${record.pid}) was asked to stop and still runs.`,
    hint: `End it by hand: kill ${record.pid}`,
  });
