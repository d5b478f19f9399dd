/** The process target with real processes: tiny HTTP servers written to temporary folders. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { Attempt } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { RunSpec } from "../../ports/target.ts";
import { realClock, until } from "../../testing/real-clock.ts";
import { targetContract } from "../../testing/target-contract.ts";
import type { TargetWorld } from "../../testing/target-world.ts";
import { findByVariable, identify } from "../process-identity.ts";
import { treeDigest } from "../tree-digest.ts";
import { processTarget } from "./process-target.ts";

const never = new AbortController().signal;
const clock = realClock();
const attempt: Attempt = { ledgerId: "ledger-a", n: 1, deploymentId: "1763673600-3f2a9c1b22aa" };

/** Every start is noted in SPAWNED before anything else, so that tests can count what really ran. */
const server = `
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
const { SPAWNED, MODE, PORT, SLUICE_VERSION, SLUICE_REVISION } = process.env;
appendFileSync(SPAWNED, SLUICE_REVISION + " " + process.pid + "\\n");
console.log("starting");
if (MODE === "crashes") { console.error("boom"); process.exit(3); }
if (MODE === "stubborn") process.on("SIGTERM", () => console.log("not now"));
const named = MODE === "impostor" ? "v0.0.0" : SLUICE_VERSION;
const port = Number(MODE === "fixed-port" ? process.env.FIXED_PORT : PORT);
createServer((request, response) => {
  if (request.url === "/environment") return response.end(JSON.stringify(process.env));
  response.statusCode = MODE === "never-ready" ? 503 : 200;
  response.end(JSON.stringify({ version: named, at: process.argv[2], mode: MODE }));
}).listen(port, "127.0.0.1", () => console.log("listening"));
`;

interface World extends TargetWorld {
  readonly folder: string;
  readonly root: string;
  /** Of those spawned for the revision, the ones that run. */
  alive(spec: RunSpec): Promise<readonly number[]>;
}

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

async function newWorld(): Promise<World> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-process-")));
  const root = join(folder, "target");
  const spawnedFile = join(folder, "spawned");
  await writeFile(spawnedFile, "");
  const target = processTarget({ root, environment: "production", clock });
  const pids = async (spec: RunSpec) => (await linesOf(spawnedFile, spec.revision)).map(Number);
  return {
    folder,
    root,
    target,
    other: processTarget({ root, environment: "production", clock }),
    alive: async (spec) => livingOf(await pids(spec)),
    spec: ({ revision, component = "web", instances = 1, behaviour = "good" }) =>
      makeSpec(folder, { revision, component, instances, mode: behaviour }),
    spawned: async (spec) => (await pids(spec)).length,
    async crash(spec) {
      const [pid = 0] = await pids(spec);
      process.kill(pid, "SIGKILL");
      await until(async () => !(await isAlive(pid)), `the end of process ${pid}`);
    },
    spoil: (artifact) => appendFile(join(artifact.location, "server.mjs"), " "),
    async close() {
      const all = (await readFile(spawnedFile, "utf8")).trim().split("\n");
      for (const pid of await livingOf(all.map((line) => Number(line.split(" ")[1])))) {
        process.kill(pid, "SIGKILL");
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ownWorld(): Promise<World> {
  const world = await newWorld();
  worlds.push(world);
  return world;
}

async function makeSpec(
  folder: string,
  want: { revision: string; component: string; instances: number; mode: string },
): Promise<RunSpec> {
  const { revision, component, instances, mode } = want;
  const location = join(folder, "artifacts", component, revision);
  await mkdir(location, { recursive: true });
  await writeFile(join(location, "server.mjs"), server);
  const version = revision.split("~")[0] ?? revision;
  return {
    component,
    revision,
    version,
    artifact: { component, digest: await treeDigest(location, never), kind: "tree", location },
    command: [process.execPath, "server.mjs", "--at={port}"],
    workingDirectory: ".",
    environment: { SPAWNED: join(folder, "spawned"), MODE: mode, OWN_URL: "http://127.0.0.1:{port}/" },
    instances,
    ready: {
      path: "/health",
      expectStatus: 200,
      expectVersion: version,
      intervalMs: 50,
      timeoutMs: mode === "never-ready" ? 3_000 : 15_000,
    },
    stopTimeoutMs: 2_000,
  };
}

async function linesOf(file: string, revision: string): Promise<readonly string[]> {
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  return lines.filter((line) => line.startsWith(`${revision} `)).map((line) => line.split(" ")[1] ?? "");
}

/** One that ended and waits to be reaped (an orphan may wait for long in a container) is not alive. */
const isAlive = async (pid: number): Promise<boolean> => (await identify(pid)) !== undefined;

async function livingOf(pids: readonly number[]): Promise<readonly number[]> {
  const living = await Promise.all(pids.map(async (pid) => ((await isAlive(pid)) ? [pid] : [])));
  return living.flat();
}

async function failureOf(work: Promise<unknown>) {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(SluiceError);
  return (thrown as SluiceError).failure;
}

const answerOf = async (port: number, path = "/health") =>
  (await (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } })).json()) as Record<
    string,
    string
  >;

