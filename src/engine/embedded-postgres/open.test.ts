import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isAlive } from "../process-alive.ts";
import { recordedLocation } from "./location.ts";
import { embeddedPostgresStatus, openEmbeddedPostgres, stopEmbeddedPostgresIfIdle } from "./open.ts";
import { stopPostmaster } from "./postmaster.ts";
import { installPrograms, rootFolder } from "./programs.ts";
import { poll } from "./waiting.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("skipped: what concerns root, since this is not root");

let folder: string;
let stateFolder: string;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  chmodSync(folder, 0o755);
  stateFolder = join(folder, ".sluice");
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  const running = await embeddedPostgresStatus(stateFolder).catch(() => undefined);
  if (running) await stopPostmaster(running.pid);
  rmSync(recordedLocation(stateFolder)?.socketFolder ?? folder, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

async function query(url: string, text: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

interface Opened {
  readonly pid: number;
  readonly started: boolean;
  readonly dataFolder: string;
  readonly url: string;
}

/** Opens the database in a process of its own, and a process group of its own. */
async function openElsewhere(options: { readonly uid?: number; readonly home?: string } = {}) {
  const script = fileURLToPath(new URL("open-process.ts", import.meta.url));
  const account = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  const child = spawn(process.execPath, [script, stateFolder], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
    env: { ...process.env, ...(options.home === undefined ? {} : { HOME: options.home }) },
    ...account,
  });
  children.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, opened: JSON.parse(line) as Opened };
}

test("starts a database from nothing, and the next one to open it adopts it", async () => {
  const first = await openEmbeddedPostgres({ stateFolder });
  const second = await openEmbeddedPostgres({ stateFolder });

  expect(first.started).toBe(true);
  expect(second).toMatchObject({ started: false, pid: first.pid, url: first.url, dataFolder: first.dataFolder });
  expect(await query(first.url, "select current_database() as name, current_setting('fsync') as fsync")).toEqual([
    { name: "sluice", fsync: "on" },
  ]);
  expect(await query(first.url, "show listen_addresses")).toEqual([{ listen_addresses: "" }]);
  expect(await embeddedPostgresStatus(stateFolder)).toEqual({ url: first.url, pid: first.pid });
  expect(readFileSync(join(stateFolder, "version"), "utf8")).toBe("1\n");
  await second.release();
  await first.stop();
  expect(await embeddedPostgresStatus(stateFolder)).toBeUndefined();
});

test("its data and its socket are for its own account alone", async () => {
  const server = await openEmbeddedPostgres({ stateFolder });
  const socketFolder = recordedLocation(stateFolder)?.socketFolder ?? "";

  expect(statSync(server.dataFolder).mode & 0o777).toBe(0o700);
  expect(statSync(socketFolder).mode & 0o777).toBe(0o700);
  expect(join(socketFolder, ".s.PGSQL.5432").length).toBeLessThan(100);
  await server.release();
});

test("is stopped when idle, never under a user of it", async () => {
  const server = await openEmbeddedPostgres({ stateFolder });
  const user = new pg.Client({ connectionString: server.url });
  await user.connect();

  await server.release();
  expect(await stopEmbeddedPostgresIfIdle(stateFolder)).toBe(false);
  await user.end();
  const holder = await openEmbeddedPostgres({ stateFolder });
  expect(await stopEmbeddedPostgresIfIdle(stateFolder)).toBe(false);
  await holder.release();

  await poll(() => stopEmbeddedPostgresIfIdle(stateFolder), { everyMs: 20, forMs: 5_000, what: "the idle stop" });
  expect(isAlive(server.pid)).toBe(false);
  expect(await stopEmbeddedPostgresIfIdle(stateFolder)).toBe(false);
});

