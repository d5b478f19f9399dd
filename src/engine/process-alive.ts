/** Does a process of this machine live? Asked of pids that were written down: by an executor, by PostgreSQL, by a worker. */
import { readFileSync } from "node:fs";

/** One that has ended and waits to be reaped, as in containers whose first process reaps nobody, still takes signals: it is dead. */
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
