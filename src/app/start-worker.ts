/** Starts processes of our own that outlive the terminal that asked for them: a deployment's worker, and the standby behind it. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lockHolder } from "../adapters/file-lock.ts";

const mainFile = (): string => {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`../cli/main.${extension}`, import.meta.url));
};

export interface WorkerPlace {
  readonly projectFolder: string;
  readonly stateFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Returns the worker's pid. Its own output goes to `.sluice/workers/<deployment>.log`; the story is in the ledger. A standby
 * that goes on where the worker dies is started after it.
 */
export function startWorker(deploymentId: string, place: WorkerPlace): number {
  const pid = startApart(["worker", deploymentId], deploymentId, place);
  writeFileSync(pidFile(place.stateFolder, deploymentId), `${pid}\n`);
  // The deployment runs without one as well; then it takes a person to notice that its worker died.
  startStandby(place).catch(() => undefined);
  return pid;
}

/** Until it has begun, the ledger does not know of it. Undefined where none was started on this machine. */
export function startedWorker(stateFolder: string, deploymentId: string): number | undefined {
  try {
    return Number(readFileSync(pidFile(stateFolder, deploymentId), "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

const pidFile = (stateFolder: string, deploymentId: string): string =>
  join(stateFolder, "workers", `${deploymentId}.pid`);

/** One per state folder is enough. SLUICE_STANDBY=off: none. */
export async function startStandby(place: WorkerPlace): Promise<void> {
  if (place.environment["SLUICE_STANDBY"] === "off") return;
  if ((await lockHolder(standbyLock(place.stateFolder))) !== undefined) return;
  startApart(["standby", "--until-idle"], "standby", place);
}

/** Held by the one standby of the state folder. */
export const standbyLock = (stateFolder: string): string => join(stateFolder, "standby");

function startApart(words: readonly string[], name: string, { projectFolder, stateFolder }: WorkerPlace): number {
  const folder = join(stateFolder, "workers");
  mkdirSync(folder, { recursive: true });
  const log = openSync(join(folder, `${name}.log`), "a");
  try {
    const child = spawn(process.execPath, [mainFile(), ...words, "--project", projectFolder], {
      cwd: projectFolder,
      detached: true,
      stdio: ["ignore", log, log],
    });
    child.unref();
    return child.pid ?? 0;
  } finally {
    closeSync(log);
  }
}
