/** The router as a process of its own: the contract, what survives kill -9, and what it does when nobody comes back. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, expect, test } from "vitest";
import type { Attempt } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import { type RouterWorld, routerContract } from "../../testing/router-contract.ts";
import { closeServer, eventually, freePort, routerWorld, wallClock } from "../../testing/router-world.ts";
import { type BuiltinRouter, builtinRouter, ensureBuiltinRouter, stopBuiltinRouter } from "./adapter.ts";
import { isAlive } from "./control-client.ts";

const forever = new AbortController().signal;
const attempt = (n: number, ledgerId = "ledger-a"): Attempt => ({ ledgerId, n, deploymentId: `deployment-${n}` });

interface StartedRouter {
  readonly world: RouterWorld;
  readonly router: BuiltinRouter;
  readonly stateFolder: string;
  readonly port: number;
  readonly pid: number;
  readonly socket: string;
}

const launch = (stateFolder: string) =>
  ensureBuiltinRouter({ stateFolder, nodePath: process.execPath, clock: wallClock });

async function started(): Promise<StartedRouter> {
  const stateFolder = await mkdtemp(join(tmpdir(), "sluice-router-"));
  const port = await freePort();
  const { pid, socket } = await launch(stateFolder);
  const router = builtinRouter({ stateFolder, route: "test/web", host: "127.0.0.1", port, clock: wallClock });
  const world = routerWorld(router, async () => {
    await stopBuiltinRouter(stateFolder, wallClock, "the test is over", 0);
    await rm(stateFolder, { recursive: true });
  });
  return { world, router, stateFolder, port, pid, socket };
}

/** One process for the whole suite, a route of its own for each test. */
const suiteFolder = await mkdtemp(join(tmpdir(), "sluice-router-"));
await launch(suiteFolder);
let suiteRoutes = 0;
afterAll(async () => {
  await stopBuiltinRouter(suiteFolder, wallClock, "the suite is over", 0);
  await rm(suiteFolder, { recursive: true });
});

const suiteWorld = async (): Promise<RouterWorld> => {
  suiteRoutes += 1;
  const address = { host: "127.0.0.1", port: await freePort() };
  const router = builtinRouter({
    stateFolder: suiteFolder,
    route: `test/${suiteRoutes}`,
    ...address,
    clock: wallClock,
  });
  return routerWorld(router, async () => undefined);
};

routerContract("the built-in router", suiteWorld, { buckets: true });

const open: RouterWorld[] = [];
afterEach(async () => {
  for (const world of open.splice(0)) await world.close();
});

async function serving(percents: Readonly<Record<string, number>>): Promise<StartedRouter> {
  const router = await started();
  open.push(router.world);
  await router.world.router.shift(await splitOf(router.world, percents), attempt(5), forever);
  return router;
}

const splitOf = (world: RouterWorld, percents: Readonly<Record<string, number>>) =>
  Promise.all(
    Object.entries(percents).map(async ([revision, percent]) => {
      return { revision, percent, endpoints: [...(await world.endpoints(revision))] };
    }),
  );

async function killed(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  await eventually("the process is gone", async () => !(await isAlive(pid)));
}

test("a router killed with -9 serves the same split and knows the same fence when it is started again", async () => {
  const { world, router, stateFolder, pid } = await serving({ stable: 80, candidate: 20 });
  const before = await router.observe(forever);
  await killed(pid);
  await expect(router.observe(forever)).rejects.toMatchObject({ failure: { code: "ROUTER_UNREACHABLE" } });

  const again = await launch(stateFolder);

  expect(again).toMatchObject({ adopted: false });
  expect(await router.observe(forever)).toEqual(before);
  expect(await router.fence(forever)).toEqual(attempt(5));
  expect((await world.request()).status).toBe(200);
  await expect(router.shift([], attempt(4), forever)).rejects.toMatchObject({ failure: { code: "STALE_ATTEMPT" } });
});

test("the router outlives a kill -9 of whoever started it, with its whole process group", async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), "sluice-router-"));
  const orchestrator = spawn(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      `import { ensureBuiltinRouter } from ${JSON.stringify(new URL("./adapter.ts", import.meta.url).href)};
       import { wallClock } from ${JSON.stringify(new URL("../../testing/router-world.ts", import.meta.url).href)};
       await ensureBuiltinRouter({ stateFolder: process.argv[1], nodePath: process.execPath, clock: wallClock });
       console.log("started");
       setInterval(() => {}, 1000);`,
      stateFolder,
    ],
    { detached: true, stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    await once(orchestrator.stdout, "data");

    process.kill(-(orchestrator.pid ?? 0), "SIGKILL");
    await once(orchestrator, "exit");

    expect(await launch(stateFolder)).toMatchObject({ adopted: true });
  } finally {
    await stopBuiltinRouter(stateFolder, wallClock);
    await rm(stateFolder, { recursive: true });
  }
});

