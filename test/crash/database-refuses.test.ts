/**
 * A database of the user's own that does not let the ledger in, or not any further: each refusal names what it is, where, and
 * what to type, never the password, and nothing waits for ever.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import type { State } from "../../src/app/state.ts";
import { openState } from "../../src/app/state.ts";
import { SluiceError } from "../../src/domain/errors.ts";
import { refusingPort } from "../../src/testing/local-servers.ts";

const binaries = await serverBinaries();
if (binaries === undefined) console.warn("skipped: a database of the user's own needs PostgreSQL (postgresql)");
const canMount = process.platform === "linux" && process.getuid?.() === 0;
if (!canMount) console.warn("skipped: a full database needs root on Linux, to mount a small tmpfs");

let server: TestServer;
let opened: State[] = [];

beforeAll(async () => {
  if (binaries !== undefined) server = await startTestServer(binaries);
});

afterAll(async () => {
  await server?.stop();
});

/** Its own database for each test, so that none sees what another left. */
async function database(name: string): Promise<string> {
  await server.run("postgres", `create database ${name}`);
  return server.urlOf(name).reveal();
}

const open = async (url: string): Promise<State> => {
  const state = await openState({ url, stateFolder: "/nonexistent" });
  opened.push(state);
  return state;
};

/** What opening, or the given use of what was opened, is refused with. */
async function refusalOf(use: () => Promise<unknown>) {
  const thrown = await use().catch((error: unknown) => error);
  if (!(thrown instanceof SluiceError)) throw new Error("it is no error of ours", { cause: thrown });
  expect(thrown.failure.hint, "it ends with a command").toMatch(/[:.] (Then|To see yours): sluice (status|--version)$/);
  expect(JSON.stringify(thrown.failure)).not.toContain(server.password);
  return thrown.failure;
}

const deployment = {
  id: "deploy-1",
  project: "tiny",
  environment: "production",
  kind: "deploy",
  version: "v1.0.0",
  commit: "0".repeat(40),
  startedBy: "ada",
  input: {},
  applicationVersion: "1",
} as const;

const closeAll = async (): Promise<void> => {
  for (const state of opened.splice(0)) await state.close().catch(() => undefined);
};

describe.skipIf(binaries === undefined)("Z1 a ledger's database that does not let us in", () => {
  const withUser = (name: string, user: string, password: string) => {
    const url = new URL(server.urlOf(name).reveal());
    url.username = user;
    url.password = password;
    return url.href;
  };

  test("Z1 nobody listens", async () => {
    const url = `postgresql://u:${encodeURIComponent(server.password)}@127.0.0.1:${await refusingPort()}/x`;

    const failure = await refusalOf(() => open(url));

    expect(failure).toMatchObject({ code: "LEDGER_UNREACHABLE", message: expect.stringContaining("ECONNREFUSED") });
  });

  test("Z1 an unknown host", async () => {
    const failure = await refusalOf(() => open("postgresql://u@no-such-host.invalid/x"));

    expect(failure).toMatchObject({
      code: "LEDGER_UNREACHABLE",
      message: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
    });
  });

  test("Z1 an address that is none", async () => {
    const failure = await refusalOf(() => open("postgresql://u:p@[oops/x"));

    expect(failure).toMatchObject({ code: "LEDGER_UNREACHABLE", message: expect.stringContaining("address") });
  });

  test("Z1 a wrong password", async () => {
    const failure = await refusalOf(() => open(withUser("postgres", "owner", "wrong-word")));

    expect(failure).toMatchObject({ code: "LEDGER_UNREACHABLE", message: expect.stringContaining("refuses us") });
    expect(JSON.stringify(failure)).not.toContain("wrong-word");
  });

  test("Z1 a database that is not there", async () => {
    const failure = await refusalOf(() => open(server.urlOf("nowhere").reveal()));

    expect(failure).toMatchObject({ code: "LEDGER_UNREACHABLE", message: expect.stringContaining("nowhere") });
  });

  test("Z1 TLS asked for where the server has none", async () => {
    const failure = await refusalOf(() => open(`${server.urlOf("postgres").reveal()}?sslmode=require`));

    expect(failure).toMatchObject({ code: "LEDGER_UNREACHABLE", message: expect.stringContaining("SSL") });
    expect(failure.hint).toContain("sslmode");
  });

  test("Z1 a user who may not make tables", async () => {
    await database("rightless");
    await server.run("postgres", "create role guest login password 'guest-word'");

    const failure = await refusalOf(() => open(withUser("rightless", "guest", "guest-word")));

    expect(failure).toMatchObject({
      code: "LEDGER_UNREACHABLE",
      message: expect.stringContaining("permission denied"),
    });
    expect(failure.hint).toContain("CREATE");
  });

  test("Z1 a read-only database, before and after it was one", async () => {
    const url = await database("reading");
    await server.run("postgres", "alter database reading set default_transaction_read_only = on");
    const failure = await refusalOf(() => open(url));
    expect(failure).toMatchObject({ code: "LEDGER_UNREACHABLE", message: expect.stringContaining("read-only") });

    await server.run("postgres", "alter database reading reset default_transaction_read_only");
    await (await open(url)).close();
    await server.run("postgres", "alter database reading set default_transaction_read_only = on");
    const { ledger } = await open(url);
    const later = await refusalOf(() => ledger.createDeployment(deployment));

    expect(later).toMatchObject({ code: "LEDGER_UNREACHABLE", message: expect.stringContaining("read-only") });
    expect(await ledger.deployments({}), "reading goes on").toEqual([]);
    await closeAll();
  });

  test("Z1 no connection left", async () => {
    const url = await database("crowded");
    await server.run("postgres", "create role narrow login password 'narrow-word' connection limit 1");
    await server.run("postgres", "alter database crowded owner to narrow");
    const only = new pg.Client({ connectionString: withUser("crowded", "narrow", "narrow-word") });
    await only.connect();

    const failure = await refusalOf(() => open(withUser("crowded", "narrow", "narrow-word")));

    await only.end();
    expect(failure).toMatchObject({
      code: "LEDGER_UNREACHABLE",
      message: expect.stringContaining("no connection left"),
    });
    expect(url).toContain("crowded");
  });

  test("Z1 tables of somebody else where ours belong, which are left as they are", async () => {
    for (const [name, table] of [
      ["foreign_meta", "create table sluice.meta (name text)"],
      ["foreign_table", "create table sluice.deployments (whatever text)"],
    ] as const) {
      const url = await database(name);
      await server.run(name, "create schema sluice");
      await server.run(name, table);
      const before = await server.run(name, "select relname from pg_class where relnamespace = 'sluice'::regnamespace");

      const failure = await refusalOf(() => open(url));

      expect(failure).toMatchObject({ code: "STATE_DAMAGED", message: expect.stringContaining("schema") });
      expect(
        await server.run(name, "select relname from pg_class where relnamespace = 'sluice'::regnamespace"),
      ).toEqual(before);
    }
  });

  test("Z1 somebody who forgot to end a transaction is waited for with a limit", { timeout: 120_000 }, async () => {
    const url = await database("locked");
    const { ledger } = await open(url);
    const forgetful = new pg.Client({ connectionString: url });
    await forgetful.connect();
    await forgetful.query("begin; lock table sluice.deployments");

    const beganMs = performance.now();
    const failure = await refusalOf(() => ledger.createDeployment(deployment));
    const waitedMs = performance.now() - beganMs;
    await forgetful.query("rollback");
    await forgetful.end();

    expect(failure).toMatchObject({ code: "LEDGER_UNREACHABLE", message: expect.stringContaining("lock timeout") });
    expect(waitedMs).toBeLessThan(20_000);
    expect((await ledger.createDeployment(deployment)).id, "and then it goes on").toBe("deploy-1");
    await closeAll();
  });

  test("Z1 tables of a newer Sluice: exit code and command are those of an older one", async () => {
    const url = await database("newer");
    await (await open(url)).close();
    await server.run("newer", "update sluice.meta set version = 999, requires = 999");

    const failure = await refusalOf(() => open(url));

    expect(failure).toMatchObject({ code: "LEDGER_NEWER", message: expect.stringContaining("999") });
    opened = [];
  });
});

