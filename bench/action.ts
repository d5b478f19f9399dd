/**
 * What a person waits who looks at a job's log: from the start of the Action, with its version of Sluice installed, to its first
 * line, and to the first line of the deployment itself. `node bench/action.ts [--json]`; about 30 seconds.
 */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { githubMachine } from "../test/action/github-job.ts";
import { tinyProject } from "../test/e2e/project.ts";
import type { TinyRelease } from "../test/e2e/tiny-release.ts";
import type { Figure } from "./router-throughput.ts";
import { median, report } from "./whole-process.ts";

const runs = 5;
const limitSeconds = 3;

const releases: readonly TinyRelease[] = Array.from({ length: runs + 1 }, (_, at) => ({
  tag: `v1.${at}.0`,
  behaviour: "healthy",
}));

async function measure(): Promise<readonly Figure[]> {
  const machine = githubMachine();
  const rollout = "{ steps: [{ percent: 100, bake: 0s }], checkEvery: 10ms, keepStable: 0s }";
  const project = await tinyProject({ releases, load: 0, environment: { rollout } });
  const firsts: number[] = [];
  const deployments: number[] = [];
  try {
    for (const { tag } of releases) {
      const startedMs = performance.now();
      const job = machine.begin({
        command: "deploy",
        environment: "production",
        release: tag,
        project: project.folder,
      });
      const broken = job.ended.then(({ told }) => Promise.reject(new Error(told)));
      const until = async (words: RegExp) => {
        while (!job.lines.some((line) => words.test(line)))
          await Promise.race([once(job.child.stdout ?? job.child, "data"), broken]);
        return (performance.now() - startedMs) / 1000;
      };
      firsts.push(await until(/^Sluice \d/));
      deployments.push(await until(/: deployment \d{10}-/));
      const { code, told } = await job.ended;
      if (code !== 0) throw new Error(told);
      await project.settled();
    }
  } finally {
    await project.stop();
    machine.remove();
  }
  // The first one starts the ledger's database.
  const later = deployments.slice(1);
  return [
    { what: `the Action's first line, median of ${firsts.length}`, value: median(firsts), unit: "s" },
    { what: `its deployment's first line, median of ${runs}`, value: median(later), unit: "s", limit: limitSeconds },
    { what: "the slowest of them", value: Math.max(...later), unit: "s" },
  ];
}

const { json } = parseArgs({ options: { json: { type: "boolean", default: false } } }).values;
report("action", await measure(), json);