test("a running router is adopted, and of many started at once only one stays", async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), "sluice-router-"));
  try {
    const all = await Promise.all(Array.from({ length: 5 }, () => launch(stateFolder)));
    const later = await launch(stateFolder);

    expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
    expect(later).toMatchObject({ pid: all[0]?.pid, adopted: true });
    await stopBuiltinRouter(stateFolder, wallClock);
    expect(await isAlive(later.pid)).toBe(false);
  } finally {
    await stopBuiltinRouter(stateFolder, wallClock);
    await rm(stateFolder, { recursive: true });
  }
});

test("R4 an unattended split goes back to its fallback by itself, and says so", async () => {
  const { world, router } = await serving({ stable: 100, candidate: 0 });
  const split = await splitOf(world, { stable: 50, candidate: 50 });
  const unattended = { fallback: "stable", afterMs: 300 };

  await router.shift(split, attempt(5), forever, { unattended });
  const attended = await router.status(forever);
  await eventually("it reverts", async () => (await router.status(forever))?.revertedUnattended === true);

  expect(attended).toMatchObject({ revertedUnattended: false, unattended });
  expect((await router.observe(forever)).map(({ revision, percent }) => [revision, percent])).toEqual([
    ["stable", 100],
    ["candidate", 0],
  ]);
  expect((await world.request()).revision).toBe("stable");
});

test("a renewed split stays", async () => {
  const { world, router } = await serving({ stable: 100, candidate: 0 });
  const split = await splitOf(world, { stable: 50, candidate: 50 });
  const until = wallClock.now() + 900;

  while (wallClock.now() < until) {
    await router.shift(split, attempt(5), forever, { unattended: { fallback: "stable", afterMs: 300 } });
    expect((await router.status(forever))?.revertedUnattended).toBe(false);
    await wallClock.sleep(50);
  }

  expect(await router.observe(forever)).toEqual(split);
});

test("an unattended deadline that passed while the router was dead is kept when it starts again", async () => {
  const { world, router, stateFolder, pid } = await serving({ stable: 100, candidate: 0 });
  const split = await splitOf(world, { stable: 0, candidate: 100 });
  await router.shift(split, attempt(5), forever, { unattended: { fallback: "stable", afterMs: 200 } });
  await killed(pid);
  const killedMs = wallClock.now();
  await eventually("the deadline passes", () => wallClock.now() > killedMs + 250);

  await launch(stateFolder);

  await eventually("it reverts", async () => (await router.status(forever))?.revertedUnattended === true);
  expect((await world.request()).revision).toBe("stable");
});

const curlMissing = await promisify(execFile)("curl", ["--version"]).then(
  () => false,
  () => true,
);
if (curlMissing) console.warn("skipped: the X9 test needs curl");

test.skipIf(curlMissing)(
  "X9 a person with curl alone sends all traffic to stable, with the reason on record",
  async () => {
    const { world, router, stateFolder } = await serving({ stable: 50, candidate: 50 });
    const [command] = router.instructions(await splitOf(world, { stable: 100, candidate: 0 }));

    // A shell, because the command is what a person types into one.
    await promisify(execFile)("sh", ["-c", command ?? ""]);

    expect((await router.observe(forever)).map((share) => share.percent)).toEqual([100, 0]);
    const { log } = JSON.parse(await readFile(join(stateFolder, "state.json"), "utf8"));
    expect(log.at(-1)).toMatchObject({
      what: expect.stringContaining("by force"),
      reason: expect.stringContaining("hand"),
    });
    expect(await router.fence(forever)).toEqual(attempt(5));
  },
);

test("a port that another process uses is refused by number, with the command that shows whose it is", async () => {
  const { stateFolder } = await serving({ stable: 100 });
  const other: Server = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", () => resolve()));
  try {
    const taken = builtinRouter({ stateFolder, route: "test/api", host: "127.0.0.1", port, clock: wallClock });

    const failure = await taken.claim(attempt(5), forever).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(SluiceError);
    expect(failure).toMatchObject({ failure: { code: "PORT_IN_USE", hint: expect.stringContaining(`:${port}`) } });
    expect((failure as SluiceError).message).toContain(String(port));
  } finally {
    await closeServer(other);
  }
});

test("R4 with a 95/5 control split an unattended route still goes back, and a drain then finds nothing left", async () => {
  const { world, router } = await serving({ stable: 100, candidate: 0 });
  const split = await splitOf(world, { stable: 5, candidate: 95 });
  await router.shift(split, attempt(5), forever, { unattended: { fallback: "stable", afterMs: 200 } });
  await expect(router.drain("stable", 0, attempt(5), forever)).rejects.toMatchObject({
    failure: { code: "ROUTER_DISAGREES" },
  });

  await eventually("it reverts", async () => (await router.status(forever))?.revertedUnattended === true);

  expect((await router.observe(forever)).map(({ percent }) => percent)).toEqual([100, 0]);
  expect(await router.drain("candidate", 1000, attempt(5), forever)).toBe(0);
  expect((await world.request()).revision).toBe("stable");
});

