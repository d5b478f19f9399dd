/** Real build commands in trees of a real folder that stands in for a repository. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { BuildRequest } from "../../ports/builder.ts";
import type { Source } from "../../ports/source.ts";
import { realClock, until } from "../../testing/real-clock.ts";
import type { CommandEnvironment } from "../run-command.ts";
import { treeDigest } from "../tree-digest.ts";
import { commandBuilder } from "./builder.ts";

const never = new AbortController().signal;
const commit = "3f2a9c1b22aa00000000000000000000000000aa";
let folder = "";
let logged: string[] = [];

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-build-")));
  logged = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Exports a folder with one file; nothing else of a repository plays a part here. */
function source(): Source {
  const refuse = () => Promise.reject(new Error("not asked for"));
  return {
    resolve: refuse,
    commit: refuse,
    changes: refuse,
    dirtyPaths: refuse,
    async exportTree(sha, to) {
      const from = await mkdtemp(join(folder, "export-"));
      await writeFile(join(from, "commit"), sha);
      await cp(from, to, { recursive: true });
    },
  };
}

const builder = (environment: CommandEnvironment = {}) =>
  commandBuilder({ source: source(), artifactsFolder: join(folder, "artifacts"), clock: realClock(), environment });
const script = (code: string) => [process.execPath, "-e", code];
/** Counts its runs outside the tree, and writes one file into it. */
const counting = () =>
  script(
    `require("fs").appendFileSync(${JSON.stringify(join(folder, "runs"))}, "x"); require("fs").writeFileSync("out", "built")`,
  );
const runs = async () => (await readFile(join(folder, "runs"), "utf8").catch(() => "")).length;
const request = (...build: (readonly string[])[]): BuildRequest => ({
  commit,
  version: "v1.0.0",
  components: [{ name: "web", build }],
});
const log = (component: string, line: string) => void logged.push(`${component}: ${line}`);

test("T9 a build runs in production mode in the commit's tree, and its digest is that of the result", async () => {
  const print = script(
    "console.log(process.env.NODE_ENV, process.env.MODE, require('fs').readFileSync('commit', 'utf8'))",
  );

  const [artifact] = await builder({ MODE: "shop" }).build(request(print, counting()), log, never);

  expect(logged).toContain(`web: production shop ${commit}`);
  expect(artifact).toMatchObject({
    component: "web",
    kind: "tree",
    digest: await treeDigest(artifact!.location, never),
  });
  expect(await readFile(join(artifact!.location, "out"), "utf8")).toBe("built");
});

test("U1 all components share one tree and one digest", async () => {
  const components = [
    { name: "web", build: [script("require('fs').writeFileSync('web', '')")] },
    { name: "api", build: [script("require('fs').writeFileSync('api', '')")] },
  ];

  const [web, api] = await builder().build({ commit, version: "v1.0.0", components }, log, never);

  expect([web?.component, api?.component]).toEqual(["web", "api"]);
  expect([api?.digest, api?.location]).toEqual([web?.digest, web?.location]);
  expect((await readdir(web!.location)).toSorted()).toEqual(["api", "commit", "web"]);
});

test("U1 a finished build is found again, and other commands or variables build anew", async () => {
  const first = await builder().build(request(counting()), log, never);
  const again = await builder().build(request(counting()), log, never);
  expect(again).toEqual(first);
  expect(await runs()).toBe(1);

  await builder({ API_URL: "https://other.example" }).build(request(counting()), log, never);
  await builder().build(request(counting(), script("0")), log, never);

  expect(await runs()).toBe(3);
});

test("U1 two builds of one commit at the same time run once", async () => {
  const [one, two] = await Promise.all([
    builder().build(request(counting()), log, never),
    builder().build(request(counting()), log, never),
  ]);

  expect(two).toEqual(one);
  expect(await runs()).toBe(1);
});

test("T9 a finished build that was changed since is not used, and not touched", async () => {
  const [first] = await builder().build(request(counting()), log, never);
  await writeFile(join(first!.location, "out"), "tampered");

  const [second] = await builder().build(request(counting()), log, never);

  expect(second?.digest).toBe(first?.digest);
  expect(second?.location).not.toBe(first?.location);
  expect(await readFile(join(first!.location, "out"), "utf8")).toBe("tampered");
});

test("T9 a failing command fails the build with its last lines, and leaves no artifact", async () => {
  const failing = script("console.log('compiling'); console.error('type error in shop.ts'); process.exit(2)");

  const error = await builder()
    .build(request(failing), log, never)
    .catch((thrown: SluiceError) => thrown);

  const { failure } = error as SluiceError;
  expect(failure.code).toBe("BUILD_FAILED");
  expect(failure.message).toContain("exit code 2");
  expect(failure.evidence).toContain("type error in shop.ts");
  const [place] = (await readdir(join(folder, "artifacts"))).filter((name) => name.startsWith("3f2a"));
  expect(await readdir(join(folder, "artifacts", place!))).toEqual([]);
});

test("K1 secrets of the build reach it and are in no log line, folder name or evidence", async () => {
  const token = new Secret("NPM_TOKEN", "npm_hunter22hunter22");
  const failing = script("console.log('token ' + process.env.NPM_TOKEN); process.exit(1)");

  const error = await builder({ NPM_TOKEN: token })
    .build(request(failing), log, never)
    .catch((thrown: SluiceError) => thrown);

  expect(logged).toContain("web: token [NPM_TOKEN]");
  expect((error as SluiceError).failure.evidence).toBe("token [NPM_TOKEN]");
});

test("Z1 a build whose Sluice was killed is redone, apart from what its command still writes", async () => {
  const here = (path: string) => JSON.stringify(new URL(path, import.meta.url).pathname);
  const slow = script(`
    require("fs").writeFileSync("pid", String(process.pid));
    require("fs").writeFileSync(${JSON.stringify(join(folder, "orphan"))}, String(process.pid));
    if (!require("fs").existsSync(${JSON.stringify(join(folder, "hurry"))})) setInterval(() => require("fs").writeFileSync("late", "x"), 20);`);
  await writeFile(
    join(folder, "doomed.ts"),
    `import { mkdirSync } from "node:fs";
     import { commandBuilder } from ${here("./builder.ts")};
     import { realClock } from ${here("../../testing/real-clock.ts")};
     const source = { exportTree: async (sha, to) => mkdirSync(to, { recursive: true }) };
     const builder = commandBuilder({ source, artifactsFolder: ${JSON.stringify(join(folder, "artifacts"))}, clock: realClock(), environment: {} });
     await builder.build(${JSON.stringify(request(slow))}, () => {}, new AbortController().signal);`,
  );
  const doomed = spawn(process.execPath, [join(folder, "doomed.ts")], { stdio: "ignore" });
  const orphan = async () => Number(await readFile(join(folder, "orphan"), "utf8").catch(() => "0"));
  await until(async () => (await orphan()) > 0, "the build to be under way");
  doomed.kill("SIGKILL");
  await once(doomed, "exit");
  const left = await orphan();
  await writeFile(join(folder, "hurry"), "");

  try {
    const [artifact] = await builder().build(request(slow), log, never);

    expect((await readdir(artifact!.location)).toSorted()).toEqual(["commit", "pid"]);
    expect(await treeDigest(artifact!.location, never)).toBe(artifact!.digest);
  } finally {
    process.kill(left, "SIGKILL");
  }
});
