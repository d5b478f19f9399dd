/**
 * Every published figure by one command: `npm run bench` lists the benches, `npm run bench -- status deploy` runs some,
 * `npm run bench -- all --json` all of them, one JSON object each; what follows a further `--` is for the bench itself. Exit code 1 where a promised limit was not kept.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const benches: Readonly<Record<string, string>> = {
  router: "lost requests and shares while weights change, latency against direct calls, throughput against HAProxy",
  status: "sluice status as a whole process",
  deploy: "a deployment whose waits are zero, as a whole process",
  action: "the Action from its start to its first line and to its deployment's",
  resume: "from kill -9 to the first step of the successor: the standby with nobody watching, and sluice resume",
  waiting:
    "a thousand deployments that wait for an approval on one process, and ten thousand that bake in virtual time: memory, processor, time",
  backup:
    "a dump beside pg_dump | gzip -6, its whole proof, memory at two sizes, and what can be restored within each RTO; ten minutes",
  pipeline: "what the pipeline itself costs: on the real engine with waits zero, and in virtual time",
  "verdict-bucket": "what one bucket of one metric costs the verdict",
  "verdict-simulated":
    "false rollbacks, detection and whole rollouts on seeded traffic, beside the rules of other tools",
  "verdict-live": "the real pipeline at 500 requests a second with faulty releases, beside other rules; eleven minutes",
};

const fileOf = (bench: string): string => join(import.meta.dirname, `${bench}.ts`);
const present = Object.keys(benches).filter((bench) => existsSync(fileOf(bench)));

function list(): void {
  for (const bench of present) console.log(`${bench.padEnd(17)} ${benches[bench]}`);
  console.log(
    "\nrun them: npm run bench -- <name> … | all [--json] · with options of its own: npm run bench -- <name> -- --runs 100",
  );
}

function run(bench: string, json: boolean, options: readonly string[]): boolean {
  if (!json) console.log(`\n${bench}: ${benches[bench]}`);
  const argv = [fileOf(bench), ...(json ? ["--json"] : []), ...options];
  const { status } = spawnSync(process.execPath, argv, { stdio: "inherit" });
  return status === 0;
}

function main(): number {
  const given = process.argv.slice(2);
  const own = given.indexOf("--");
  const { values, positionals } = parseArgs({
    args: own < 0 ? given : given.slice(0, own),
    options: { json: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const wanted = positionals.includes("all") ? present : positionals;
  const unknown = wanted.filter((bench) => !present.includes(bench));
  if (unknown.length > 0) {
    console.error(`There is no bench ${unknown.join(", ")}; there are ${present.join(", ")}: npm run bench`);
    return 2;
  }
  if (wanted.length === 0) {
    list();
    return 0;
  }
  return wanted.map((bench) => run(bench, values.json, own < 0 ? [] : given.slice(own + 1))).every(Boolean) ? 0 : 1;
}

process.exitCode = main();
