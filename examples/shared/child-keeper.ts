/**
 * Outlives an example by a moment: when its standard input ends, the example is gone, and whatever it had watched is
 * ended, first politely, after five seconds by SIGKILL; last, what an example in a folder left running. It has its own process group, so Ctrl-C does not reach it.
 */
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { placeIn } from "./place.ts";
import { endEverything } from "./processes.ts";

const watched = new Map<number, NodeJS.Signals>();
const folders = new Set<string>();

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

for await (const line of createInterface(process.stdin)) {
  const [word, pid, signal] = line.split(" ");
  if (word === "watch") watched.set(Number(pid), signal as NodeJS.Signals);
  else if (word === "sweep") folders.add(line.slice("sweep ".length));
  else watched.delete(Number(pid));
}

for (const [pid, signal] of watched) send(pid, signal);
const deadlineMs = Date.now() + 5_000;
const alive = () => [...watched.keys()].filter((pid) => send(pid, 0));
while (alive().length > 0 && Date.now() < deadlineMs) await pause(50);
for (const pid of alive()) send(pid, "SIGKILL");
for (const folder of folders) await endEverything(placeIn(folder));
