/**
 * A thousand deployments that wait for an approval on one process, with the real engine, the ledger's PostgreSQL and parts in
 * memory: what they cost while nothing happens, and how long it takes until all are run again after kill -9. And ten thousand that
 * bake at once on the simulated engine, in virtual time.
 * `node bench/waiting.ts [--count 1000] [--virtual 10000] [--json]`; some minutes each; 0 leaves one out.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { testDatabase } from "../src/engine/test-database.ts";
import type { Figure } from "./router-throughput.ts";
import { report } from "./whole-process.ts";

interface Waiting {
  readonly allHereSeconds: number;
  readonly rssMiB: number;
  readonly cpuShare: number;
  readonly ledgerCallsPerSecond: number;
}

interface Baking {
  readonly underWay: number;
  readonly rssMiB: number;
  readonly seconds: number;
  readonly virtualSeconds: number;
}

/** Ends the process by kill -9 once it has told. */
async function toldBy<T>(argv: readonly string[]): Promise<T> {
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith("{")) return JSON.parse(line) as T;
    }
    throw new Error("the process ended before all waited");
  } finally {
    child.kill("SIGKILL");
  }
}

const waitingIn = (args: readonly string[]) =>
  toldBy<Waiting>([join(import.meta.dirname, "waiting-process.ts"), ...args]);

/** The parts in memory, which remember every request, need more than Node gives by itself. */
const heap = "--max-old-space-size=8192";

async function bakingFigures(count: string): Promise<readonly Figure[]> {
  const baking = await toldBy<Baking>([heap, join(import.meta.dirname, "waiting-virtual.ts"), count]);
  const what = `${baking.underWay} deployments baking at once on the simulated engine`;
  return [
    { what: `${what}: resident memory, targets and requests included`, value: baking.rssMiB, unit: "MiB" },
    { what: `${what}: from the first start to the last end`, value: baking.seconds, unit: "s" },
    { what: `${what}: the same in virtual time`, value: baking.virtualSeconds, unit: "s" },
  ];
}

async function waitingFigures(count: string): Promise<readonly Figure[]> {
  const database = await testDatabase();
  try {
    const args = [database.url, database.stateFolder, count];
    await waitingIn([...args, "begin"]);
    const again = await waitingIn([...args, "take-over"]);
    const what = `${count} waiting deployments on one process`;
    return [
      { what: `${what}: resident memory`, value: again.rssMiB, unit: "MiB" },
      { what: `${what}: share of one processor while nothing happens`, value: again.cpuShare * 100, unit: "%" },
      { what: `${what}: calls of the ledger`, value: again.ledgerCallsPerSecond, unit: "/s" },
      {
        what: `${what}: from the start of another process until all are run again`,
        value: again.allHereSeconds,
        unit: "s",
      },
    ];
  } finally {
    await database.remove();
  }
}

const { count, virtual, json } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    virtual: { type: "string", default: "10000" },
    json: { type: "boolean", default: false },
  },
}).values;
const figures = [
  ...(count === "0" ? [] : await waitingFigures(count)),
  ...(virtual === "0" ? [] : await bakingFigures(virtual)),
];
report("waiting", figures, json);
