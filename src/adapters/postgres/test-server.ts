/**
 * A PostgreSQL server of a test's own: initialised in a temporary folder, reachable by TCP with a password on a free port,
 * stopped and removed with the test. PostgreSQL refuses to run as root, so root runs it as nobody (real-parts.md, row 9).
 */
import { chown, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { execa, type Options } from "execa";
import pg from "pg";
import { Secret } from "../../domain/secret.ts";

export interface TestServer {
  readonly binFolder: string;
  readonly password: string;
  readonly urlOf: (database: string) => Secret;
  /** Runs one statement. */
  readonly run: (
    database: string,
    statement: string,
    values?: readonly unknown[],
  ) => Promise<Record<string, unknown>[]>;
  readonly stop: () => Promise<void>;
}

const nobody = 65_534;

/** The folder with `postgres` and `initdb`; undefined where PostgreSQL is not installed. */
export async function serverBinaries(): Promise<string | undefined> {
  const parent = "/usr/lib/postgresql";
  const majors = (await readdir(parent).catch(() => [])).filter((entry) => /^\d+$/.test(entry));
  const newest = majors.toSorted((a, b) => Number(a) - Number(b)).at(-1);
  return newest === undefined ? undefined : join(parent, newest, "bin");
}

export async function startTestServer(binFolder: string): Promise<TestServer> {
  const isRoot = process.getuid?.() === 0;
  const as: Options = isRoot ? { uid: nobody, gid: nobody } : {};
  const folder = await mkdtemp(join(tmpdir(), "sluice-pg-"));
  if (isRoot) await chown(folder, nobody, nobody);
  const password = "s3cret-of/the:test";
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, password);
  const data = join(folder, "data");
  const initArguments = ["-D", data, "--no-sync", "-U", "owner", "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  await execa(join(binFolder, "initdb"), [...initArguments, "--encoding=UTF8", "--locale=C.UTF-8"], {
    ...as,
    cwd: folder,
  });

  const port = await freePort();
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`, "fsync=off"];
  const server = execa(join(binFolder, "postgres"), ["-D", data, ...settings.flatMap((one) => ["-c", one])], {
    ...as,
    cwd: folder,
    reject: false,
    stdout: "ignore",
  });
  await readyLine(server.stderr);

  const urlOf = (database: string) =>
    new Secret("DATABASE_URL", `postgresql://owner:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`);
  return {
    binFolder,
    password,
    urlOf,
    run: async (database, statement, values = []) => {
      const client = new pg.Client({ connectionString: urlOf(database).reveal() });
      await client.connect();
      try {
        return (await client.query(statement, [...values])).rows;
      } finally {
        await client.end();
      }
    },
    stop: async () => {
      // SIGINT: PostgreSQL's fast shutdown.
      server.kill("SIGINT");
      await server;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function readyLine(stderr: Readable | null): Promise<void> {
  let text = "";
  await new Promise<void>((resolve, reject) => {
    stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes("ready to accept connections")) resolve();
    });
    stderr?.on("end", () => reject(new Error(`PostgreSQL did not start: ${text}`)));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("A TCP server has no port.");
  return address.port;
}