targetContract("process", newWorld);

describe("what a process is given", () => {
  test("K1 its environment is the spec's and a few named variables, and no secret is written to any file", async () => {
    const world = await ownWorld();
    process.env.SLUICE_TEST_LEAK = "leaked";
    const secret = new Secret("DATABASE_URL", "postgres://shop:hunter22@db/shop");
    const plain = await world.spec({ revision: "v1~a" });
    const wanted = { ...plain, environment: { ...plain.environment, DATABASE_URL: secret } };

    const [instance] = await world.target.start(wanted, attempt, never);

    const seen = await answerOf(instance!.endpoint.port, "/environment");
    expect(seen.DATABASE_URL).toBe("postgres://shop:hunter22@db/shop");
    expect(seen.OWN_URL).toBe(`http://127.0.0.1:${instance!.endpoint.port}/`);
    const given = ["DATABASE_URL", "HOME", "LANG", "MODE", "OWN_URL", "PATH", "PORT", "SPAWNED", "TZ"];
    const names = Object.keys(seen).filter((name) => !name.startsWith("SLUICE_") && !given.includes(name));
    expect(names).toEqual([]);
    expect(seen.SLUICE_TEST_LEAK).toBeUndefined();
    expect(await everyFileUnder(world.root)).not.toContain("hunter22");
    const { start, stop } = world.target.instructions(wanted);
    expect([...start, ...stop].join("\n")).not.toContain("hunter22");
  });

  test("`{port}` becomes the port in arguments", async () => {
    const world = await ownWorld();

    const [instance] = await world.target.start(await world.spec({ revision: "v1~a" }), attempt, never);

    expect((await answerOf(instance!.endpoint.port)).at).toBe(`--at=${instance!.endpoint.port}`);
  });

  test("names and folders that could leave their place are refused", async () => {
    const world = await ownWorld();
    const good = await world.spec({ revision: "v1~a" });

    const failures = [
      await failureOf(world.target.start({ ...good, component: "../web" }, attempt, never)),
      await failureOf(world.target.start({ ...good, revision: "-v1" }, attempt, never)),
      await failureOf(world.target.start({ ...good, workingDirectory: "../.." }, attempt, never)),
      await failureOf(world.target.stop("web", "a/b", attempt, never)),
    ];

    expect(failures.map((each) => each.code)).toEqual(["USAGE", "USAGE", "USAGE", "USAGE"]);
    expect(await world.spawned(good)).toBe(0);
  });
});

