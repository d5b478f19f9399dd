/**
 * One process at a time prepares or starts the database of a state folder. The lock is a file holding its owner's pid; a
 * dead owner's file is removed. It only saves work and log noise: PostgreSQL's own postmaster.pid keeps a second server out.
 */
import { readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { isAlive } from "../process-alive.ts";
import { poll } from "./waiting.ts";

/** Longer than any start takes; an older file is left over, whatever its pid is used for today. */
const staleAfterMs = 60_000;

export async function withStartLock<T>(file: string, body: () => Promise<T>): Promise<T> {
  await poll(() => take(file), { everyMs: 10, forMs: staleAfterMs, what: `the lock ${file}` });
  try {
    return await body();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    removeStale(file);
    return false;
  }
}

function removeStale(file: string): void {
  try {
    const ageMs = Date.now() - statSync(file).mtimeMs;
    const pid = Number(readFileSync(file, "utf8"));
    // A file just created may not hold its pid yet.
    const abandoned = pid > 0 ? !isAlive(pid) : ageMs > 1_000;
    if (abandoned || ageMs > staleAfterMs) unlinkSync(file);
  } catch {
    // Its owner removed it meanwhile.
  }
}