describe.skipIf(binaries === undefined || !canMount)("Z1 a ledger's database whose disk is full", () => {
  test("Z1 it is said, nothing is half written, and it goes on when there is room", { timeout: 120_000 }, async () => {
    const disk = mkdtempSync(join(tmpdir(), "sluice-full-"));
    chmodSync(disk, 0o755);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m,mode=0755", "tmpfs", disk]);
    const nobody = 65_534;
    chownSync(disk, nobody, nobody);
    try {
      const space = join(disk, "space");
      execFileSync("install", ["-d", "-o", String(nobody), "-g", String(nobody), "-m", "0700", space]);
      await server.run("postgres", `create tablespace small location '${space}'`);
      await server.run("postgres", "create database filled tablespace small");
      const { ledger } = await open(server.urlOf("filled").reveal());
      await ledger.createDeployment(deployment);
      const filler = join(disk, "filler");
      fillUp(filler);

      let failure: { readonly code: string } | undefined;
      for (let at = 2; failure === undefined && at < 200; at++) {
        const input = { text: "x".repeat(60_000) + Math.random() };
        const attempt = ledger.createDeployment({ ...deployment, id: `deploy-${at}`, input: { ...input, at } });
        failure = await attempt.then(
          () => undefined,
          (thrown: SluiceError) => thrown.failure,
        );
      }

      expect(failure).toMatchObject({ code: "DISK_FULL", message: expect.stringContaining("full disk") });
      const before = await ledger.deployments({});
      rmSync(filler);
      const after = await ledger.createDeployment({ ...deployment, id: "deploy-later" });
      expect(after.id).toBe("deploy-later");
      expect(await ledger.deployments({}), "every one that was written, and no half one").toHaveLength(
        before.length + 1,
      );
      await closeAll();
    } finally {
      await server.run("postgres", "drop database if exists filled with (force)");
      await server.run("postgres", "drop tablespace if exists small");
      execFileSync("umount", ["-l", disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  });
});

/** Until the disk takes no more. */
function fillUp(file: string): void {
  try {
    for (let mib = 0; mib < 64; mib++) writeFileSync(file, Buffer.alloc(1 << 20, mib + 1), { flag: "a" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
