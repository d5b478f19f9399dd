/**
 * A thousand deployments that wait for an approval on one process, with the real engine, the ledger's PostgreSQL and parts in
 * memory: what they cost while nothing happens, and how long it takes until all are run again after kill -9.
 * `node bench/waiting.ts [--count 1000] [--json]`; some minutes.
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

/** Ends the process by kill -9 once it has told. */
async function waitingIn(args: readonly string[]): Promise<Waiting> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "waiting-process.ts"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith("{")) return JSON.parse(line) as Waiting;
    }
    throw new Error("the process ended before all waited");
  } finally {
    child.kill("SIGKILL");
  }
}

async function measure(count: string): Promise<readonly Figure[]> {
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

const { count, json } = parseArgs({
  options: { count: { type: "string", default: "1000" }, json: { type: "boolean", default: false } },
}).values;
report("waiting", await measure(count), json);
