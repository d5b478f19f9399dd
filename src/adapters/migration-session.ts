/**
 * A session of Sluice's own beside a migration tool: it reads the tool's table, finds what a killed tool left at work in the
 * database, and makes the URL under which the tool itself connects, with limits and a name that it can be recognised by.
 */
import pg from "pg";
import { SluiceError } from "../domain/errors.ts";
import type { Secret } from "../domain/secret.ts";

export interface MigrationSession {
  readonly query: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;
}

const connectTimeoutMs = 10_000;

/** Our own questions are small; without a limit a locked catalogue would hold the whole deployment. */
const ownStatementTimeoutMs = 30_000;

/** Every session of a tool that Sluice started bears it; also one of a deployment that is gone. */
const namePrefix = "sluice migrate";

/** PostgreSQL keeps 63 bytes of it. */
export const sessionNameOf = (deploymentId: string): string => `${namePrefix} ${deploymentId}`.slice(0, 63);

/** Errors: CONFIG_INVALID, which never quotes the URL. */
export function readUrl(database: string, secret: Secret): URL {
  const url = URL.parse(secret.reveal());
  if (url && /^postgres(ql)?:$/.test(url.protocol) && url.pathname.length > 1) return url;
  throw new SluiceError({
    code: "CONFIG_INVALID",
    remedy: "operator",
    at: `migrations.${database}.url`,
    message: `${secret.name} is not a PostgreSQL URL with a database in it.`,
    hint: "Write it as postgresql://user:password@host:5432/database, then run: sluice validate",
  });
}

