/**
 * What a person waits for an answer: `sluice status` as a whole process, beside a plain `node -e 0`, with the state database
 * running (a deployment waits) and without. `node bench/status.ts [--json]`; about 20 seconds.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { openState } from "../src/app/state.ts";
import { type Ran, tinyProject, told } from "../test/e2e/project.ts";
import type { Figure } from "./router-throughput.ts";
import { median, report } from "./whole-process.ts";

const runs = 10;
const limitSeconds = 0.35;

async function timed(run: () => Promise<Ran>): Promise<readonly number[]> {
  const seconds: number[] = [];
  await run();
  for (let at = 0; at < runs; at++) {
    const ran = await run();
    if (ran.exitCode !== 0) throw new Error(told(ran));
    seconds.push(ran.tookMs / 1000);
  }
  return seconds;
}

function plainNode(): number {
  const seconds = Array.from({ length: runs }, () => {
    const startedMs = performance.now();
    spawnSync(process.execPath, ["-e", "0"]);
    return (performance.now() - startedMs) / 1000;
  });
  return median(seconds);
}

async function measure(): Promise<readonly Figure[]> {
  const project = await tinyProject({ load: 0, environment: { rollout: "{ steps: [{ percent: 100, bake: 0s }] }" } });
  try {
    const deployed = await project.sluice("deploy", "production", "v1.0.0");
    if (deployed.exitCode !== 0) throw new Error(told(deployed));
    await project.settled();
    const status = () => project.sluice("status");
    const cold = await timed(status);
    const state = await openState({ url: undefined, stateFolder: project.stateFolder });
    const warm = await timed(status).finally(() => state.close());
    return [
      {
        what: "sluice status, whole process, median of 10, database up",
        value: median(warm),
        unit: "s",
        limit: limitSeconds,
      },
      { what: "the slowest of them", value: Math.max(...warm), unit: "s" },
      { what: "sluice status, whole process, median of 10, database started by it", value: median(cold), unit: "s" },
      { what: "node -e 0, for comparison, median of 10", value: plainNode(), unit: "s" },
    ];
  } finally {
    await project.stop();
  }
}

const { json } = parseArgs({ options: { json: { type: "boolean", default: false } } }).values;
report("status", await measure(), json);
