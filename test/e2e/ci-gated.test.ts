/** `node examples/ci-gated/run.ts` from outside: its exit code, and what its SIMULATED GitHub (test/github) holds at the end. */
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { placeIn } from "../../examples/shared/place.ts";
import { leftRunning } from "../../examples/shared/processes.ts";
import type { SimulatedRepository } from "../github/world.ts";

const exampleFile = join(import.meta.dirname, "../../examples/ci-gated/run.ts");
/** Four deployments, one of which waits for CI, on a machine that does much else. */
const limitMs = 480_000;
let temporary: string;

beforeEach(async () => {
  temporary = await mkdtemp("/tmp/ci-gated-test-");
  await chmod(temporary, 0o711);
});
afterEach(() => rm(temporary, { recursive: true, force: true }));

test(
  "T4 T7 N2 from a push to production: what CI passed is deployed, a red commit is refused, one issue opens and closes",
  async () => {
    const ran = await execa(process.execPath, [exampleFile], {
      env: { TMPDIR: temporary },
      all: true,
      reject: false,
      timeout: limitMs - 30_000,
    });

    expect(ran.exitCode, ran.all).toBe(0);
    expect(ran.all).toContain("GitHub is simulated");
    expect(ran.all).toContain("ci: test: failure (CI_NOT_PASSED)");
    const [name = ""] = (await readdir(temporary)).filter((each) => each.startsWith("sluice-ci-gated-"));
    const folder = join(temporary, name);
    const github: SimulatedRepository = JSON.parse(await readFile(join(folder, "github.json"), "utf8"));
    expect(endsOf(github)).toEqual(["v1.0.0 success", "v1.1.0 failure", "v1.2.0 failure", "v1.3.0 success"]);
    expect(statusesOf(github)).toEqual([
      "v1.0.0 in production: succeeded",
      "v1.1.0 in production: rolled-back",
      "v1.2.0 in production: refused",
      "v1.3.0 in production: succeeded",
    ]);
    expect(github.releases.map(({ tag }) => tag)).toEqual(["v1.0.0", "v1.3.0"]);
    expect(github.releases[0]?.body).toMatch(/Open the backend[\s\S]*`v1\.0\.0` serves in `production`/);
    expect(github.issues).toMatchObject([
      { title: "v1.1.0 in production: rolled-back", state: "closed", labels: ["sluice-incident", "production"] },
    ]);
    expect(github.issues[0]?.body).toContain("**Report**");
    const [refused, closing, ...more] = github.issues[0]?.comments ?? [];
    expect(refused?.body).toContain("ci: test: failure");
    expect(closing?.body).toContain("v1.3.0");
    expect(more).toEqual([]);
    expect(await leftRunning(placeIn(folder))).toEqual([]);
  },
  limitMs,
);

/** Each deployment's tag and last state, in the order in which they were made. */
function endsOf({ refs, deployments }: SimulatedRepository): readonly string[] {
  const tags = Object.entries(refs).filter(([name]) => name.startsWith("tags/"));
  return deployments.map(({ sha, statuses }) => {
    const tag = tags.find(([, ref]) => ref.sha === sha)?.[0].slice("tags/".length);
    return `${tag} ${statuses.at(-1)?.state}`;
  });
}

const statusesOf = ({ statuses }: SimulatedRepository): readonly (string | null)[] =>
  statuses.filter(({ state }) => state !== "pending").map(({ description }) => description);
