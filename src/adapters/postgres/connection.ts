/**
 * One connection URL, two readers: `pg` in this process and the PostgreSQL tools as children. The tools get it as libpq's
 * environment variables, never as arguments, since every user of the machine can read those.
 */
import pg from "pg";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import { type CommandEnvironment, inheritedEnvironment } from "../run-command.ts";

export interface Connection {
  /** The configuration's name for it, fit for messages. */
  readonly name: string;
  /** The server's name for the database. */
  readonly database: string;
  readonly host: string;
  readonly port: string;
  readonly user: string;
  /** The URL with another database in it. */
  readonly urlOf: (database: string) => string;
  /** libpq's environment for the tools. */
  readonly environmentOf: (database: string) => CommandEnvironment;
}

const connectTimeoutSeconds = 10;

/** What libpq takes from a URL's query, and the variable that says the same. Others (Prisma's `schema`) are not libpq's. */
const variableByParameter: Readonly<Record<string, string>> = {
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  sslnegotiation: "PGSSLNEGOTIATION",
  channel_binding: "PGCHANNELBINDING",
  gssencmode: "PGGSSENCMODE",
  target_session_attrs: "PGTARGETSESSIONATTRS",
  options: "PGOPTIONS",
};

/** Errors: CONFIG_INVALID, which never quotes the URL. */
export function readConnection(name: string, secret: Secret): Connection {
  const url = URL.canParse(secret.reveal()) ? new URL(secret.reveal()) : undefined;
  const database = decodeURIComponent(url?.pathname.slice(1) ?? "");
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol) || database === "") throw notUsable(name, secret);

  const host = url.searchParams.get("host") ?? decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, "$1");
  const port = url.searchParams.get("port") ?? (url.port || "5432");
  const user = decodeURIComponent(url.username);
  const password = new Secret(`${secret.name}'s password`, decodeURIComponent(url.password));
  const parameters = Object.entries(variableByParameter).flatMap(([parameter, variable]) => {
    const value = url.searchParams.get(parameter);
    return value === null ? [] : [[variable, value] as const];
  });
  return {
    name,
    database,
    host,
    port,
    user,
    urlOf: (other) => withDatabase(url, other),
    environmentOf: (other) => ({
      ...inheritedEnvironment(["PATH", "HOME", "TMPDIR"]),
      ...Object.fromEntries(parameters),
      LC_ALL: "C",
      PGAPPNAME: "sluice",
      PGCONNECT_TIMEOUT: String(connectTimeoutSeconds),
      PGDATABASE: other,
      PGPORT: port,
      ...(host === "" ? {} : { PGHOST: host }),
      ...(user === "" ? {} : { PGUSER: user }),
      ...(password.reveal() === "" ? {} : { PGPASSWORD: password }),
    }),
  };
}

function withDatabase(url: URL, database: string): string {
  const copy = new URL(url);
  copy.pathname = `/${encodeURIComponent(database)}`;
  // Both readers must understand `sslmode` alike; without this `pg` reads "require" as "verify-full".
  if (copy.searchParams.has("sslmode")) copy.searchParams.set("uselibpqcompat", "true");
  return copy.href;
}

function notUsable(name: string, secret: Secret): SluiceError {
  return new SluiceError({
    code: "CONFIG_INVALID",
    remedy: "operator",
    at: `databases.${name}`,
    message: `${secret.name} is not a PostgreSQL URL with a database in it.`,
    hint: "Write it as postgresql://user:password@host:5432/database (a socket folder as ?host=/folder), then run: sluice validate",
  });
}

/** A session that ends with the signal. Queries reject with the signal's reason once it is aborted. */
export interface Session {
  readonly query: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;
  readonly end: () => Promise<void>;
  /** Told when the connection is over, whoever ended it. */
  readonly onEnd: (listener: () => void) => void;
}

/** Errors: DATABASE_UNREACHABLE, also for a database that does not exist; the signal's reason. */
export async function openSession(connection: Connection, database: string, signal: AbortSignal): Promise<Session> {
  signal.throwIfAborted();
  const client = new pg.Client({
    connectionString: connection.urlOf(database),
    connectionTimeoutMillis: connectTimeoutSeconds * 1000,
    application_name: "sluice",
  });
  // A connection that the server closes while idle shows at the next query; without a listener it would end the process.
  client.on("error", () => undefined);
  let ended: Promise<void> | undefined;
  const end = () => {
    signal.removeEventListener("abort", onAbort);
    ended ??= client.end().catch(() => undefined);
    return ended;
  };
  const onAbort = () => void end();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await client.connect();
  } catch (error) {
    await end();
    signal.throwIfAborted();
    throw unreachable(connection, database, error);
  }
  return {
    end,
    onEnd: (listener) => void client.once("end", listener),
    query: async <Row extends object>(text: string, values: readonly unknown[] = []) => {
      try {
        return (await client.query<Row & pg.QueryResultRow>(text, [...values])).rows;
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
    },
  };
}

/** Also for what fails after connecting: the server's own words as evidence. */
export function unreachable(connection: Connection, database: string, error: unknown): SluiceError {
  return new SluiceError({
    code: "DATABASE_UNREACHABLE",
    remedy: "retry",
    at: `databases.${connection.name}`,
    message: `The database ${database} (${connection.name}) at ${placeOf(connection)} cannot be read: ${wordsOf(error)}.`,
    hint: `Check that the server runs and that its URL is right, for example with: pg_isready --host=${connection.host || "localhost"} --port=${connection.port}`,
  });
}

export const placeOf = (connection: Connection): string =>
  `${connection.host || "the local socket"}:${connection.port}`;

/** The message of a driver's error. With several addresses Node reports an AggregateError without a message of its own. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const first = error instanceof AggregateError ? error.errors[0] : undefined;
  return error.message || (first instanceof Error ? first.message : error.name);
}
