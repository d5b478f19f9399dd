/**
 * The verdict against seeded traffic of which the truth is known: false rollbacks, detection, exposed requests, whole rollouts,
 * beside faithful models of the rules of other tools. `node bench/verdict-simulated.ts [--runs N] [--only <table>] [--seed N]
 * [--json]`; about six minutes of one core. Exit code 1 where a promised limit was not kept.
 *
 * `--runs` is the number of healthy rollouts in each cell; 3,000 without a false alarm say that there are under 0.1 % (95 % sure).
 * Other tables take a part of it. The error of a share p of n runs is about ± 2·√(p(1−p)/n).
 */
import { parseArgs } from "node:util";
import type { Figure } from "./router-throughput.ts";
import { exposureTable, faultTable } from "./verdict/faults.ts";
import { detectableTable, goodTable } from "./verdict/good.ts";
import { disturbedTable, healthyTable } from "./verdict/healthy.ts";
import { latencyTable } from "./verdict/latency.ts";
import { rolloutTable } from "./verdict/rollouts.ts";
import { markdownOf, type Table } from "./verdict/table.ts";
import { report } from "./whole-process.ts";

/** Each with the part of `--runs` that it takes. */
const tables: Readonly<Record<string, readonly [(runs: number, seed: number) => Table, number]>> = {
  healthy: [healthyTable, 1],
  disturbed: [disturbedTable, 0.5],
  faults: [faultTable, 1 / 3],
  exposure: [exposureTable, 1 / 10],
  latency: [latencyTable, 1 / 10],
  rollouts: [rolloutTable, 2 / 15],
  good: [goodTable, 2 / 3],
  detectable: [detectableTable, 1 / 3],
};

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    runs: { type: "string", default: "3000" },
    only: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const [runs, seed] = [Number(values.runs), Number(values.seed)];
const wanted = Object.entries(tables).filter(([name]) => values.only === undefined || values.only === name);
if (wanted.length === 0 || !(Number.isSafeInteger(runs) && runs >= 30) || !Number.isSafeInteger(seed)) {
  console.error(`--only is one of ${Object.keys(tables).join(", ")}; --runs is 30 or more, --seed a whole number`);
  process.exit(2);
}

const figures: Figure[] = [];
for (const [name, [make, part]] of wanted) {
  const cpuBefore = process.cpuUsage().user;
  const table = make(Math.max(10, Math.round(runs * part)), seed);
  figures.push(...table.figures);
  if (values.json) continue;
  console.log(markdownOf(table));
  console.error(`(${name}: ${((process.cpuUsage().user - cpuBefore) / 1e6).toFixed(0)} s of CPU time)`);
}
report("verdict-simulated", figures, values.json);
