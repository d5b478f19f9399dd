/**
 * What Sluice itself costs: a deployment whose waits are all zero, as a whole process from the command to its exit, with a
 * database (backup and migration) and without. `node bench/deploy.ts [--json]`; about 30 seconds.
 */
import { parseArgs } from "node:util";
import { tinyProject, told } from "../test/e2e/project.ts";
import type { TinyRelease } from "../test/e2e/tiny-release.ts";
import type { Figure } from "./router-throughput.ts";
import { median, report } from "./whole-process.ts";

const runs = 5;

const releases: readonly TinyRelease[] = Array.from({ length: runs + 1 }, (_, at) => ({
  tag: `v1.${at}.0`,
  behaviour: "healthy",
  migrations: Array.from({ length: at + 1 }, (_, id) => `m${id}`),
}));

const withoutWaits = {
  rollout: "{ steps: [{ percent: 50, bake: 0s }, { percent: 100, bake: 0s }], checkEvery: 10ms, keepStable: 0s }",
};

/** The first one starts router and database and is told apart. */
async function measure(database: boolean): Promise<readonly Figure[]> {
  const project = await tinyProject({ database, releases, load: 0, environment: withoutWaits });
  const seconds: number[] = [];
  try {
    for (const { tag } of releases) {
      const ran = await project.sluice("deploy", "production", tag);
      if (ran.exitCode !== 0) throw new Error(told(ran));
      seconds.push(ran.tookMs / 1000);
      await project.settled();
    }
  } finally {
    await project.stop();
  }
  const [first = Number.NaN, ...later] = seconds;
  const how = database ? "with backup and migration" : "without a database";
  return [
    { what: `the first deployment of a project, ${how}`, value: first, unit: "s" },
    { what: `a deployment in two steps, waits zero, ${how}, median of ${runs}`, value: median(later), unit: "s" },
  ];
}

const { json } = parseArgs({ options: { json: { type: "boolean", default: false } } }).values;
report("deploy", [...(await measure(false)), ...(await measure(true))], json);