/** Errors: DATABASE_UNREACHABLE, also for a database that does not exist; the signal's reason. */
export async function withSession<T>(
  database: string,
  url: URL,
  signal: AbortSignal,
  work: (session: MigrationSession) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const client = new pg.Client({
    connectionString: ownUrl(url),
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: ownStatementTimeoutMs,
    application_name: "sluice",
  });
  client.on("error", () => undefined);
  const end = () => client.end().catch(() => undefined);
  const onAbort = () => void end();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await client.connect().catch((error: unknown) => {
      signal.throwIfAborted();
      throw unreachable(database, url, error);
    });
    return await work({
      query: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
        (await client.query<Row & pg.QueryResultRow>(text, [...values])).rows,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await end();
  }
}

/** Without what belongs to the tools, e.g. Prisma's `schema`. */
function ownUrl(url: URL): string {
  const own = new URL(url);
  for (const name of ["schema", "search_path", "application_name", "options"]) own.searchParams.delete(name);
  // Without it `pg` reads sslmode=require as "verify-full", unlike every tool.
  if (own.searchParams.has("sslmode")) own.searchParams.set("uselibpqcompat", "true");
  return own.href;
}

function unreachable(database: string, url: URL, error: unknown): SluiceError {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const place = url.searchParams.get("host") ?? url.host;
  return new SluiceError({
    code: "DATABASE_UNREACHABLE",
    remedy: "retry",
    at: `migrations.${database}`,
    message: `The database ${databaseIn(url)} (${database}) at ${place} cannot be reached for its migrations: ${first instanceof Error ? first.message : String(first)}.`,
    hint: `Nothing was migrated. Check that the server runs and that the URL is right, for example with: pg_isready --host=${url.hostname || "localhost"} --port=${url.port || "5432"}`,
  });
}

export const databaseIn = (url: URL): string => decodeURIComponent(url.pathname.slice(1));

export interface SessionLimits {
  /** 0: none. */
  readonly lockTimeoutMs: number;
  /** 0: none. */
  readonly statementTimeoutMs: number;
}

/**
 * The URL for the tool. What it says itself comes last and wins, so that a project's own limits stay. Every driver in use takes
 * `options` from the URL; Prisma's own engine does not read PGOPTIONS.
 */
export async function toolUrl(
  session: MigrationSession,
  url: URL,
  limits: SessionLimits,
  sessionName: string,
  more: readonly string[],
): Promise<URL> {
  const limited = new URL(url);
  const set = [...more, ...(await limitWords(session, limits))];
  const own = url.searchParams.get("options");
  const options = [...set, ...(own === null ? [] : [own])].join(" ");
  if (options !== "") limited.searchParams.set("options", options);
  limited.searchParams.set("application_name", sessionName);
  // A query is form-encoded, where a blank is "+"; the drivers decode percent signs only.
  limited.search = limited.search.replaceAll("+", "%20");
  return limited;
}

/** As a server takes them from whoever connects. */
async function limitWords(session: MigrationSession, limits: SessionLimits): Promise<readonly string[]> {
  return [
    ...(limits.lockTimeoutMs > 0 ? [`-c lock_timeout=${limits.lockTimeoutMs}`] : []),
    ...(limits.statementTimeoutMs > 0 ? [`-c statement_timeout=${limits.statementTimeoutMs}`] : []),
    ...((await noticesDeadClients(session)) ? ["-c client_connection_check_interval=1000"] : []),
  ];
}

/** The same for a command whose URL Sluice does not know: libpq and the drivers that follow it read these. Its own options come last and win. */
export async function limitVariables(
  session: MigrationSession,
  limits: SessionLimits,
  sessionName: string,
  ownOptions: string | undefined,
): Promise<{ readonly PGAPPNAME: string; readonly PGOPTIONS: string }> {
  const words = [...(await limitWords(session, limits)), ...(ownOptions === undefined ? [] : [ownOptions])];
  return { PGAPPNAME: sessionName, PGOPTIONS: words.join(" ") };
}

/** PostgreSQL 14 and newer, on systems that can: a session whose client is dead ends within a second, and rolls back. */
export async function noticesDeadClients(session: MigrationSession): Promise<boolean> {
  return session.query("SET client_connection_check_interval = '1s'").then(
    () => true,
    () => false,
  );
}

/** A session in which a migration tool of Sluice's is at work, or was. */
export interface Backend {
  readonly pid: number;
  readonly name: string;
  readonly state: string;
  /** Of what it does now. */
  readonly seconds: number;
  readonly statement: string;
}

export async function leftBackends(session: MigrationSession): Promise<readonly Backend[]> {
  return session.query<Backend>(
    `SELECT pid, application_name AS name, coalesce(state, 'unknown') AS state,
            greatest(0, round(extract(epoch FROM clock_timestamp() - coalesce(query_start, backend_start))))::int AS seconds,
            left(regexp_replace(query, '\\s+', ' ', 'g'), 60) AS statement
       FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE $1 AND pid <> pg_backend_pid()`,
    [`${namePrefix} %`],
  );
}

export async function endBackends(session: MigrationSession): Promise<void> {
  await session.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE $1 AND pid <> pg_backend_pid()`,
    [`${namePrefix} %`],
  );
}

/** The transaction that has been open for longest: what a migration waits for, most of the time. */
export async function longestTransaction(session: MigrationSession): Promise<Backend | undefined> {
  const [longest] = await session.query<Backend>(
    `SELECT pid, coalesce(nullif(application_name, ''), usename, 'a session without a name') AS name,
            coalesce(state, 'unknown') AS state,
            greatest(0, round(extract(epoch FROM clock_timestamp() - xact_start)))::int AS seconds,
            left(regexp_replace(query, '\\s+', ' ', 'g'), 60) AS statement
       FROM pg_stat_activity
      WHERE datname = current_database() AND xact_start IS NOT NULL AND backend_type = 'client backend'
        AND application_name NOT LIKE 'sluice%'
      ORDER BY xact_start LIMIT 1`,
  );
  return longest;
}

export type Holder = Pick<Backend, "pid" | "name" | "seconds">;

/** Who holds the lock under which a tool runs; pg_locks shows its number in two halves. */
export async function holderOf(
  session: MigrationSession,
  advisoryLock: bigint | undefined,
): Promise<Holder | undefined> {
  if (advisoryLock === undefined) return undefined;
  const [holder] = await session.query<Holder>(
    `SELECT a.pid, coalesce(nullif(a.application_name, ''), 'a session without a name') AS name,
            greatest(0, round(extract(epoch FROM clock_timestamp() - a.backend_start)))::int AS seconds
       FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
      WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1 AND l.objid = $2 AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [Number(advisoryLock >> 32n), Number(advisoryLock & 0xffff_ffffn)],
  );
  return holder;
}

/** Rows of a table that may not be there yet; `table` is an identifier as PostgreSQL quotes it. */
export async function rowsOf<Row extends object>(
  session: MigrationSession,
  table: string,
  select: string,
  order: string,
): Promise<readonly Row[] | undefined> {
  const [found] = await session.query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [table]);
  return found?.there ? session.query<Row>(`SELECT ${select} FROM ${table} ORDER BY ${order}`) : undefined;
}

export const quoted = (...names: readonly string[]): string =>
  names.map((name) => `"${name.replaceAll('"', '""')}"`).join(".");
