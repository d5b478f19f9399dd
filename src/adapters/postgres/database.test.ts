import { chmod, mkdtemp, readdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { Dump } from "../../ports/database.ts";
import { databaseContract } from "../../testing/database-contract.ts";
import { postgresDatabase } from "./database.ts";
import { serverBinaries, startTestServer, type TestServer } from "./test-server.ts";

const binFolder = await serverBinaries();
if (binFolder === undefined) console.warn("SKIPPED: the PostgreSQL suite, because no `postgres` binary is installed.");

let server: TestServer;
let worlds = 0;
const signal = new AbortController().signal;

const failureOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SluiceError) return error.failure;
  throw new Error("It did not fail with a SluiceError.", { cause: error });
};

async function newShop(rows = 3_000): Promise<string> {
  const name = `shop_${++worlds}`;
  await server.run("postgres", `CREATE DATABASE ${name}`);
  await server.run(name, "CREATE SCHEMA audit");
  await server.run(name, `CREATE TABLE "Users" (id serial PRIMARY KEY, email text NOT NULL)`);
  await server.run(name, "CREATE TABLE audit.events (at timestamptz, what text) PARTITION BY RANGE (at)");
  await server.run(
    name,
    "CREATE TABLE audit.events_2026 PARTITION OF audit.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
  );
  await server.run(
    name,
    `INSERT INTO "Users" (email) SELECT md5(random()::text) || repeat(md5(random()::text), 10) FROM generate_series(1, ${rows})`,
  );
  await server.run(name, "INSERT INTO audit.events VALUES ('2026-11-20', 'begun')");
  await server.run(name, "SELECT lo_from_bytea(0, 'a large object')");
  return name;
}