test("comes back with every row after kill -9 of the server", async () => {
  const server = await openEmbeddedPostgres({ stateFolder });
  await query(server.url, "create table kept as select 42 as answer");
  process.kill(server.pid, "SIGKILL");
  await poll(() => !isAlive(server.pid), { everyMs: 10, forMs: 5_000, what: "the server's death" });

  const again = await openEmbeddedPostgres({ stateFolder });

  expect(again).toMatchObject({ started: true, dataFolder: server.dataFolder, url: server.url });
  expect(await query(again.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  await again.release();
});

test("one that was killed and that nobody has reaped yet is dead: the next one is reached where it was", async () => {
  const { child, opened } = await openElsewhere();
  // Its parent sleeps, so that the killed server stays as a zombie.
  child.kill("SIGSTOP");
  process.kill(opened.pid, "SIGKILL");
  await poll(() => readFileSync(`/proc/${opened.pid}/stat`, "utf8").includes(") Z"), {
    everyMs: 5,
    forMs: 5_000,
    what: "a zombie",
  });

  const again = await openEmbeddedPostgres({ stateFolder });

  expect(again.started).toBe(true);
  expect(again.url, "whoever runs knows no other").toBe(opened.url);
  await again.release();
});

test("lives on when the process that started it, and its whole group, is killed", async () => {
  const { child, opened } = await openElsewhere();
  process.kill(-(child.pid as number), "SIGKILL");
  await once(child, "exit");

  const adopted = await openEmbeddedPostgres({ stateFolder });

  expect(adopted).toMatchObject({ started: false, pid: opened.pid });
  await adopted.release();
});

test("processes that open it at the same instant share one server", async () => {
  const all = await Promise.all([openElsewhere(), openElsewhere(), openElsewhere()]);

  const opened = all.map((each) => each.opened);
  expect(new Set(opened.map(({ pid }) => pid)).size).toBe(1);
  expect(opened.filter(({ started }) => started)).toHaveLength(1);
});

test("of several that leave at the same instant the last does not stay behind with it, and whoever comes meanwhile gets a server that answers", async () => {
  for (let round = 0; round < 4; round++) {
    const server = await openEmbeddedPostgres({ stateFolder });
    await server.release();

    const stopped = await Promise.all(Array.from({ length: 4 }, () => stopEmbeddedPostgresIfIdle(stateFolder)));

    // A second one may get the lock while the server, already told to go, ends the session of the first: it tells it again.
    expect(stopped.filter(Boolean).length, `round ${round}`).toBeGreaterThanOrEqual(1);
    expect(isAlive(server.pid)).toBe(false);
  }
  const first = await openEmbeddedPostgres({ stateFolder });
  await first.release();
  const [, , next] = await Promise.all([
    stopEmbeddedPostgresIfIdle(stateFolder),
    stopEmbeddedPostgresIfIdle(stateFolder),
    openEmbeddedPostgres({ stateFolder }),
  ]);
  expect(await query(next.url, "select 1 as one")).toEqual([{ one: 1 }]);
  await next.release();
});

test("a pid file that now names another program neither stops it nor keeps the database down", async () => {
  const server = await openEmbeddedPostgres({ stateFolder });
  const pidFile = join(server.dataFolder, "postmaster.pid");
  const lines = readFileSync(pidFile, "utf8").split("\n");
  await server.stop();
  const bystander = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  children.push(bystander);
  writeFileSync(pidFile, [bystander.pid, ...lines.slice(1)].join("\n"));
  if (isRoot) chownSync(pidFile, statSync(server.dataFolder).uid, statSync(server.dataFolder).gid);

  const again = await openEmbeddedPostgres({ stateFolder });

  expect(again.started).toBe(true);
  expect(isAlive(bystander.pid as number)).toBe(true);
  await again.release();
});

test("a server whose socket was cleaned away is replaced", async () => {
  const server = await openEmbeddedPostgres({ stateFolder });
  await server.release();
  rmSync(recordedLocation(stateFolder)?.socketFolder ?? "", { recursive: true });

  const again = await openEmbeddedPostgres({ stateFolder });

  expect(again).toMatchObject({ started: true, url: server.url });
  expect(isAlive(server.pid)).toBe(false);
  await again.release();
});

test("a start that died half-way, its lock left behind, does not stand in the way", async () => {
  mkdirSync(stateFolder);
  const dead = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  await once(dead, "exit");
  writeFileSync(join(stateFolder, "postgres.lock"), `${dead.pid}\n`);

  const server = await openEmbeddedPostgres({ stateFolder });

  expect(server.started).toBe(true);
  await server.release();
});

test("a newer state folder is refused before anything is touched", async () => {
  mkdirSync(stateFolder);
  writeFileSync(join(stateFolder, "version"), "2\n");
  const refusal = { failure: { code: "LEDGER_NEWER", message: expect.stringContaining("format 2") } };

  await expect(openEmbeddedPostgres({ stateFolder })).rejects.toMatchObject(refusal);
  await expect(embeddedPostgresStatus(stateFolder)).rejects.toMatchObject(refusal);

  expect(readdirSync(stateFolder)).toEqual(["version"]);
});

test("a state folder that cannot be written is named", async () => {
  writeFileSync(join(folder, "file"), "");

  await expect(openEmbeddedPostgres({ stateFolder: join(folder, "file", ".sluice") })).rejects.toMatchObject({
    failure: { code: "STATE_UNWRITABLE", message: expect.stringContaining("file/.sluice") },
  });
});

test("makes the library links that a package without install scripts lacks", () => {
  const programs = installPrograms(undefined, join(folder, "programs"));
  const lib = join(dirname(programs.postgres), "..", "lib");

  const links = JSON.parse(readFileSync(join(lib, "..", "pg-symlinks.json"), "utf8")) as { readonly target: string }[];

  expect(links.length).toBeGreaterThan(5);
  for (const { target } of links) {
    expect(existsSync(realpathSync(join(lib, "..", target.replace(/^native\//, "")))), target).toBe(true);
  }
});

test.skipIf(!isRoot)(
  "as root, it keeps the data where its account can reach them when the state folder is not",
  async () => {
    chmodSync(folder, 0o700);

    const server = await openEmbeddedPostgres({ stateFolder });
    await query(server.url, "create table kept as select 42 as answer");
    await server.stop();
    const again = await openEmbeddedPostgres({ stateFolder });

    expect(again.dataFolder).toBe(server.dataFolder);
    expect(server.dataFolder.startsWith(`${rootFolder}/ledgers/`)).toBe(true);
    expect(statSync(server.dataFolder).uid).not.toBe(0);
    expect(await query(again.url, "select answer from kept")).toEqual([{ answer: 42 }]);
    await again.stop();
    rmSync(dirname(server.dataFolder), { recursive: true });
  },
);

test.skipIf(!isRoot)("as a plain user, with a home and without one", async () => {
  const [nobody, home] = [65534, join(folder, "home")];
  mkdirSync(home);
  for (const own of [folder, home]) chownSync(own, nobody, nobody);

  const { opened } = await openElsewhere({ uid: nobody, home });

  expect(opened).toMatchObject({ started: true, dataFolder: join(stateFolder, "postgres", "data") });
  expect(existsSync(join(home, ".local", "share", "sluice"))).toBe(true);
  expect(await query(opened.url, "select 1 as one")).toEqual([{ one: 1 }]);
  await stopPostmaster(opened.pid);
  const homeless = await openElsewhere({ uid: nobody, home: "/nonexistent" });
  expect(homeless.opened.started).toBe(true);
  expect(existsSync(join(stateFolder, "programs"))).toBe(true);
});
