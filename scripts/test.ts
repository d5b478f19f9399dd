/**
 * The test command: types, format and lint, unused parts, then every test file, each as one suite with its time.
 * `npm test -- router` runs the test files whose path contains "router"; `npm test -- types` runs one check by name.
 * The last line is `N passed, N failed`. With CI=true nothing may be skipped: a skipped test is a failure and is listed.
 */
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Failed, TestReport } from "./test-report.ts";

interface SuiteResult {
  readonly passed: number;
  readonly failed: readonly Failed[];
  readonly skipped: TestReport["skipped"];
}

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
const noSkips = ["true", "1"].includes(process.env.CI ?? "");
const patterns = process.argv.slice(2);

const checks: readonly { readonly name: string; readonly argv: readonly string[] }[] = [
  { name: "types", argv: ["node_modules/typescript/bin/tsc", "--noEmit", "-p", "tsconfig.json"] },
  { name: "format and lint", argv: ["node_modules/@biomejs/biome/bin/biome", "check", "."] },
  { name: "unused parts", argv: ["node_modules/knip/bin/knip.js", "--no-progress"] },
];

/** Programs that some tests use. Without one its tests are skipped, and say so. */
const tools: readonly { readonly program: string; readonly use: string; readonly debian: string }[] = [
  { program: "pg_dump", use: "backups of PostgreSQL", debian: "postgresql" },
  { program: "mariadbd", use: "backups of MariaDB", debian: "mariadb-server-core" },
  { program: "mariadb-dump", use: "backups of MariaDB", debian: "mariadb-client" },
  { program: "radosgw", use: "backups in S3 (Ceph)", debian: "ceph-mon ceph-osd radosgw" },
  { program: "haproxy", use: "the HAProxy router and its comparison", debian: "haproxy" },
  { program: "prometheus", use: "Prometheus as a metric source", debian: "prometheus" },
  { program: "wrk", use: "load on the router", debian: "wrk" },
  { program: "ssh-keygen", use: "signed approvals", debian: "openssh-client" },
  { program: "openssl", use: "certificates", debian: "openssl" },
  { program: "git", use: "releases from tags", debian: "git" },
  { program: "strace", use: "what reaches the disk and when", debian: "strace" },
  { program: "faketime", use: "clocks that jump", debian: "faketime" },
  { program: "curl", use: "requests from outside", debian: "curl" },
  { program: "sqlite3", use: "backups of SQLite", debian: "sqlite3" },
];

/** Debian keeps the PostgreSQL programs of each version in a folder of their own, and daemons outside a user's PATH. */
function isHere(program: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return (
    [...folders, "/usr/sbin"].some((folder) => existsSync(join(folder, program))) ||
    globSync(`/usr/lib/postgresql/*/bin/${program}`).length > 0
  );
}

function announceMissingTools(): void {
  if (process.platform === "win32") return;
  for (const { program, use, debian } of tools.filter((tool) => !isHere(tool.program))) {
    console.log(`not here: ${program} (${use}) → apt-get install ${debian}`);
  }
}

/** Runs a program of ours under this Node. `quiet` collects what it prints, for showing only when it fails. */
function run(argv: readonly string[], quiet: boolean, env = process.env): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, argv, {
    env,
    stdio: ["ignore", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
  });
  const said: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => said.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => said.push(chunk));
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => done({ code: code ?? 1, said: Buffer.concat(said).toString() }));
  });
}

async function runCheck(check: (typeof checks)[number]): Promise<SuiteResult> {
  const { code, said } = await run(check.argv, true);
  if (code === 0) return { passed: 1, failed: [], skipped: [] };
  console.log(said.trimEnd());
  return { passed: 0, failed: [{ test: check.name, why: said.trim() }], skipped: [] };
}

async function runTestFiles(filters: readonly string[]): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  const reportPath = join(folder, "report.json");
  const argv = [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--reporter=default",
    "--reporter=./scripts/test-report.ts",
    ...filters,
  ];
  try {
    const { code } = await run(argv, false, { ...process.env, SLUICE_TEST_REPORT: reportPath });
    const ended = { test: `vitest ended with exit code ${code}`, why: "" };
    if (!existsSync(reportPath)) return { passed: 0, failed: [ended], skipped: [] };
    const report: TestReport = JSON.parse(readFileSync(reportPath, "utf8"));
    if (report.passed + report.failed.length + report.skipped.length === 0) {
      return { ...report, failed: [{ test: `no test file matches: ${filters.join(" ")}`, why: "" }] };
    }
    const unexplained = code !== 0 && report.failed.length === 0 ? [ended] : [];
    return { ...report, failed: [...report.failed, ...unexplained] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs one suite and prints its line. */
async function timed(name: string, suite: () => Promise<SuiteResult>): Promise<SuiteResult> {
  const startedMs = performance.now();
  const result = await suite();
  const took = `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  const counts =
    result.passed + result.failed.length > 1 ? `  ${result.passed} passed, ${result.failed.length} failed` : "";
  console.log(`${result.failed.length === 0 ? "ok  " : "FAIL"}  ${name.padEnd(18)}${took.padStart(8)}${counts}`);
  return result;
}

const beginningOf = (text: string): readonly string[] =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(0, 12)
    .map((line) => line.slice(0, 300));

function list(title: string, lines: readonly string[]): void {
  if (lines.length > 0) console.log(`\n${title}\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

announceMissingTools();
const wantedChecks = checks.filter(
  (check) => patterns.length === 0 || patterns.includes(check.name.split(" ")[0] ?? ""),
);
const filters = patterns.filter((pattern) => !wantedChecks.some((check) => check.name.startsWith(pattern)));
const results: SuiteResult[] = [];
for (const check of wantedChecks) results.push(await timed(check.name, () => runCheck(check)));
if (patterns.length === 0 || filters.length > 0) results.push(await timed("tests", () => runTestFiles(filters)));

const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.flatMap((result) => result.failed);
const skipped = results.flatMap((result) => result.skipped);
const failures = failed.length + (noSkips ? skipped.length : 0);
list(
  "Failed:",
  failed.flatMap(({ test, why }) => [test, ...beginningOf(why).map((line) => `    ${line}`)]),
);
list(
  noSkips ? "Skipped, which CI=true does not allow:" : "Skipped:",
  skipped.map(({ test, reason }) => `${test} (${reason})`),
);
console.log(
  `\n${passed} passed, ${failures} failed${noSkips || skipped.length === 0 ? "" : `, ${skipped.length} skipped`}`,
);
process.exitCode = failures === 0 ? 0 : 1;
