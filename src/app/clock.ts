/**
 * Time as a deployment sees it. A machine's clock is set, by people and by NTP, at moments nobody chooses; a bake must neither
 * end early nor last a day because of it. So a clock is read once and goes on by the time since the machine started, which
 * nobody can set, and all executions of one deployment on one machine go by the same reading.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../ports/clock.ts";

/** By CLOCK_MONOTONIC: the same in all processes of this machine until it is started again. Stands still while it is suspended. */
const sinceBootMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** @param bootedAtMs what the machine's clock showed, or would have, when the machine started. */
const steadyClock = (bootedAtMs: number): Clock => ({
  now: () => Math.round(bootedAtMs + sinceBootMs()),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      await wait(ms, undefined, signal ? { signal } : {});
    } catch (thrown) {
      // Node rejects with an AbortError of its own; callers want to know why.
      throw signal?.aborted ? signal.reason : thrown;
    }
  },
});

const bootedAtMsNow = (): number => Date.now() - sinceBootMs();

/** The machine's clock as it was when this process began. For processes that live as long as one command. */
export const machineClock: Clock = steadyClock(bootedAtMsNow());

interface Reading {
  /** Names this start of this machine: after another one the time since then has another beginning. */
  readonly boot: string;
  readonly bootedAtMs: number;
}

/**
 * The clock of one deployment: as the machine's was when its first process on this machine began, whatever was set since. After
 * a restart of the machine, on another one, or where the reading cannot be kept, as the machine's is now.
 */
export function deploymentClock(stateFolder: string, deploymentId: string): Clock {
  const boot = bootId();
  if (boot === undefined) return steadyClock(bootedAtMsNow());
  const known = readReading(fileOf(stateFolder, deploymentId));
  if (known?.boot === boot) return steadyClock(known.bootedAtMs);
  const reading = { boot, bootedAtMs: bootedAtMsNow() };
  keepReading(stateFolder, deploymentId, reading);
  return steadyClock(reading.bootedAtMs);
}

/** After its end: nobody asks for that time any more. */
export function forgetClock(stateFolder: string, deploymentId: string): void {
  rmSync(fileOf(stateFolder, deploymentId), { force: true });
}

const fileOf = (stateFolder: string, deploymentId: string): string => join(stateFolder, "clocks", deploymentId);

function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}

function readReading(file: string): Reading | undefined {
  try {
    const { boot, bootedAtMs } = JSON.parse(readFileSync(file, "utf8")) as Partial<Reading>;
    return typeof boot === "string" && typeof bootedAtMs === "number" ? { boot, bootedAtMs } : undefined;
  } catch {
    return undefined;
  }
}

function keepReading(stateFolder: string, deploymentId: string, reading: Reading): void {
  try {
    mkdirSync(join(stateFolder, "clocks"), { recursive: true });
    writeFileSync(fileOf(stateFolder, deploymentId), JSON.stringify(reading));
  } catch {
    // A full disk must not keep a deployment from going on; it has its time, and only a successor would have missed the file.
  }
}