describe("how a start ends", () => {
  test("a process that ends before it is ready fails the start then, not at the limit of 15 s, with how it ended", async () => {
    const world = await ownWorld();
    const wanted = await world.spec({ revision: "v1~a", behaviour: "crashes" });
    const startedAtMs = Date.now();

    const failure = await failureOf(world.target.start(wanted, attempt, never));

    expect(Date.now() - startedAtMs).toBeLessThan(10_000);
    expect(failure.message).toContain("with exit code 3");
    expect(failure.evidence).toBe("starting\nboom");
  });

  test("the evidence holds this start's lines, not an earlier one's", async () => {
    const world = await ownWorld();
    const wanted = await world.spec({ revision: "v1~a", behaviour: "crashes" });
    await failureOf(world.target.start(wanted, attempt, never));

    const failure = await failureOf(world.target.start(wanted, attempt, never));

    expect(failure.evidence).toBe("starting\nboom");
  });

  test("a start that is never ready shows the last answer and the log", async () => {
    const world = await ownWorld();

    const failure = await failureOf(
      world.target.start(await world.spec({ revision: "v1~a", behaviour: "never-ready" }), attempt, never),
    );

    expect(failure.message).toContain("503");
    expect(failure.evidence).toContain("listening");
  });

  test("a program that is not there fails the start and names it", async () => {
    const world = await ownWorld();
    const wanted = { ...(await world.spec({ revision: "v1~a" })), command: ["no-such-program-here"] };

    const failure = await failureOf(world.target.start(wanted, attempt, never));

    expect(failure.code).toBe("START_FAILED");
    expect(failure.message).toContain("no-such-program-here");
  });

  test("a port that is taken is tried again elsewhere, and then told as such", async () => {
    const world = await ownWorld();
    const [holder] = await world.target.start(await world.spec({ revision: "v1~a" }), attempt, never);
    const wanted = await makeSpec(world.folder, {
      revision: "v2~b",
      component: "web",
      instances: 1,
      mode: "fixed-port",
    });
    const environment = { ...wanted.environment, FIXED_PORT: String(holder!.endpoint.port) };

    const failure = await failureOf(world.target.start({ ...wanted, environment }, attempt, never));

    expect(failure.code).toBe("PORT_IN_USE");
    expect(await world.spawned(wanted)).toBe(5);
  });

  test("a cancelled start ends at once, and what it started can be stopped", async () => {
    const world = await ownWorld();
    const abort = new AbortController();
    const wanted = await world.spec({ revision: "v1~a", behaviour: "never-ready" });
    const starting = world.target.start(wanted, attempt, abort.signal);
    const ended = expect(starting).rejects.toThrow("cancelled by a person");
    await until(async () => (await world.spawned(wanted)) === 1, "the spawn");

    abort.abort(new Error("cancelled by a person"));
    await ended;
    await world.target.stop("web", "v1~a", attempt, never);

    expect(await world.alive(wanted)).toEqual([]);
  });

  test("an expected version that the health answer does not name is a mismatch", async () => {
    const world = await ownWorld();
    const wanted = await world.spec({ revision: "v1~a" });
    const ready = { ...wanted.ready, path: "/environment" };

    const failure = await failureOf(world.target.start({ ...wanted, ready }, attempt, never));

    expect(failure.message).toContain("names no version");
  });
});

