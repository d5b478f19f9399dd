/** The door of the repository, tried on a small checkout of its own with an empty lock file: no network, real npm, real processes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let checkout = "";

beforeEach(() => {
  checkout = realpathSync(mkdtempSync(join(tmpdir(), "sluice-bootstrap-")));
  cpSync(join(import.meta.dirname, "..", "scripts"), join(checkout, "scripts"), { recursive: true });
  writeFileSync(join(checkout, "package.json"), JSON.stringify({ name: "probe", version: "1.0.0", type: "module" }));
  const packages = { "": { name: "probe", version: "1.0.0" } };
  writeFileSync(
    join(checkout, "package-lock.json"),
    JSON.stringify({ name: "probe", version: "1.0.0", lockfileVersion: 3, requires: true, packages }),
  );
  writeFileSync(
    join(checkout, "entry.ts"),
    `const word: string = process.argv[2] ?? "";
if (word === "wait") { process.on("SIGTERM", () => process.exit(43)); setInterval(() => undefined, 1000); }
process.exitCode = Number(process.argv[3] ?? 0);
console.log(JSON.stringify({ word, node: process.versions.node, leaked: process.env.npm_config_dry_run ?? "" }));`,
  );
});

afterEach(() => {
  chmodSync(checkout, 0o755);
  rmSync(checkout, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  words: readonly string[],
  options: { readonly uid?: number; readonly env?: NodeJS.ProcessEnv } = {},
): ChildProcess {
  const { uid, env } = options;
  return spawn(process.execPath, ["scripts/bootstrap.mjs", "entry.ts", ...words], {
    cwd: checkout,
    env: { ...process.env, ...env },
    ...(uid !== undefined && { uid }),
  });
}

async function ended(child: ChildProcess): Promise<Ended> {
  const said = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (said.stdout += chunk));
  child.stderr?.on("data", (chunk) => (said.stderr += chunk));
  const [code] = await once(child, "close");
  return { code, ...said };
}

test("a first start sets the checkout up and says so; the next one is silent; words and exit code pass through", async () => {
  const first = await ended(start(["hello", "7"]));
  const second = await ended(start(["again", "0"]));

  expect(first).toMatchObject({ code: 7, stderr: expect.stringContaining("packages are here") });
  expect(JSON.parse(first.stdout)).toMatchObject({ word: "hello" });
  expect(second).toMatchObject({ code: 0, stderr: "" });
});

test("three starts at once set up once, also past the lock of a set-up that died", async () => {
  const dead = spawnSync(process.execPath, ["--version"]).pid;
  mkdirSync(join(checkout, ".cache"));
  writeFileSync(join(checkout, ".cache", "bootstrap.lock"), `${dead} ${hostname()}`);

  const all = await Promise.all(["a", "b", "c"].map((word) => ended(start([word]))));

  expect(all.map((one) => one.code)).toEqual([0, 0, 0]);
  expect(all.filter((one) => one.stderr.includes("packages are here"))).toHaveLength(1);
  expect(existsSync(join(checkout, ".cache", "bootstrap.lock"))).toBe(false);
});

test("a signal reaches the program, and its exit code comes back", async () => {
  await ended(start(["warm"]));
  const child = start(["wait"]);
  const end = ended(child);
  await once(child.stdout ?? child, "data");

  child.kill("SIGTERM");

  expect((await end).code).toBe(43);
});

test("settings meant for the outer npm do not reach the set-up or the program", async () => {
  const end = await ended(start(["x"], { env: { npm_config_dry_run: "true", npm_config_omit: "dev" } }));

  expect(end.code).toBe(0);
  expect(JSON.parse(end.stdout)).toMatchObject({ leaked: "" });
  expect(existsSync(join(checkout, "node_modules", ".sluice-bootstrap"))).toBe(true);
});

test("a checkout that may not be written is refused in one sentence that says what to do", async () => {
  chmodSync(checkout, 0o555);
  const end = await ended(start(["x"], process.getuid?.() === 0 ? { uid: 65_534 } : {}));

  expect(end).toMatchObject({ code: 1, stdout: "" });
  expect(end.stderr).toMatch(/is not writable for this user.*git clone/s);
  expect(end.stderr).not.toContain("    at ");
});