test("who keeps a version and who may choose one survives a kill -9, and neither token nor key is on disk", async () => {
  const { world, stateFolder, port, pid } = await serving({ stable: 100, candidate: 0 });
  const router = builtinRouter({
    ...{ stateFolder, route: "test/web", host: "127.0.0.1", port, clock: wallClock },
    sticky: { kind: "cookie", name: "visitor", secure: false, forward: false },
    testers: { header: "x-tester", token: () => new Secret("TESTER_TOKEN", "open-sesame") },
  });
  const split = await splitOf(world, { stable: 100, candidate: 0 });
  await router.shift(split, attempt(5), forever, { unattended: { fallback: "stable", afterMs: 60_000 } });
  await killed(pid);
  await launch(stateFolder);

  const tester = await fetch(router.url, { headers: { "x-tester": "candidate open-sesame" } });
  const regular = await fetch(router.url, { headers: { cookie: "visitor=anna-of-the-shop" } });
  const stranger = await fetch(router.url, { headers: { "x-tester": "candidate guess" } });

  expect(tester.headers.get("x-revision")).toBe("candidate");
  expect(stranger.headers.get("x-revision")).toBe("stable");
  expect(regular.headers.get("set-cookie")).toBeNull();
  expect(stranger.headers.get("set-cookie")).toMatch(/^visitor=/);
  expect((await router.status(forever))?.testers).toEqual({ candidate: { requests: 1, errors: 0 } });
  expect((await router.counters(forever)).get("candidate")?.requests).toBe(0);
  for (const file of ["state.json", "router.log"]) {
    expect(await readFile(join(stateFolder, file), "utf8"), file).not.toMatch(/open-sesame|anna-of-the-shop/);
  }
  const without = builtinRouter({ stateFolder, route: "test/web", host: "127.0.0.1", port, clock: wallClock });
  await expect(without.claim(attempt(4), forever)).rejects.toMatchObject({ failure: { code: "STALE_ATTEMPT" } });
  expect((await fetch(router.url)).headers.get("set-cookie"), "a lower attempt changes nothing").toMatch(/^visitor=/);
});

test("O4 a router that was killed does not know its buckets before, and says so instead of showing none", async () => {
  const { world, router, stateFolder, pid } = await serving({ stable: 100 });
  const bucketMs = 250;
  await world.request();
  const indexOf = async () => (await router.buckets({ bucketMs, fromIndex: 0, toIndex: 0 }, forever)).openIndex;
  const before = await indexOf();
  await eventually("the bucket closes", async () => (await indexOf()) > before);
  await killed(pid);

  await launch(stateFolder);
  await world.request();
  const after = await indexOf();
  await eventually("two buckets close", async () => (await indexOf()) > after + 1);
  const answer = await router.buckets({ bucketMs, fromIndex: before, toIndex: after + 2 }, forever);

  const restart = Math.floor(answer.startedAtMs / bucketMs);
  expect(restart).toBeGreaterThanOrEqual(before);
  expect(answer.buckets.find(({ index }) => index === before)).toMatchObject({ resetSeen: true });
  expect(answer.buckets.find(({ index }) => index === restart)).toMatchObject({ resetSeen: true });
  expect(answer.buckets.find(({ index }) => index === after + 1)).toMatchObject({ resetSeen: false });
  const requests = answer.buckets.map(({ revisions }) => revisions.get("stable")?.requests ?? 0);
  expect(
    requests.reduce((total, count) => total + count, 0),
    "of the new process only",
  ).toBe(1);
  expect(Math.min(...requests)).toBe(0);
});

test("a question for more buckets than an answer may hold is refused", async () => {
  const { router } = await serving({ stable: 100 });

  const tooMany = router.buckets({ bucketMs: 250, fromIndex: 0, toIndex: 4001 }, forever);

  await expect(tooMany).rejects.toMatchObject({ failure: { code: "USAGE" } });
  await expect(router.buckets({ bucketMs: 300, fromIndex: 0, toIndex: 1 }, forever)).rejects.toMatchObject({
    failure: { code: "USAGE" },
  });
});

test("a router that does not answer is reported within its deadline", async () => {
  const { router, pid } = await serving({ stable: 100 });
  process.kill(pid, "SIGSTOP");
  try {
    await expect(router.observe(forever)).rejects.toMatchObject({
      failure: { code: "ROUTER_UNREACHABLE", hint: expect.stringContaining("curl") },
    });
  } finally {
    process.kill(pid, "SIGCONT");
  }
});
