/** Starts the worker of a deployment as a process of its own: it outlives the terminal that asked for it. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DeploymentRow } from "../ports/ledger.ts";

const mainFile = (): string => {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`../cli/main.${extension}`, import.meta.url));
};

export interface WorkerPlace {
  readonly projectFolder: string;
  readonly stateFolder: string;
}

/** Returns the pid. The worker's own output goes to `.sluice/workers/<deployment>.log`; the story is in the ledger. */
export function startWorker(deploymentId: string, { projectFolder, stateFolder }: WorkerPlace): number {
  const folder = join(stateFolder, "workers");
  mkdirSync(folder, { recursive: true });
  const log = openSync(join(folder, `${deploymentId}.log`), "a");
  try {
    const child = spawn(process.execPath, [mainFile(), "worker", deploymentId, "--project", projectFolder], {
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

/** Has the process that runs it died? By its lease; on this machine also, and at once, by its pid. */
export function isAbandoned(row: DeploymentRow): boolean {
  if (row.state === "ended") return false;
  if (row.executor === null) return true;
  if (row.executor.expired) return true;
  return row.executor.host === hostname() && !isAlive(row.executor.pid);
}

/** One that has ended and waits to be reaped, as in containers whose first process reaps nobody, still takes signals. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
  } catch {
    // No such folder here, or gone since: the signal has told what there is to know.
    return false;
  }
}
