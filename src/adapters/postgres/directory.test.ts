/** B1 B13: a database that several processes dump and restore, under the same contract and the same rules as one stream. */
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { SluiceError } from "../../domain/errors.ts";
import { databaseContract } from "../../testing/database-contract.ts";
import { postgresDatabase } from "./database.ts";
import { serverBinaries, startTestServer, type TestServer } from "./test-server.ts";

const binFolder = await serverBinaries();
if (binFolder === undefined) console.warn("SKIPPED: parallel dumps, because no `postgres` binary is installed.");
const canMount = process.platform === "linux" && process.getuid?.() === 0;
if (!canMount) console.warn("SKIPPED: a full disk under a parallel dump needs root on Linux, to mount a small tmpfs");

let server: TestServer;
let parent: string;
let scratch: string;
let worlds = 0;
const signal = new AbortController().signal;

async function failureOf(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SluiceError) return error.failure;
  throw new Error("It did not fail with a SluiceError.", { cause: error });
}

async function newShop(rows = 3_000): Promise<string> {
  const name = `large_${++worlds}`;
  await server.run("postgres", `CREATE DATABASE ${name}`);
  await server.run(name, `CREATE TABLE "Users" (id serial PRIMARY KEY, email text NOT NULL)`);
  await server.run(name, `CREATE TABLE visits (id serial PRIMARY KEY, who int REFERENCES "Users")`);
  await server.run(
    name,
    `INSERT INTO "Users" (email) SELECT string_agg(md5(random()::text), '') FROM generate_series(1, ${rows * 10}) i GROUP BY i % ${rows}`,
  );
  await server.run(name, `INSERT INTO visits (who) SELECT id FROM "Users"`);
  await server.run(name, "SELECT lo_from_bytea(0, 'a large object')");
  return name;
}

const open = (database: string, folder = scratch, tools?: string) =>
  postgresDatabase({
    name: "shop",
    url: server.urlOf(database),
    parallel: { fromBytes: 1, jobs: 3, folder },
    ...(tools === undefined ? {} : { binFolder: tools }),
  });

