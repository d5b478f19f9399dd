/**
 * What a failed migration left behind in PostgreSQL. A thing goes only in the transaction that holds the exclusive lock on its table and has
 * looked, under that lock, that it is the same thing still and that nothing is in it. What depends on it keeps it there: PostgreSQL
 * refuses (RESTRICT). The lock is waited for so shortly that the application behind it does not notice.
 */
import type { SchemaThing } from "../../domain/migrations/schema-things.ts";
import type { Secret } from "../../domain/secret.ts";
import type { SchemaCare } from "../../ports/schema-care.ts";
import { type MigrationSession, quoted, readUrl, withSession } from "../migration-session.ts";
import { shellQuoted } from "../restore-command.ts";
import { schemaQuery } from "./schema-query.ts";

export interface SchemaCareOptions {
  /** The configuration's name of the database. */
  readonly database: string;
  /** Of whoever migrates: only the owner of a table may drop it. */
  readonly url: () => Secret;
  /** The migration tool's own tables. */
  readonly toolTables: readonly string[];
}

const lockTimeoutMs = 1_000;
/** Reading rows under the lock. A larger table is left to a person. */
const readTimeoutMs = 2_000;
const largestTableBytes = 64 * 1024 * 1024;

type Row = Omit<SchemaThing, "name">;

export function postgresSchemaCare(options: SchemaCareOptions): SchemaCare {
  const inSession = <T>(signal: AbortSignal, work: (session: MigrationSession) => Promise<T>) =>
    withSession(options.database, readUrl(options.database, options.url()), signal, work);
  return {
    kind: "postgres",
    things: async (signal) => {
      const rows = await inSession(signal, (session) => session.query<Row>(schemaQuery, [options.toolTables]));
      return rows.map((row) => ({ ...row, name: row.path.at(-1) ?? "" }));
    },
    takeAway: (thing, signal) => inSession(signal, (session) => takeAway(session, thing)),
    command: (statement) => `psql "$${options.url().name}" -c ${shellQuoted(statement)}`,
  };
}

async function takeAway(session: MigrationSession, thing: SchemaThing): Promise<string | undefined> {
  const [schema = "", table = ""] = thing.path;
  await session.query("BEGIN");
  try {
    await session.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    await session.query(`SET LOCAL statement_timeout = ${readTimeoutMs}`);
    // Rows that a policy hides are rows: without this an owner under FORCE would not see them.
    await session.query("SET LOCAL row_security = off");
    if (!(await isThere(session, thing))) return undefined;
    await session.query(`LOCK TABLE ${quoted(schema, table)} IN ACCESS EXCLUSIVE MODE`);
    const inTheWay = (await isThere(session, thing)) ? await whatKeeps(session, thing) : "it is another thing by now";
    if (inTheWay !== undefined) return inTheWay;
    await session.query(dropOf(thing));
    await session.query("COMMIT");
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    // Without effect after COMMIT but a warning.
    await session.query("ROLLBACK").catch(() => undefined);
  }
}

/** The one that people are told waits for the end of others' transactions, which no transaction can. */
const dropOf = ({ drop }: SchemaThing): string => drop.replace("DROP INDEX CONCURRENTLY", "DROP INDEX");

async function isThere(session: MigrationSession, { kind, id, path }: SchemaThing): Promise<boolean> {
  const [schema = "", table = "", name = ""] = path;
  const [oid = "", number] = id.split("/");
  const relation = kind === "index" ? quoted(schema, name) : quoted(schema, table);
  const [found] = await session.query<{ there: boolean }>(
    `SELECT coalesce(to_regclass($1) = $2::oid, false) AND ($3::int IS NULL OR EXISTS (
       SELECT FROM pg_attribute WHERE attrelid = $2::oid AND attnum = $3::int AND attname = $4 AND NOT attisdropped)) AS there`,
    [relation, oid, number ?? null, name],
  );
  return found?.there === true;
}

/** Asked under the lock. */
async function whatKeeps(session: MigrationSession, thing: SchemaThing): Promise<string | undefined> {
  if (thing.kind === "index") return keepsIndex(session, thing);
  const [schema = "", table = "", column = ""] = thing.path;
  const place = quoted(schema, table);
  const [facts] = await session.query<{ plain: boolean; bytes: string }>(
    `SELECT relkind = 'r' AND NOT relispartition
              AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid OR inhrelid = c.oid) AS plain,
            pg_relation_size(c.oid)::text AS bytes
       FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [place],
  );
  if (!facts?.plain) return "its table is part of another one";
  if (thing.kind === "table") return (await any(session, `SELECT FROM ${place}`)) ? "it has rows" : undefined;
  if (Number(facts.bytes) > largestTableBytes) return "its table is too large to be read through under a lock";
  return keepsColumn(session, place, column);
}

async function keepsIndex(session: MigrationSession, { id }: SchemaThing): Promise<string | undefined> {
  const broken = await any(session, `SELECT FROM pg_index WHERE indexrelid = ${Number(id)} AND NOT indisvalid`);
  return broken ? undefined : "it works by now";
}

async function keepsColumn(session: MigrationSession, place: string, column: string): Promise<string | undefined> {
  const [facts] = await session.query<{ computed: boolean; usual: string | null }>(
    `SELECT attidentity <> '' OR attgenerated <> '' AS computed, pg_get_expr(d.adbin, d.adrelid) AS usual
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = to_regclass($1) AND a.attname = $2`,
    [place, column],
  );
  // A default with a call in it may give each row another value, or count on when it is only asked for.
  const isCall = facts?.usual?.replaceAll(/::[\w ".]+(?:\([\d, ]+\))?(?:\[\])?/g, "").includes("(");
  if (facts?.computed !== false || isCall) return "its values are computed";
  // The default is what the migration itself wrote; without one, also types that know no equality are compared.
  const other =
    facts.usual === null
      ? `num_nonnulls(${quoted(column)}) > 0`
      : `${quoted(column)} IS DISTINCT FROM (${facts.usual})`;
  return (await any(session, `SELECT FROM ${place} WHERE ${other}`)) ? "some row has a value in it" : undefined;
}

async function any(session: MigrationSession, query: string): Promise<boolean> {
  const [found] = await session.query<{ any: boolean }>(`SELECT EXISTS (${query}) AS any`);
  return found?.any !== false;
}

const reasons: Readonly<Record<string, string>> = {
  "55P03": "somebody uses its table now",
  "57014": "it cannot be read through quickly enough",
  "2BP01": "something else depends on it",
  "42501": "the database user may not do that",
};

function reasonOf(error: unknown): string {
  const code = String((error as { readonly code?: unknown }).code);
  return reasons[code] ?? `the database says: ${error instanceof Error ? error.message : String(error)}`;
}
