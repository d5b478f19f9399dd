/** The ledger's connections: opened with limits on every wait, migrated once, their errors in our words. */
import { randomUUID } from "node:crypto";
import pg from "pg";
import { SluiceError } from "../../domain/errors.ts";
import { limitQueries } from "../patient-client.ts";
import { inOurWords } from "./database-trouble.ts";
import { ledgerRequires, ledgerVersion, migrations } from "./schema.ts";

export interface Queries {
  /** `$schema` in the text stands for the quoted schema. `name`d statements are prepared once per connection. */
  rows<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

export interface LedgerDatabase extends Queries {
  readonly ledgerId: string;
  /** All or nothing; read committed, rows locked explicitly: environment first, then deployment. */
  transaction<T>(body: (tx: Queries) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const bigintOid = 20;

/** Any number, the same in every Sluice. */
const migrationLock = 7_300_415;

export async function openDatabase(url: string, schemaName: string): Promise<LedgerDatabase> {
  const schema = pg.escapeIdentifier(schemaName);
  const pool = new pg.Pool({
    connectionString: url,
    application_name: "sluice ledger",
    max: 4,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 15_000,
    lock_timeout: 10_000,
    idle_in_transaction_session_timeout: 15_000,
    keepAlive: true,
    // Counts and milliseconds are far below 2^53.
    types: { getTypeParser: (oid, format) => (oid === bigintOid ? Number : pg.types.getTypeParser(oid, format)) },
  });
  limitQueries(pool, 20_000);
  // An idle connection that breaks is replaced at the next query, which reports what still is wrong then.
  pool.on("error", () => undefined);
  const queriesOn = (client: pg.Pool | pg.PoolClient): Queries => ({
    rows: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
      (
        await inOurWords(() =>
          client.query<Row>(
            text.replaceAll("$schema", () => schema),
            [...values],
          ),
        )
      ).rows,
  });
  const transaction = <T>(body: (tx: Queries) => Promise<T>) =>
    unlessDeadlocked(() => inTransaction(pool, (client) => body(queriesOn(client))));
  try {
    const ledgerId = (await readMeta(queriesOn(pool))) ?? (await transaction((tx) => migrate(tx)));
    return { ...queriesOn(pool), ledgerId, transaction, close: () => pool.end() };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

const deadlocked = "40P01";
const triesMost = 5;

const wasDeadlocked = (thrown: unknown): boolean =>
  thrown instanceof Error && (thrown.cause as { readonly code?: unknown } | undefined)?.code === deadlocked;

/** Of two that wait for each other the database ends one, and nothing of it happened: it is simply its turn again. */
async function unlessDeadlocked<T>(transaction: () => Promise<T>): Promise<T> {
  for (let tries = 1; tries < triesMost; tries++) {
    try {
      return await transaction();
    } catch (thrown) {
      if (!wasDeadlocked(thrown)) throw thrown;
    }
  }
  return transaction();
}

async function inTransaction<T>(pool: pg.Pool, body: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await inOurWords(() => pool.connect());
  let broken: Error | undefined;
  // A connection cut between two queries says so by an event, which would end the process if nobody listened.
  const onCut = (error: Error) => {
    broken = error;
  };
  client.on("error", onCut);
  try {
    await inOurWords(() => client.query("begin"));
    const result = await body(client);
    await inOurWords(() => client.query("commit"));
    return result;
  } catch (error) {
    await client.query("rollback").catch(onCut);
    throw error;
  } finally {
    client.off("error", onCut);
    client.release(broken);
  }
}

interface Meta {
  readonly ledger_id: string;
  readonly version: number;
  /** Not there before version 3: then only who knows its version may work on it. */
  readonly requires?: number;
}

/** The ledger's id, where its tables are as this Sluice wants them, or have more than it knows of. */
async function readMeta(queries: Queries): Promise<string | undefined> {
  const [found] = await queries.rows<{ readonly is: string | null }>(
    "select to_regclass($name$$schema.meta$name$)::text as is",
  );
  if (!found?.is) return undefined;
  const [meta] = await queries.rows<Meta>("select * from $schema.meta");
  refuseNewer(meta);
  return meta && meta.version >= ledgerVersion ? meta.ledger_id : undefined;
}

/** One process migrates; the others wait for it and find the work done. */
async function migrate(tx: Queries): Promise<string> {
  await tx.rows("select pg_advisory_xact_lock($1)", [migrationLock]);
  await tx.rows("create schema if not exists $schema");
  await tx.rows("create table if not exists $schema.meta (ledger_id uuid not null, version integer not null)");
  const [meta] = await tx.rows<Meta>("select * from $schema.meta");
  refuseNewer(meta);
  if (!meta) await tx.rows("insert into $schema.meta (ledger_id, version) values ($1, 0)", [randomUUID()]);
  for (const migration of migrations.slice(meta?.version ?? 0)) await tx.rows(migration);
  const [now] = await tx.rows<{ readonly ledger_id: string }>(
    "update $schema.meta set version = greatest(version, $1), requires = greatest(requires, $2) returning ledger_id",
    [ledgerVersion, ledgerRequires],
  );
  return (now as { readonly ledger_id: string }).ledger_id;
}

function refuseNewer(meta: Meta | undefined): void {
  if (meta && (meta.requires ?? meta.version) > ledgerVersion) throw newer(meta.version);
}

const newer = (version: number): SluiceError =>
  new SluiceError({
    code: "LEDGER_NEWER",
    remedy: "operator",
    at: "ledger",
    message: `The ledger's tables have version ${version}; this Sluice knows versions up to ${ledgerVersion}. Nothing was touched.`,
    hint: "Use the Sluice that wrote it, or a later one. To see yours: sluice --version",
  });