describe.skipIf(binFolder === undefined)("PostgreSQL", () => {
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });

  afterAll(async () => {
    await server.stop();
  });

  databaseContract("postgres", async () => {
    const name = await newShop();
    const open = (database: string) => postgresDatabase({ name: "shop", url: server.urlOf(database) });
    const exists = async (place: string) =>
      (await server.run("postgres", "SELECT FROM pg_database WHERE datname = $1", [place])).length > 0;
    return {
      database: open(name),
      insertRow: async () => void (await server.run(name, `INSERT INTO "Users" (email) VALUES ('one more')`)),
      newPlace: () => `restored_${++worlds}`,
      livePlace: name,
      factsAt: async (place) => ((await exists(place)) ? open(place).facts(signal) : undefined),
      dispose: async () => {},
    };
  });

  test("B4 facts name tables with their schema, partitions rather than parents, and large objects", async () => {
    const database = postgresDatabase({ name: "shop", url: server.urlOf(await newShop(5)) });

    const facts = await database.facts(signal);

    expect(facts.tables).toEqual([
      { name: "audit.events_2026", rows: 1 },
      { name: "public.Users", rows: 5 },
      { name: "(large objects)", rows: 1 },
    ]);
    expect(facts.serverVersion).toMatch(/^\d+\.\d+$/);
  });

  test("B1 a pg_dump that is killed is a failure, not a short backup", async () => {
    const dump = await postgresDatabase({ name: "shop", url: server.urlOf(await newShop(40_000)) }).dump(signal);

    const failure = await failureOf(readAnd(dump, async () => process.kill(await pidOfPgDump(), "SIGKILL")));

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.message).toContain("SIGKILL");
  });

  test("B1 a server that drops the connection is a failure with pg_dump's words", async () => {
    const name = await newShop(40_000);
    const dump = await postgresDatabase({ name: "shop", url: server.urlOf(name) }).dump(signal);
    const drop = () =>
      server.run("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);

    const failure = await failureOf(readAnd(dump, drop));

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.evidence).toContain("pg_dump: error");
  });

  test("B1 a reader that stops early leaves no pg_dump and no transaction behind", async () => {
    const name = await newShop(40_000);
    const dump = await postgresDatabase({ name: "shop", url: server.urlOf(name) }).dump(signal);

    for await (const _ of dump.bytes) break;

    expect(await pgDumpPids()).toEqual([]);
    await expect.poll(() => sessionsOf(name)).toBe(0);
  });

  test("B1 gives up within its lock wait while a migration holds a table", async () => {
    const name = await newShop(5);
    const database = postgresDatabase({ name: "shop", url: server.urlOf(name), lockWaitMs: 100 });
    const release = await holdLock(name);

    const failure = await failureOf(database.dump(signal));
    await release();

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.message).toContain("lock timeout");
  });

  test("H2 a database that does not exist is unreachable, and no secret is told", async () => {
    const failure = await failureOf(postgresDatabase({ name: "shop", url: server.urlOf("shpo") }).dump(signal));

    expect(failure.code).toBe("DATABASE_UNREACHABLE");
    expect(failure.message).toContain('"shpo" does not exist');
    expect(JSON.stringify(failure)).not.toContain(server.password);
  });

  test("H2 a wrong password is unreachable, and is not told", async () => {
    const url = new Secret("DATABASE_URL", server.urlOf("postgres").reveal().replace("s3cret", "wr0ng-one"));

    const failure = await failureOf(postgresDatabase({ name: "shop", url }).facts(signal));

    expect(failure.code).toBe("DATABASE_UNREACHABLE");
    expect(JSON.stringify(failure)).not.toContain("wr0ng-one");
  });

  test("K1 a URL that is none is refused without being quoted", async () => {
    const url = new Secret("DATABASE_URL", "postgres://owner:hunter2@[broken/shop");

    const failure = await failureOf((async () => postgresDatabase({ name: "shop", url }))());

    expect(failure.code).toBe("CONFIG_INVALID");
    expect(JSON.stringify(failure)).not.toContain("hunter2");
  });

  test("K1 the password is in no argument of pg_dump", async () => {
    const dump = await postgresDatabase({ name: "shop", url: server.urlOf(await newShop(40_000)) }).dump(signal);
    let argumentsSeen = "";

    for await (const _ of dump.bytes) argumentsSeen ||= await readFile(`/proc/${await pidOfPgDump()}/cmdline`, "utf8");

    expect(argumentsSeen).toContain("--snapshot=");
    expect(argumentsSeen).not.toContain("s3cret");
  });

  test("B1 an older pg_dump than its server is refused before it starts, with what to install", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-old-tools-"));
    for (const tool of ["pg_dump", "pg_restore"]) {
      await writeFile(join(folder, tool), `#!/bin/sh\necho "${tool} (PostgreSQL) 9.6.24"\n`);
      await chmod(join(folder, tool), 0o755);
    }

    const failure = await failureOf(
      postgresDatabase({ name: "shop", url: server.urlOf("postgres"), binFolder: folder }).dump(signal),
    );
    await rm(folder, { recursive: true });

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.message).toMatch(/pg_dump is version 9 and the server is PostgreSQL \d+/);
    expect(failure.hint).toMatch(/apt-get install postgresql-client-\d+/);
  });

  test("B7 a name that would need quoting is refused", async () => {
    const database = postgresDatabase({ name: "shop", url: server.urlOf("postgres") });

    const failure = await failureOf(database.restore("pg_dump -Fc", nothing(), `x" WITH OWNER evil --`, signal));

    expect(failure.code).toBe("RESTORE_FAILED");
  });

  test("B3 the room for a copy is that of the server's own disk, and unknown to a user who may not know the place", async () => {
    const name = await newShop(5);
    const url = server.urlOf(name);
    await server.run("postgres", `CREATE ROLE plain_${name} LOGIN PASSWORD 'plain'`);
    const plainUrl = new URL(url.reveal());
    [plainUrl.username, plainUrl.password] = [`plain_${name}`, "plain"];
    const asPlain = new Secret("DATABASE_URL", plainUrl.href);

    const owner = await postgresDatabase({ name: "shop", url, roomForCopy: 7e9 }).room?.("scratch", signal);
    const plain = await postgresDatabase({ name: "shop", url: asPlain }).room?.("scratch", signal);

    const { bavail, bsize } = await statfs(owner?.words ?? "");
    expect(Math.abs((owner?.freeBytes ?? 0) - bavail * bsize)).toBeLessThan(2e9);
    expect(owner).toMatchObject({ limitBytes: 7e9, words: expect.stringMatching(/^\/.*data$/) });
    expect(owner?.liveBytes).toBeGreaterThan(5e6);
    expect(plain).toMatchObject({
      freeBytes: null,
      limitBytes: null,
      words: expect.stringContaining("neither its folder"),
    });
  });

  test("B7 an aborted restore leaves no database behind", async () => {
    const database = postgresDatabase({ name: "shop", url: server.urlOf(await newShop()) });
    const stop = new AbortController();
    const reason = new Error("a person cancelled");
    const bytes = Buffer.concat(await allOf((await database.dump(signal)).bytes));
    async function* hanging() {
      yield bytes.subarray(0, bytes.length >> 1);
      stop.abort(reason);
      await new Promise(() => {});
    }

    await expect(database.restore("pg_dump -Fc", hanging(), "cancelled_restore", stop.signal)).rejects.toBe(reason);

    expect(await server.run("postgres", "SELECT FROM pg_database WHERE datname = 'cancelled_restore'")).toEqual([]);
  });

  test("B13 the printed commands restore the stored file without Sluice", async () => {
    const database = postgresDatabase({ name: "shop", url: server.urlOf(await newShop()) });
    const dump = await database.dump(signal);
    const folder = await mkdtemp(join(tmpdir(), "sluice it's-"));
    const stored = join(folder, "one.dump");
    await writeFile(stored, dump.bytes);

    for (const command of database.restoreCommands(dump.format, stored, "by_hand")) {
      // What a person's shell does with it; the only place where a command goes through a shell.
      await execa("sh", ["-ec", command], { env: { PGPASSWORD: server.password } });
    }
    await rm(folder, { recursive: true });

    const restored = await postgresDatabase({ name: "by hand", url: server.urlOf("by_hand") }).dump(signal);
    await allOf(restored.bytes);
    expect(restored.facts.tables).toEqual(dump.facts.tables);
  });
});

async function allOf(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return chunks;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Reads a dump to its end; does `deed` once, after the first chunk. */
async function readAnd(dump: Dump, deed: () => Promise<unknown>): Promise<void> {
  let done = false;
  for await (const _ of dump.bytes) {
    if (!done) await deed();
    done = true;
  }
}

/** Our own children named pg_dump. */
async function pgDumpPids(): Promise<readonly number[]> {
  const pids: number[] = [];
  for (const entry of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
    if (stat.includes(`(pg_dump) `) && / [RSDZ] (\d+)/.exec(stat)?.[1] === String(process.pid))
      pids.push(Number(entry));
  }
  return pids;
}

async function pidOfPgDump(): Promise<number> {
  const [pid] = await pgDumpPids();
  if (pid === undefined) throw new Error("No pg_dump runs.");
  return pid;
}

async function sessionsOf(name: string): Promise<number> {
  const [row] = await server.run("postgres", "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1", [
    name,
  ]);
  return Number(row?.n);
}

/** Another session holds the table as a migration would; the returned function lets go. */
async function holdLock(name: string): Promise<() => Promise<void>> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: server.urlOf(name).reveal() });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE "Users" IN ACCESS EXCLUSIVE MODE`);
  return () => client.end();
}
