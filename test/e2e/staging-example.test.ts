/** `node examples/staging/run.ts` from outside: its exit code, and what its SIMULATED GitHub (test/github) holds at the end. */
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findPostgres } from "../../examples/shared/database.ts";
import { placeIn } from "../../examples/shared/place.ts";
import { leftRunning } from "../../examples/shared/processes.ts";
import type { SimulatedRepository } from "../github/world.ts";

const exampleFile = join(import.meta.dirname, "../../examples/staging/run.ts");
/** Eight deployments, three of which are refused, on a machine that does much else. */
const limitMs = 600_000;
const hasPostgres = (await findPostgres()) !== undefined;
if (!hasPostgres) console.warn("skipped: examples/staging needs PostgreSQL (postgresql)");
let temporary: string;

beforeEach(async () => {
  temporary = await mkdtemp("/tmp/staging-test-");
  await chmod(temporary, 0o711);
});
afterEach(() => rm(temporary, { recursive: true, force: true }));

test.skipIf(!hasPostgres)(
  "T7 T10 N2 from a push to staging: its success publishes the candidate and starts what follows, and production demands it",
  async () => {
    const ran = await execa(process.execPath, [exampleFile], {
      env: { TMPDIR: temporary },
      all: true,
      reject: false,
      timeout: limitMs - 30_000,
    });

    expect(ran.exitCode, ran.all).toBe(0);
    expect(ran.all).toContain("GitHub is simulated");
    expect(ran.all).toMatch(/why +staging: \S+ ended in staging as rolled-back \(PREFLIGHT_FAILED\)/);
    const [name = ""] = (await readdir(temporary)).filter((each) => each.startsWith("sluice-staging-"));
    const folder = join(temporary, name);
    const github: SimulatedRepository = JSON.parse(await readFile(join(folder, "github.json"), "utf8"));
    expect(endsOf(github)).toEqual([
      "v1.0.0 staging success",
      "v1.0.0 production success",
      "v1.1.0 staging failure",
      "v1.1.0 production failure",
      "v1.2.0 staging failure",
      "v1.2.0 production failure",
      "v1.3.0 staging success",
      "v1.3.0 production success",
    ]);
    expect(github.releases.filter(({ prerelease }) => prerelease).map(({ tag }) => tag)).toEqual([
      "rc-1.0.0",
      "rc-1.3.0",
    ]);
    expect(github.releases.filter(({ prerelease }) => !prerelease).map(({ tag }) => tag)).toEqual(["v1.0.0", "v1.3.0"]);
    expect(github.runs.map(({ workflow, ref }) => `${workflow} ${ref}`)).toEqual([
      "e2e.yml rc-1.0.0",
      "e2e.yml rc-1.3.0",
    ]);
    expect(github.issues.map(({ labels, state }) => `${labels[0]} ${state}`).sort()).toEqual([
      "sluice-incident closed",
      "staging-incident closed",
    ]);
    expect(github.issues.every(({ body }) => body.includes("**Report**"))).toBe(true);
    expect(await leftRunning(placeIn(folder))).toEqual([]);
  },
  limitMs,
);

/** Each deployment's tag, environment and last state, in the order in which they were made. */
function endsOf({ refs, deployments }: SimulatedRepository): readonly string[] {
  const tags = Object.entries(refs).filter(([name]) => name.startsWith("tags/v"));
  return deployments.map(({ sha, environment, statuses }) => {
    const tag = tags.find(([, ref]) => ref.sha === sha)?.[0].slice("tags/".length);
    return `${tag} ${environment} ${statuses.at(-1)?.state}`;
  });
}