describe("crashes of Sluice itself", () => {
  /** Runs `start` in a process of its own, which is killed when the given moment has come. */
  async function startInDoomedProcess(world: World, wanted: RunSpec, comes: () => Promise<boolean>): Promise<void> {
    const script = join(world.folder, "doomed.ts");
    const here = (path: string) => JSON.stringify(new URL(path, import.meta.url).pathname);
    await writeFile(
      script,
      `import { processTarget } from ${here("./process-target.ts")};
       import { realClock } from ${here("../../testing/real-clock.ts")};
       const target = processTarget({ root: ${JSON.stringify(world.root)}, environment: "production", clock: realClock() });
       await target.start(${JSON.stringify(wanted)}, ${JSON.stringify(attempt)}, new AbortController().signal);`,
    );
    const doomed = spawn(process.execPath, [script], { stdio: "ignore" });
    const ended = once(doomed, "exit");
    await until(comes, "the moment to kill");
    doomed.kill("SIGKILL");
    await ended;
  }

  test("Z1 instances outlive a killed Sluice and are found again, not started twice", async () => {
    const world = await ownWorld();
    const wanted = await world.spec({ revision: "v1~a", instances: 2 });
    await startInDoomedProcess(world, wanted, async () => (await world.spawned(wanted)) === 2);

    const started = await world.target.start(wanted, { ...attempt, n: 2 }, never);

    expect(started.map((each) => each.state)).toEqual(["running", "running"]);
    expect(await world.spawned(wanted)).toBe(2);
  });

  test.for([1, 2, 3])(
    "Z1 killed right after spawn %i of 4, nothing is doubled and nothing is left",
    async (atSpawn) => {
      const world = await ownWorld();
      const wanted = await world.spec({ revision: "v1~a", instances: 4 });
      await startInDoomedProcess(world, wanted, async () => (await world.spawned(wanted)) >= atSpawn);

      await world.target.start(wanted, { ...attempt, n: 2 }, never);
      expect(await world.alive(wanted)).toHaveLength(4);
      await world.target.stop("web", "v1~a", { ...attempt, n: 2 }, never);

      expect(await world.alive(wanted)).toEqual([]);
    },
  );

  test("Z1 a process that was started but not yet recorded is found by its token, not started twice", async () => {
    const world = await ownWorld();
    const wanted = await world.spec({ revision: "v1~a" });
    const [first] = await world.target.start(wanted, attempt, never);
    const file = join(world.root, "instances", "web", "v1~a-0.json");
    const { process: _, ...intent } = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify(intent));
    expect((await world.target.observe(never)).map((each) => each.state)).toEqual(["running"]);

    const [second] = await world.other.start(wanted, { ...attempt, n: 2 }, never);

    expect(second).toEqual(first);
    expect(await world.spawned(wanted)).toBe(1);
  });

  test("Z1 an intent whose process never came to be is started, and stopping it is nothing", async () => {
    const world = await ownWorld();
    const wanted = await world.spec({ revision: "v1~a" });
    await world.target.start(wanted, attempt, never);
    const file = join(world.root, "instances", "web", "v1~a-0.json");
    const { process: _, ...intent } = JSON.parse(await readFile(file, "utf8"));
    await world.crash(wanted);
    await writeFile(file, JSON.stringify(intent));

    await world.target.stop("web", "v1~a", attempt, never);
    await world.target.start(wanted, attempt, never);

    expect(await world.spawned(wanted)).toBe(2);
  });

  test("a recycled pid is never taken for ours, nor signalled", async () => {
    const world = await ownWorld();
    const wanted = await world.spec({ revision: "v1~a" });
    await world.target.start(wanted, attempt, never);
    await world.crash(wanted);
    const bystander = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
      stdio: "ignore",
      detached: true,
    });
    const file = join(world.root, "instances", "web", "v1~a-0.json");
    const record = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...record, process: { ...record.process, pid: bystander.pid } }));

    const seen = await world.target.observe(never);
    await world.target.stop("web", "v1~a", attempt, never);

    expect(seen.map((each) => each.state)).toEqual(["crashed"]);
    expect(await isAlive(bystander.pid ?? 0)).toBe(true);
    bystander.kill("SIGKILL");
  });
});

describe("how a stop ends", () => {
  test("a process that ignores SIGTERM is killed after its stop timeout", async () => {
    const world = await ownWorld();
    const stubborn = await makeSpec(world.folder, {
      revision: "v1~a",
      component: "web",
      instances: 1,
      mode: "stubborn",
    });
    const wanted = { ...stubborn, stopTimeoutMs: 300 };
    await world.target.start(wanted, attempt, never);

    await world.target.stop("web", "v1~a", attempt, never);

    expect(await world.alive(wanted)).toEqual([]);
    expect(await world.target.logTail("web", "v1~a", 1, never)).toBe("not now");
  });

  test("children that outlive their leader end as well", async () => {
    const world = await ownWorld();
    const plain = await world.spec({ revision: "v1~a" });
    const wrapper = `const child = require("node:child_process").spawn(process.execPath, ["server.mjs"], { stdio: "inherit" });
      process.on("SIGTERM", () => process.exit(0));`;
    const wanted = { ...plain, command: [process.execPath, "-e", wrapper] };
    await world.target.start(wanted, attempt, never);
    const [record] = await findByVariable("SLUICE_REVISION", "v1~a");
    expect(record).toBeDefined();
    const leader = JSON.parse(await readFile(join(world.root, "instances", "web", "v1~a-0.json"), "utf8")).process.pid;
    process.kill(leader, "SIGKILL");
    await until(async () => !(await isAlive(leader)), "the leader's end");
    expect(await world.alive(wanted)).toHaveLength(1);

    await world.target.stop("web", "v1~a", attempt, never);

    expect(await world.alive(wanted)).toEqual([]);
  });
});

