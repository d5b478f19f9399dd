/**
 * `npm run planted [-- name …] [--seeds M] [--from S] [--workers 1|2]`: does the simulation find faults? Each patch in test/planted/ removes one
 * safeguard from a clone of the last commit; then the random walk runs for up to M seeds from S on, and where it finds nothing,
 * the tests that the patch's header names. Ends with 1 when a planted bug was not found.
 *
 * A patch's header: `# <what is removed>` and, where a walk cannot see it, `# tests: <path> …`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

interface Planted {
  readonly name: string;
  readonly path: string;
  readonly what: string;
  readonly tests: readonly string[];
}

interface Finding {
  readonly found: boolean;
  readonly by: string;
  /** Shows it again. */
  readonly replay: string;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "300" },
    from: { type: "string", default: "1" },
    workers: { type: "string", default: "1" },
  },
});

function plantedBugs(): readonly Planted[] {
  const all = globSync("test/planted/*.patch", { cwd: root }).sort();
  return all
    .map((path) => {
      const [what = "", tests = ""] = readFileSync(join(root, path), "utf8").split("\n");
      return {
        name: basename(path, ".patch"),
        path: join(root, path),
        what: what.replace(/^# /, ""),
        tests: tests.startsWith("# tests: ") ? tests.slice("# tests: ".length).split(" ") : [],
      };
    })
    .filter(({ name }) => positionals.length === 0 || positionals.includes(name));
}

async function run(
  program: string,
  argv: readonly string[],
  cwd: string,
): Promise<{ readonly code: number; readonly said: string }> {
  const child = spawn(program, argv, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk));
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, said };
}

async function must(program: string, argv: readonly string[], cwd: string): Promise<void> {
  const { code, said } = await run(program, argv, cwd);
  if (code !== 0) throw new Error(`${program} ${argv.join(" ")} ended with ${code}:\n${said}`);
}

const testsPass = async (paths: readonly string[], folder: string): Promise<boolean> =>
  (await run(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...paths], folder)).code === 0;

/** The walk has found nothing. A test that fails without any bug would find every one of them. */
async function lookByTests(bug: Planted, folder: string): Promise<Finding> {
  const replay = `npm run planted -- ${bug.name}`;
  const tests = bug.tests.join(" ");
  const walked = `${values.seeds} seeds from ${values.from}`;
  if (bug.tests.length === 0) return { found: false, by: `NOT FOUND: ${walked}, no test named`, replay };
  if (await testsPass(bug.tests, folder)) return { found: false, by: `NOT FOUND: ${walked}, ${tests}`, replay };
  await must("git", ["checkout", "--quiet", "--", "."], folder);
  const sound = await testsPass(bug.tests, folder);
  const by = sound ? `not the walk (${walked}), but ${tests}` : `NOT FOUND: ${tests} fails without the bug as well`;
  return { found: sound, by, replay };
}

/** The patch is in place in `folder`. */
async function look(bug: Planted, folder: string): Promise<Finding> {
  const replay = `npm run planted -- ${bug.name}`;
  const argv = ["scripts/soak.ts", "--seeds", values.seeds, "--from", values.from];
  const soak = await run(process.execPath, argv, folder);
  const [, seed, invariant] = /^seed (\d+): ([^:]+)/m.exec(soak.said) ?? [];
  if (soak.code === 1 && seed) {
    return { found: true, by: `the walk, seed ${seed}: ${invariant}`, replay: `${replay} --seeds 1 --from ${seed}` };
  }
  if (soak.code !== 0) return { found: false, by: `nothing: the soak itself ended with ${soak.code}`, replay };
  return lookByTests(bug, folder);
}

async function plant(bug: Planted, folder: string): Promise<Finding> {
  await must("git", ["checkout", "--quiet", "--", "."], folder);
  const applied = await run("git", ["apply", bug.path], folder);
  if (applied.code === 0) return look(bug, folder);
  const by = `the patch does not apply: ${applied.said.trim()}`;
  return { found: false, by, replay: `npm run planted -- ${bug.name}` };
}

const folder = mkdtempSync(join(tmpdir(), "sluice-planted-"));
const bugs = plantedBugs();
const queue = [...bugs];
let found = 0;

/** Takes one bug after the other, in a clone of its own. */
async function worker(name: string): Promise<void> {
  const clone = join(folder, name);
  await must("git", ["clone", "--quiet", "--shared", root, clone], folder);
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
  for (let bug = queue.shift(); bug; bug = queue.shift()) {
    const finding = await plant(bug, clone);
    found += finding.found ? 1 : 0;
    console.log(`${finding.found ? "found" : "NOT  "}  ${bug.name.padEnd(30)} ${finding.by}\n       ${bug.what}`);
    console.log(`       See it again: ${finding.replay}`);
  }
}

try {
  await Promise.all((values.workers === "2" ? ["first", "second"] : ["first"]).map(worker));
  console.log(`\nfound ${found} of ${bugs.length}`);
  process.exitCode = bugs.length > 0 && found === bugs.length ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
