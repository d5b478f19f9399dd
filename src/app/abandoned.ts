/** Has the process that runs a deployment died? The ledger knows by the lease; on this machine its pid tells at once. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { DeploymentRow } from "../ports/ledger.ts";

type Attended = Pick<DeploymentRow, "state" | "executor">;

export function isAbandoned(row: Attended): boolean {
  if (row.state === "ended") return false;
  if (row.executor === null) return true;
  return row.executor.expired || isDead(row);
}

/** Certain, since its process is one of this machine's and is gone. */
export const isDead = ({ executor }: Attended): boolean =>
  executor !== null && executor.host === hostname() && !isAlive(executor.pid);

/** One that has ended and waits to be reaped, as in containers whose first process reaps nobody, still takes signals. */
export function isAlive(pid: number): boolean {
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
