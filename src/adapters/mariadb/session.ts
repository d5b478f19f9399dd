/** A session in this process: for facts, snapshots, the data lock, and for making and dropping scratch databases. */
import { readFile } from "node:fs/promises";
import { createConnection, type Connection as Driver, type RowDataPacket } from "mysql2/promise";
import { SluiceError } from "../../domain/errors.ts";
import { type Connection, placeOf, sslOf, wordsOf } from "./connection.ts";

/** A session that ends with the signal. Queries reject with the signal's reason once it is aborted. */
export interface Session {
  readonly query: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;
  readonly end: () => Promise<void>;
  /** Told when the connection is over, whoever ended it. */
  readonly onEnd: (listener: () => void) => void;
}

const connectTimeoutMs = 10_000;

/** Errors: DATABASE_UNREACHABLE, also for a database that does not exist; the signal's reason. */
export async function openSession(
  connection: Connection,
  database: string | undefined,
  signal: AbortSignal,
): Promise<Session> {
  signal.throwIfAborted();
  const driver = await connected(connection, database).catch((error: unknown) => {
    signal.throwIfAborted();
    throw unreachable(connection, database, error);
  });
  const session = sessionOf(connection, driver, signal);
  try {
    await prepare(session, connection.lockWaitMs);
    return session;
  } catch (error) {
    await session.end();
    signal.throwIfAborted();
    throw unreachable(connection, database, error);
  }
}

async function connected(connection: Connection, database: string | undefined): Promise<Driver> {
  const { encryption, host, password, port, socket, user } = connection;
  const authority = encryption?.authority == null ? undefined : await readFile(encryption.authority, "utf8");
  const ssl = sslOf(connection, authority);
  return createConnection({
    ...(socket === null ? { host, port } : { socketPath: socket }),
    ...(database === undefined ? {} : { database }),
    ...(ssl === undefined ? {} : { ssl }),
    user,
    password: password.reveal(),
    charset: "utf8mb4",
    connectTimeout: connectTimeoutMs,
    // Counts and sizes go beyond what a number holds; they come as text.
    supportBigNumbers: true,
    bigNumberStrings: true,
    disableEval: true,
  });
}

/** Values are written alike whatever the server's settings, and nothing waits for a day. */
async function prepare(session: Session, lockWaitMs: number): Promise<void> {
  await session.query("SET SESSION sql_mode = '', time_zone = '+00:00'");
  await session.query(`SET SESSION lock_wait_timeout = ${Math.ceil(lockWaitMs / 1000)}, wait_timeout = 28800`);
  // A limit of the server's on the time of a statement would stop the counting of a large table; the two call it differently.
  await session
    .query("SET SESSION max_statement_time = 0")
    .catch(() => session.query("SET SESSION max_execution_time = 0"));
}

function sessionOf(connection: Connection, driver: Driver, signal: AbortSignal): Session {
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  let busy = false;
  let ended: Promise<void> | undefined;
  // A connection that the server closes while idle shows at the next query; without a listener it would end the process.
  driver.on("error", () => undefined);
  const end = () => {
    signal.removeEventListener("abort", onAbort);
    ended ??= over(connection, driver, busy);
    return ended;
  };
  const onAbort = () => {
    aborted.reject(signal.reason);
    void end();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return {
    end,
    onEnd: (listener) => {
      driver.once("error", listener);
      driver.once("end", listener);
    },
    query: async <Row extends object>(text: string, values: readonly unknown[] = []) => {
      signal.throwIfAborted();
      busy = true;
      try {
        const [rows] = await Promise.race([driver.query<RowDataPacket[]>(text, [...values]), aborted.promise]);
        return rows as unknown as readonly Row[];
      } finally {
        busy = false;
      }
    },
  };
}

/** A statement under way goes on in the server after its client has left, so it is ended there. */
async function over(connection: Connection, driver: Driver, busy: boolean): Promise<void> {
  const id = driver.threadId;
  if (!busy) return driver.end().catch(() => driver.destroy());
  driver.destroy();
  const killer = await connected(connection, undefined).catch(() => undefined);
  await killer?.query(`KILL ${id}`).catch(() => undefined);
  await killer?.end().catch(() => undefined);
}

/** Also for what fails after connecting: the server's own words as evidence. */
export function unreachable(connection: Connection, database: string | undefined, error: unknown): SluiceError {
  const { host, port, socket } = connection;
  const where = socket === null ? `--host=${host} --port=${port}` : `--socket=${socket}`;
  return new SluiceError({
    code: "DATABASE_UNREACHABLE",
    remedy: "retry",
    at: `databases.${connection.name}`,
    message: `The database ${database ?? connection.database} (${connection.name}) at ${placeOf(connection)} cannot be read: ${wordsOf(error)}.`,
    hint: `Check that the server runs and that its URL is right, for example with: mariadb-admin ${where} ping`,
  });
}

export interface Server {
  readonly vendor: "mariadb" | "mysql";
  /** As the server writes it, e.g. `10.11.19-MariaDB`. */
  readonly version: string;
  readonly major: number;
  readonly minor: number;
}

export async function serverOf(session: Session): Promise<Server> {
  const [row] = await session.query<{ version: string }>("SELECT VERSION() AS version");
  const version = /^\d+\.\d+[^-]*(-MariaDB)?/i.exec(row?.version ?? "")?.[0] ?? "";
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  return { vendor: /mariadb/i.test(row?.version ?? "") ? "mariadb" : "mysql", version, major, minor };
}

export const quoted = (name: string): string => `\`${name.replaceAll("`", "``")}\``;
