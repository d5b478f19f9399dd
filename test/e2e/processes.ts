/** The processes of one project: everything whose command line names its folder. Ended by pid, never by name. */
export { isAlive } from "../../src/engine/process-alive.ts";

import { execFile } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface ProcessSeen {
  readonly pid: number;
  readonly kind: "standby" | "worker" | "command" | "router" | "instance" | "postgres" | "other";
  readonly command: string;
}

export async function processesOf(folder: string): Promise<readonly ProcessSeen[]> {
  const { stdout } = await run("ps", ["-A", "-ww", "-o", "pid=,stat=,command="]);
  return stdout.split("\n").flatMap((line) => {
    const [, pid, state, command] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || command === undefined || state?.startsWith("Z") || Number(pid) === process.pid) return [];
    return command.includes(folder) ? [{ pid: Number(pid), kind: kindOf(command), command }] : [];
  });
}

function kindOf(command: string): ProcessSeen["kind"] {
  if (command.includes("cli/main.ts standby")) return "standby";
  if (command.includes("cli/main.ts worker")) return "worker";
  if (command.includes("cli/main.ts")) return "command";
  if (command.includes("builtin-router/process")) return "router";
  if (command.includes("server.mjs")) return "instance";
  return /postgres/.test(command) ? "postgres" : "other";
}

/** True when it was there to get it. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Asks again until `condition` gives something; fails with `what` after `limitMs`. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 45_000,
): Promise<T> {
  const endsAtMs = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > endsAtMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await pause(15);
  }
}

/** Ends everything of the project: those that start others or go on for them first, the database by its fast shutdown. */
export async function endAll(folder: string): Promise<void> {
  const order: readonly ProcessSeen["kind"][] = [
    "standby",
    "worker",
    "command",
    "other",
    "router",
    "instance",
    "postgres",
  ];
  const kill = async (name: (seen: ProcessSeen) => NodeJS.Signals) => {
    const seen = [...(await processesOf(folder))].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
    for (const each of seen) {
      // A suspended process gets no other signal.
      signal(each.pid, "SIGCONT");
      signal(each.pid, name(each));
    }
  };
  await kill(({ kind }) => (kind === "postgres" ? "SIGINT" : "SIGKILL"));
  const gone = async () => (await processesOf(folder)).length === 0;
  await eventually("everything ends", gone, 5_000).catch(() => kill(() => "SIGKILL"));
  await eventually("everything is gone", gone, 5_000);
}
