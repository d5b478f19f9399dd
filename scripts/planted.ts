/**
 * `npm run planted [-- name …] [--seeds M] [--from S]`: does the simulation find faults? Each patch in test/planted/ removes one
 * safeguard from a clone of the last commit; then the random walk runs for up to M seeds from S on, and where it finds nothing,
 * the tests that the patch's header names. Ends with 1 when a planted bug was not found.
 *
 * A patch's header: `# <what is removed>` and, where a walk cannot see it, `# tests: <path> …`.
 */
import { spawnSync } from "node:child_process";
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
  options: { seeds: { type: "string", default: "300" }, from: { type: "string", default: "1" } },
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

function run(program: string, argv: readonly string[], cwd: string): { readonly code: number; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(program, argv, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return { code: status ?? 1, said: `${stdout}${stderr}` };
}

function must(program: string, argv: readonly string[], cwd: string): void {
  const { code, said } = run(program, argv, cwd);
  if (code !== 0) throw new Error(`${program} ${argv.join(" ")} ended with ${code}:\n${said}`);
}

/** The patch is in place in `folder`. */
function look(bug: Planted, folder: string): Finding {
  const replay = `npm run planted -- ${bug.name}`;
  const argv = ["scripts/soak.ts", "--seeds", values.seeds, "--from", values.from];
  const soak = run(process.execPath, argv, folder);
  const [, seed, invariant] = /^seed (\d+): ([^:]+)/m.exec(soak.said) ?? [];
  if (soak.code === 1 && seed) {
    return { found: true, by: `the walk, seed ${seed}: ${invariant}`, replay: `${replay} --seeds 1 --from ${seed}` };
  }
  if (soak.code !== 0) return { found: false, by: `nothing: the soak itself ended with ${soak.code}`, replay };
  for (const path of bug.tests) {
    const { code } = run(process.execPath, ["node_modules/vitest/vitest.mjs", "run", path], folder);
    if (code !== 0) return { found: true, by: `not the walk (${values.seeds} seeds), but ${path}`, replay };
  }
  return { found: false, by: `NOT FOUND: ${values.seeds} seeds, ${bug.tests.join(" ") || "no test named"}`, replay };
}

function plant(bug: Planted, folder: string): Finding {
  must("git", ["checkout", "--quiet", "--", "."], folder);
  const applied = run("git", ["apply", bug.path], folder);
  if (applied.code === 0) return look(bug, folder);
  const by = `the patch does not apply: ${applied.said.trim()}`;
  return { found: false, by, replay: `npm run planted -- ${bug.name}` };
}

/** A test that fails without any bug would find every one of them. */
function refuseFailingTests(bugs: readonly Planted[], folder: string): void {
  const tests = [...new Set(bugs.flatMap((bug) => bug.tests))];
  if (tests.length > 0) must(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...tests], folder);
}

const folder = mkdtempSync(join(tmpdir(), "sluice-planted-"));
try {
  const clone = join(folder, "sluice");
  must("git", ["clone", "--quiet", "--shared", root, clone], folder);
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
  const bugs = plantedBugs();
  refuseFailingTests(bugs, clone);
  let found = 0;
  for (const bug of bugs) {
    const finding = plant(bug, clone);
    found += finding.found ? 1 : 0;
    console.log(`${finding.found ? "found" : "NOT  "}  ${bug.name.padEnd(30)} ${finding.by}\n       ${bug.what}`);
    console.log(`       See it again: ${finding.replay}`);
  }
  console.log(`\nfound ${found} of ${bugs.length}`);
  process.exitCode = bugs.length > 0 && found === bugs.length ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