describe("without Sluice", () => {
  test("X9 the printed commands start a revision, and stop it", async () => {
    const world = await ownWorld();
    const plain = await world.spec({ revision: "v1~a" });
    const wanted = { ...plain, environment: { ...plain.environment, TOKEN: new Secret("TOKEN", "it's secret") } };
    const [before] = await world.target.start(wanted, attempt, never);
    await world.target.stop("web", "v1~a", attempt, never);
    const { start, stop } = world.target.instructions(wanted);
    const shell = async (lines: readonly string[], env: Record<string, string>) => {
      const child = spawn("sh", ["-c", lines.join("\n")], {
        env: { PATH: process.env.PATH ?? "", ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let printed = "";
      child.stdout.on("data", (chunk) => (printed += chunk));
      child.stderr.on("data", (chunk) => (printed += chunk));
      const [code] = await once(child, "close");
      return { code, printed };
    };

    const refused = await shell(start, {});
    const started = await shell(start, { TOKEN: "it's secret" });
    const { port } = before!.endpoint;
    const seen = await answerOf(port, "/environment");
    const again = await shell(start, {});
    const copies = (await world.alive(wanted)).length;
    const stopped = await shell(stop, {});

    expect(refused).toMatchObject({ printed: expect.stringContaining("set TOKEN first") });
    expect(started).toEqual({ code: 0, printed: "200  web must answer 200\n" });
    expect(again, "what runs is left alone, and no secret is asked for").toEqual({
      code: 0,
      printed: "web v1 is running\n",
    });
    expect(copies).toBe(1);
    expect(seen).toMatchObject({ TOKEN: "it's secret", SLUICE_VERSION: "v1", OWN_URL: `http://127.0.0.1:${port}/` });
    expect(stopped).toMatchObject({ printed: "" });
    expect(await world.alive(wanted)).toEqual([]);
  });

  test("X9 a copy that a person started by hand ends with a stop", async () => {
    const world = await ownWorld();
    const wanted = await world.spec({ revision: "v1~a" });
    const child = spawn("sh", ["-c", world.target.instructions(wanted).start.join("\n")], { stdio: "ignore" });
    await once(child, "exit");
    expect(await world.spawned(wanted)).toBe(1);

    await world.target.stop("web", "v1~a", attempt, never);

    expect(await world.alive(wanted)).toEqual([]);
  });
});

test("prune removes artifacts of its own folder only, and only when nothing needs them", async () => {
  const world = await ownWorld();
  const owner = processTarget({
    root: world.root,
    environment: "production",
    clock,
    artifactsFolder: join(world.folder, "artifacts", "web"),
  });
  const [gone, kept] = [await world.spec({ revision: "v1~a" }), await world.spec({ revision: "v2~b" })];
  const foreign = await world.spec({ revision: "v1~a", component: "api" });
  for (const spec of [gone, kept, foreign]) await owner.start(spec, attempt, never);
  for (const spec of [gone, kept, foreign]) await owner.stop(spec.component, spec.revision, attempt, never);

  await owner.prune(["v2~b"], attempt, never);

  expect(await owner.available(gone.artifact, never)).toMatchObject({ available: false });
  expect(await owner.available(kept.artifact, never)).toMatchObject({ available: true });
  expect(await owner.available(foreign.artifact, never)).toMatchObject({ available: true });
  expect(await readdir(join(world.root, "logs", "web"))).toEqual(["v2~b-0.log"]);
});

async function everyFileUnder(folder: string): Promise<string> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  return (await Promise.all(files.map((each) => readFile(join(each.parentPath, each.name), "utf8")))).join("\n");
}
