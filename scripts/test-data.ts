/**
 * `npm run test:data`: backups, their stores and what is restored from them, on real parts, and then what was proven: the
 * requirements that the tests name, each with how many of them passed. A part that is missing on this machine is listed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);

const suites = [
  "test/data/",
  ...["s3", "disk", "postgres", "mariadb", "sqlite", "age"].map((name) => `src/adapters/${name}/`),
];

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title: string;
      readonly fullName: string;
    }[];
  }[];
}

const folder = mkdtempSync(join(tmpdir(), "sluice-test-data-"));
try {
  const file = join(folder, "report.json");
  const argv = ["node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json"];
  const child = spawn(process.execPath, [...argv, `--outputFile.json=${file}`, ...suites], { stdio: "inherit" });
  const code = await new Promise<number>((ended) => child.once("close", (status) => ended(status ?? 1)));
  if (existsSync(file)) process.exitCode = summary(JSON.parse(readFileSync(file, "utf8")), code);
  else process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function summary({ testResults }: Report, code: number): number {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const passed = tests.filter(({ status }) => status === "passed");
  const failed = tests.filter(({ status }) => status === "failed");
  const skipped = tests.filter(({ status }) => !["passed", "failed"].includes(status));
  console.log("\nProven, by requirement (docs/requirements.md):");
  for (const [requirement, count] of counted(passed.map(({ title }) => title))) {
    console.log(`  ${requirement.padEnd(4)} ${count} ${count === 1 ? "test" : "tests"}`);
  }
  for (const { fullName } of skipped) console.log(`  not proven here, its part is missing: ${fullName}`);
  const missing = process.env["CI"] === "true" ? skipped.length : 0;
  console.log(`\n${passed.length} passed, ${failed.length + missing} failed, ${skipped.length} skipped`);
  return code !== 0 || missing > 0 ? 1 : 0;
}

function counted(titles: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const title of titles) {
    for (const requirement of /^(?:[A-Z]\d+ )+/.exec(title)?.[0].trim().split(" ") ?? []) {
      counts.set(requirement, (counts.get(requirement) ?? 0) + 1);
    }
  }
  return [...counts].toSorted(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
}
