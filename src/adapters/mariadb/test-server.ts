/**
 * A MariaDB server of a test's own: initialised in a temporary folder, reachable by its socket and by TCP on a free port with a
 * password, stopped and removed with the test. It refuses to run as root, so root runs it as nobody.
 */
import { access, chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { execa, type Options } from "execa";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import { Secret } from "../../domain/secret.ts";

export interface TestServer {
  readonly password: string;
  readonly socket: string;
  readonly urlOf: (database: string, user?: string) => Secret;
  /** Runs one statement. */
  readonly run: (
    database: string | undefined,
    statement: string,
    values?: readonly unknown[],
  ) => Promise<Record<string, unknown>[]>;
  readonly stop: () => Promise<void>;
}

const nobody = 65_534;
const serverProgram = "/usr/sbin/mariadbd";

/** What is missing on this machine for a server and its tools; undefined where nothing is. */
export async function missingPart(): Promise<string | undefined> {
  for (const program of [serverProgram, "/usr/bin/mariadb-install-db", "/usr/bin/mariadb-dump", "/usr/bin/mariadb"]) {
    if (
      await access(program).then(
        () => false,
        () => true,
      )
    )
      return program;
  }
  return undefined;
}

export async function startTestServer(port: number): Promise<TestServer> {
  const isRoot = process.getuid?.() === 0;
  const as: Options = isRoot ? { uid: nobody, gid: nobody } : {};
  // The path of a socket is limited to 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), "sluice-my-"));
  if (isRoot) await chown(folder, nobody, nobody);
  const [data, socket] = [join(folder, "data"), join(folder, "socket")];
  await execa(
    "/usr/bin/mariadb-install-db",
    ["--no-defaults", `--datadir=${data}`, "--auth-root-authentication-method=normal", "--skip-test-db"],
    { ...as, cwd: folder, stdout: "ignore" },
  );
  const settings = [`--datadir=${data}`, `--socket=${socket}`, `--port=${port}`, "--bind-address=127.0.0.1"];
  const light = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--skip-name-resolve"];
  const server = execa(serverProgram, ["--no-defaults", ...settings, ...light, `--pid-file=${join(folder, "pid")}`], {
    ...as,
    cwd: folder,
    reject: false,
    stdout: "ignore",
  });
  await readyLine(server.stderr);
  const password = "s3cret-of/the:test";
  const connect = (database: string | undefined, secret: string) =>
    createConnection({
      socketPath: socket,
      user: "root",
      password: secret,
      multipleStatements: true,
      ...(database === undefined ? {} : { database }),
    });
  const first = await connect(undefined, "");
  await first.query("CREATE USER owner@'%' IDENTIFIED BY ?; GRANT ALL ON *.* TO owner@'%' WITH GRANT OPTION", [
    password,
  ]);
  await first.end();
  return {
    password,
    socket,
    urlOf: (database, user = "owner") =>
      new Secret("DATABASE_URL", `mysql://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`),
    run: async (database, statement, values = []) => {
      const client = await connect(database, "");
      try {
        const [rows] = await client.query<RowDataPacket[]>(statement, [...values]);
        return rows;
      } finally {
        await client.end();
      }
    },
    stop: async () => {
      server.kill("SIGTERM");
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
      if (text.includes("ready for connections")) resolve();
    });
    stderr?.on("end", () => reject(new Error(`MariaDB did not start: ${text}`)));
  });
}
