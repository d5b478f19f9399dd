/**
 * A database for an example: a private PostgreSQL from the system's binaries where there are any, a SQLite file
 * otherwise, and it says which. Nothing of an existing PostgreSQL is touched.
 */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { access, chown, constants, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import { type ChildKeeper, stopChild } from "./children.ts";

const run = promisify(execFile);

export interface ExampleDatabase {
  readonly kind: "postgres" | "sqlite";
  /** Holds the password: pass it in an environment, never in an argument. */
  readonly url: string;
  /** One line for the reader, without the password. */
  readonly describe: string;
  /** An empty database of its own beside the first, for a second environment; gives its url. */
  another(name: string): Promise<string>;
  stop(): Promise<void>;
}

export interface DatabaseOptions {
  /** `sqlite` skips the search for PostgreSQL. */
  readonly prefer?: "postgres" | "sqlite";
  /** Ends the server also when this process dies without a word. */
  readonly keeper?: ChildKeeper;
}

/** Starts the database with its data under `folder`, or under the temporary folder where only that is reachable. */
export async function startDatabase(folder: string, options: DatabaseOptions = {}): Promise<ExampleDatabase> {
  await mkdir(folder, { recursive: true });
  if (options.prefer === "sqlite") return sqlite(folder, "as asked for");
  const binaries = await findPostgres();
  if (binaries === undefined) return sqlite(folder, "no PostgreSQL server (initdb, postgres) on this system");
  try {
    return await postgres(folder, binaries, options.keeper);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return sqlite(folder, `PostgreSQL in ${binaries} did not start: ${reason}`);
  }
}

function sqlite(folder: string, why: string): ExampleDatabase {
  const file = madeFile(join(resolve(folder), "shop.db"));
  const describe = `SQLite ${process.versions.sqlite}, ${file} (${why})`;
  const another = async (name: string) => `sqlite:${madeFile(join(resolve(folder), `${name}.db`))}`;
  return { kind: "sqlite", url: `sqlite:${file}`, describe, another, stop: async () => undefined };
}

/** Empty, but there: a database that is missing would be refused before the first deployment could make it. */
function madeFile(file: string): string {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = WAL");
  database.close();
  return file;
}

/** The folder of `initdb` and `postgres`: on PATH, else where the usual packages put them, newest first. */
export async function findPostgres(): Promise<string | undefined> {
  const packaged = await Promise.all(
    ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"].map(async (parent) => {
      const names = await readdir(parent).catch(() => []);
      const versions = names.filter((name) => /^(postgresql@)?\d+$/.test(name));
      return versions.sort(byNumber).map((name) => join(parent, name, "bin"));
    }),
  );
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), ...packaged.flat()]) {
    if ((await executable(join(folder, "initdb"))) && (await executable(join(folder, "postgres")))) return folder;
  }
  return undefined;
}

const byNumber = (a: string, b: string): number => Number(b.replace(/\D/g, "")) - Number(a.replace(/\D/g, ""));

const executable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

async function postgres(folder: string, binaries: string, keeper: ChildKeeper | undefined): Promise<ExampleDatabase> {
  const account = await serverAccount();
  const home = await homeFor(folder, account);
  const password = randomBytes(18).toString("base64url");
  await initialise(binaries, home, password, account);
  const port = await freePort();
  const data = join(home, "data");
  const settings = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "shared_buffers=64MB",
    // An example's data is worth nothing after it, and its disk is shared with what is being demonstrated.
    "fsync=off",
  ];
  const child = spawn(join(binaries, "postgres"), ["-D", data, ...settings.flatMap((setting) => ["-c", setting])], {
    cwd: home,
    stdio: "ignore",
    // A group of its own: Ctrl-C must not end the database before the services have let go of it.
    detached: true,
    ...account,
  });
  child.on("error", () => undefined);
  if (child.pid !== undefined) keeper?.watch(child.pid, "SIGINT");
  const stop = async () => {
    // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
    await stopChild(child, "SIGINT", 10_000);
    if (child.pid !== undefined) keeper?.forget(child.pid);
    if (home !== resolve(folder)) await rm(home, { recursive: true, force: true });
  };
  try {
    const url = `postgresql://shop:${password}@127.0.0.1:${port}/shop`;
    const version = await createDatabase(url, () => child.exitCode ?? child.signalCode);
    const describe = `PostgreSQL ${version} from ${binaries}, on 127.0.0.1:${port}`;
    return { kind: "postgres", url, describe, another: (name) => createBeside(url, name), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Account = { readonly uid?: number; readonly gid?: number };

/** PostgreSQL refuses to run as root; `nobody` owns nothing and so can harm nothing. */
async function serverAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all(
    ["-u", "-g"].map(async (flag) => Number((await run("id", [flag, "nobody"])).stdout)),
  );
  return { uid, gid } as Account;
}

/** A folder that the server's account can reach; another user's account cannot enter a private home folder. */
async function homeFor(folder: string, account: Account): Promise<string> {
  const wanted = resolve(folder);
  if (account.uid === undefined) return wanted;
  const home = (await openToAll(wanted)) ? wanted : await mkdtemp(join(tmpdir(), "sluice-database-"));
  await chown(home, account.uid, account.gid ?? account.uid);
  return home;
}

async function openToAll(folder: string): Promise<boolean> {
  const { mode } = await stat(folder);
  if ((mode & 0o001) === 0) return false;
  return dirname(folder) === folder || openToAll(dirname(folder));
}

async function initialise(binaries: string, home: string, password: string, account: Account): Promise<void> {
  const passwordFile = join(home, "password");
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account.uid !== undefined) await chown(passwordFile, account.uid, account.gid ?? account.uid);
  const plain = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--username=shop"];
  try {
    const initdb = join(binaries, "initdb");
    await run(initdb, ["-D", join(home, "data"), ...plain, `--pwfile=${passwordFile}`], { cwd: home, ...account });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** Waits for the server, creates the database that `url` names, and gives the server's version. */
async function createDatabase(url: string, ended: () => number | string | null): Promise<string> {
  const server = new URL(url);
  server.pathname = "/postgres";
  for (let attempt = 1; ; attempt++) {
    if (ended() !== null) throw new Error(`the server ended at once (${ended()})`);
    const client = new pg.Client({ connectionString: server.href, connectionTimeoutMillis: 2_000 });
    try {
      await client.connect();
      await client.query("CREATE DATABASE shop");
      const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
      return rows[0]?.server_version.split(" ")[0] ?? "";
    } catch (error) {
      if (attempt >= 150) throw error;
      await pause(100);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** `name` is ours, a plain word. */
async function createBeside(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const beside = new URL(url);
  beside.pathname = `/${name}`;
  return beside.href;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
