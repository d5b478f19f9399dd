/**
 * Which process is it? A pid alone is soon somebody else's, so a process is known by its pid and the moment it started
 * (with the boot it started in). Linux tells both in /proc; elsewhere `ps` does.
 */
import { readdir, readFile } from "node:fs/promises";
import { runCommand } from "./run-command.ts";

export interface ProcessIdentity {
  readonly pid: number;
  /** Compared, never interpreted. */
  readonly startMark: string;
}

export interface MarkedProcess extends ProcessIdentity {
  readonly groupId: number;
  /** The value of the variable it was looked for by. */
  readonly value: string;
}

/** Undefined where no such process runs; one that has ended and only waits to be reaped no longer runs. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const facts = await factsOf(pid);
  return facts === undefined ? undefined : { pid, startMark: facts.startMark };
}

export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await factsOf(identity.pid))?.startMark === identity.startMark;
}

/** Our processes whose environment holds `name` with a value that begins with `prefix`. */
export async function findByVariable(name: string, prefix: string): Promise<readonly MarkedProcess[]> {
  const environments = hasProc ? await procEnvironments(name, prefix) : await psEnvironments(name, prefix);
  const found = await Promise.all(
    environments.map(async ({ pid, value }) => {
      const facts = await factsOf(pid);
      return facts === undefined ? [] : [{ pid, value, ...facts }];
    }),
  );
  return found.flat();
}

/** Sends a signal to a process or, by a negative id, to a group. One that is not there needs none. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

interface ProcessFacts {
  readonly startMark: string;
  readonly groupId: number;
}

const hasProc = process.platform === "linux";
const signal = new AbortController().signal;

async function factsOf(pid: number): Promise<ProcessFacts | undefined> {
  return hasProc ? procFacts(pid) : psFacts(pid);
}

async function procFacts(pid: number): Promise<ProcessFacts | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  // The program's name stands in parentheses and may itself hold spaces and parentheses: fields count from the last one.
  const [state, , group, , , , , , , , , , , , , , , , , startedAtTicks] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ");
  if (state === "Z" || state === "X") return undefined;
  return { startMark: `${await bootId()}:${startedAtTicks}`, groupId: Number(group) };
}

/** Ticks count from the boot, so the same number can come again after the next one. */
async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "boot")).trim();
}

async function procEnvironments(name: string, prefix: string): Promise<readonly { pid: number; value: string }[]> {
  const found: { pid: number; value: string }[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    // Other users' processes are not readable, and are not ours.
    const environment = await readFile(`/proc/${entry}/environ`, "utf8").catch(() => "");
    const value = valueIn(environment.split("\0"), name, prefix);
    if (value !== undefined) found.push({ pid: Number(entry), value });
  }
  return found;
}

function valueIn(variables: readonly string[], name: string, prefix: string): string | undefined {
  return variables.find((variable) => variable.startsWith(`${name}=${prefix}`))?.slice(name.length + 1);
}

async function psFacts(pid: number): Promise<ProcessFacts | undefined> {
  const { stdoutTail } = await runCommand({ argv: ["ps", "-o", "state=,pgid=,lstart=", "-p", String(pid)], signal });
  const [state, group, ...started] = stdoutTail.trim().split(/\s+/);
  if (!state || state.startsWith("Z")) return undefined;
  return { startMark: started.join(" "), groupId: Number(group) };
}

async function psEnvironments(name: string, prefix: string): Promise<readonly { pid: number; value: string }[]> {
  const found: { pid: number; value: string }[] = [];
  const onLine = (line: string) => {
    const words = line.trim().split(/\s+/);
    const value = valueIn(words, name, prefix);
    if (value !== undefined) found.push({ pid: Number(words[0]), value });
  };
  await runCommand({ argv: ["ps", "axwwE", "-o", "pid=,command="], signal, onLine });
  return found;
}