async function allOf(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

/** Links to the real tools, and a script in pg_dump's place. Shown as what it is. */
async function toolsWith(script: string): Promise<string> {
  const folder = await mkdtemp(join(parent, "tools-"));
  for (const tool of await readdir(binFolder!)) {
    const real = `"${join(binFolder!, tool)}" "$@"`;
    const version = `if [ "$1" = --version ]; then exec ${real}; fi`;
    const lines = tool === "pg_dump" ? script.replaceAll("REAL", real) : `exec ${real}`;
    await writeFile(join(folder, tool), `#!/bin/bash\n${version}\n${lines}\n`);
    await chmod(join(folder, tool), 0o755);
  }
  return folder;
}

describe.skipIf(binFolder === undefined)("parallel dumps", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
    parent = await mkdtemp(join(tmpdir(), "sluice-directory-"));
  });
  beforeEach(async () => {
    scratch = await mkdtemp(join(parent, "scratch-"));
  });
  afterAll(async () => {
    await server.stop();
    await rm(parent, { recursive: true, force: true });
  });

  databaseContract("postgres in parallel", async () => {
    const name = await newShop();
    const exists = async (place: string) =>
      (await server.run("postgres", "SELECT FROM pg_database WHERE datname = $1", [place])).length > 0;
    return {
      database: open(name),
      insertRow: async () => void (await server.run(name, `INSERT INTO "Users" (email) VALUES ('one more')`)),
      newPlace: () => `restored_${++worlds}`,
      livePlace: name,
      factsAt: async (place) => ((await exists(place)) ? open(place).facts(signal) : undefined),
      dispose: async () => expect(await readdir(scratch)).toEqual([]),
    };
  });

  test("B1 plan and manifest say how it is dumped, and a smaller database stays one stream", async () => {
    const name = await newShop(10);
    const smaller = postgresDatabase({
      name: "shop",
      url: server.urlOf(name),
      parallel: { fromBytes: 20e9, jobs: 3, folder: scratch },
    });
    const [large, small] = [await open(name).dump(signal), await smaller.dump(signal)];
    await allOf(large.bytes);
    await allOf(small.bytes);

    expect([large.format, small.format].map((format) => format.split(" ")[1])).toEqual(["-Fd", "-Fc"]);
    expect(await open(name).tools(signal)).toMatch(
      /^pg_dump \d+ for PostgreSQL \d+, 3 tables at once, compressed by z/,
    );
    expect(await smaller.tools(signal)).toMatch(/^pg_dump \d+ for PostgreSQL \d+, compressed by z/);
    expect(large.extension).toBe(".dump.tar");
  });

  test("B4 rows written while it is dumped are in none of its tables, however late its processes begin", async () => {
    const name = await newShop();
    const dump = await open(name).dump(signal);
    await server.run(name, `INSERT INTO "Users" (email) VALUES ('late')`);
    await server.run(name, `INSERT INTO visits (who) SELECT max(id) FROM "Users"`);
    const bytes = await allOf(dump.bytes);

    const restored = await open(name).restore(dump.format, pieces(bytes), `${name}_restored`, signal);

    expect(restored.tables).toEqual(dump.facts.tables);
  });

  test("B1 a pg_dump that is killed half-way leaves half a folder, which is no backup and is removed", async () => {
    const name = await newShop();
    const tools = await toolsWith(`REAL & sleep 0.2; wait $!; rm "\${!#}"/*.gz 2>/dev/null; kill -KILL $$`);
    const dump = await open(name, scratch, tools).dump(signal);

    const failure = await failureOf(allOf(dump.bytes));

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.message).toContain("SIGKILL");
    expect(await readdir(scratch)).toEqual([]);
  });

  test("B1 a server that drops one of the processes is a failure with pg_dump's words", async () => {
    const name = await newShop(60_000);
    const dump = await open(name).dump(signal);

    const failing = failureOf(allOf(dump.bytes));
    const drop = `SELECT pg_terminate_backend(pid) AS dropped FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'COPY%'`;
    const dropped = async () => (await server.run("postgres", drop, [name])).length;
    await expect.poll(dropped, { timeout: 20_000, interval: 1 }).toBeGreaterThan(0);
    const failure = await failing;

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.evidence).toContain("pg_dump: error");
    expect(await readdir(scratch)).toEqual([]);
  });

  test("B1 a reader that stops early leaves no files and no transaction behind", async () => {
    const name = await newShop();
    const dump = await open(name).dump(signal);

    for await (const _ of dump.bytes) break;

    expect(await readdir(scratch)).toEqual([]);
    const sessions = () => server.run("postgres", "SELECT FROM pg_stat_activity WHERE datname = $1", [name]);
    await expect.poll(sessions, { timeout: 120_000 }).toEqual([]);
  });

  test("B1 what a killed process left in the folder is removed by the next one; what a living one has there stays", async () => {
    const name = await newShop(10);
    const ended = await execa("true");
    const { pid } = execa("true");
    await expect.poll(() => readdir(`/proc/${pid}`).catch(() => "gone"), { timeout: 120_000 }).toBe("gone");
    expect(ended.exitCode).toBe(0);
    const folders = [
      `sluice-archive-${hostname()}-${pid}-abc`,
      `sluice-archive-${hostname()}-1-abc`,
      "sluice-archive-elsewhere-5-abc",
      "mine",
    ];
    for (const folder of folders) await mkdir(join(scratch, folder));

    await allOf((await open(name).dump(signal)).bytes);

    expect((await readdir(scratch)).toSorted()).toEqual(folders.slice(1).toSorted());
  });

  test.skipIf(!canMount)(
    "B1 a disk that is too small is found before anything is dumped, before approval and at each reading",
    async () => {
      const name = await newShop();
      const [small, tiny] = [join(parent, "small"), join(parent, "tiny")];
      for (const [folder, size] of [
        [small, "256k"],
        [tiny, "64k"],
      ] as const) {
        await mkdir(folder);
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]);
        onTestFinished(() => void execFileSync("umount", ["-l", folder]));
      }
      const dump = await open(name).dump(signal);
      const bytes = await allOf(dump.bytes);

      const failures = [
        await failureOf(open(name, small).dump(signal)),
        await failureOf(open(name, small).tools(signal)),
        await failureOf(open(name, tiny).readBack(dump.format, pieces(bytes), signal)),
        await failureOf(open(name, tiny).restore(dump.format, pieces(bytes), `${name}_restored`, signal)),
      ];

      expect(failures.map(({ code }) => code)).toEqual(Array(4).fill("DISK_FULL"));
      expect(failures[0]?.message).toMatch(/a dump by several processes needs up to .*, and .* are free/);
      expect(failures[2]?.message).toMatch(/\.dat\S* of the archive needs up to/);
      expect([await readdir(small), await readdir(tiny)]).toEqual([[], []]);
      expect(await server.run("postgres", "SELECT FROM pg_database WHERE datname = $1", [`${name}_restored`])).toEqual(
        [],
      );
    },
  );

  test.skipIf(!canMount)("B1 a disk that fills up while pg_dump writes is a failure with its words", async () => {
    const name = await newShop();
    const folder = join(parent, "filling");
    await mkdir(folder);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", folder]);
    onTestFinished(() => void execFileSync("umount", ["-l", folder]));
    const dump = await open(name, folder).dump(signal);
    await writeFile(join(folder, "somebody-elses"), Buffer.alloc(16 * 1024 * 1024 - 65_536));

    const failure = await failureOf(allOf(dump.bytes));

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.evidence).toMatch(/No space left on device/);
    expect(await readdir(folder)).toEqual(["somebody-elses"]);
  });
});
