// The shop's migrations: `node migrate.mjs pending` lists what is not applied yet, one JSON line { id, sql } each;
// `node migrate.mjs up` applies it. A file `0003_x.postgres.sql` counts for PostgreSQL only, `0003_x.sql` for both.
// A migration is one transaction, unless it begins with `-- no-transaction`: then every statement stands alone, and
// what was done before a failing one stays. Exit code 1 and the reason on stderr when one fails.
import { readdirSync, readFileSync } from "node:fs";
import { openDatabase } from "./db.mjs";

const folder = new URL("./migrations/", import.meta.url);

/** The release's migrations for one kind of database, in order: { id, sql, transactional }. */
function migrationsFor(kind) {
  return readdirSync(folder)
    .map((file) => ({ file, parts: /^(\d{4}_\w+)(?:\.(postgres|sqlite))?\.sql$/.exec(file) }))
    .filter(({ parts }) => parts && (!parts[2] || parts[2] === kind))
    .sort((a, b) => (a.file < b.file ? -1 : 1))
    .map(({ file, parts }) => {
      const sql = readFileSync(new URL(file, folder), "utf8");
      return { id: parts[1], sql, transactional: !sql.startsWith("-- no-transaction") };
    });
}

/** Splits at the semicolons that end statements, not at those in texts or comments; drops comment lines. */
function statementsOf(sql) {
  const tokens = sql.match(/'(?:[^']|'')*'|--[^\n]*|;|[^';-]+|-/g) ?? [];
  const statements = [""];
  for (const token of tokens) {
    if (token === ";") statements.push("");
    else if (!token.startsWith("--")) statements[statements.length - 1] += token;
  }
  return statements.map((text) => text.trim()).filter((text) => text !== "");
}

async function pendingIn(database, query) {
  const catalogue = database.kind === "postgres" ? "pg_tables" : "sqlite_master";
  const column = database.kind === "postgres" ? "tablename" : "name";
  const [table] = await query(`SELECT 1 AS found FROM ${catalogue} WHERE ${column} = 'schema_migrations'`);
  const applied = table ? await query("SELECT id FROM schema_migrations") : [];
  const ids = new Set(applied.map((row) => row.id));
  return migrationsFor(database.kind).filter((migration) => !ids.has(migration.id));
}

async function applyAll(database, query) {
  if (database.kind === "postgres") {
    // Rather fail than make every request queue behind a lock that does not come.
    await query("SET lock_timeout = '5s'");
    // One migrator at a time; the server frees this when the connection ends, however it ends.
    await query("SELECT pg_advisory_lock(7263501)");
  }
  await query("CREATE TABLE IF NOT EXISTS schema_migrations (id TEXT PRIMARY KEY, applied_at_ms BIGINT NOT NULL)");
  const pending = await pendingIn(database, query);
  for (const migration of pending) await applyOne(query, migration);
  console.log(pending.length === 0 ? "nothing to migrate" : `${pending.length} applied`);
}

async function applyOne(query, migration) {
  const { id, transactional } = migration;
  if (!transactional) await runStatements(query, migration);
  else await inTransaction(query, () => runStatements(query, migration));
  console.log(`${id} applied`);
}

async function runStatements(query, { id, sql, transactional }) {
  const statements = statementsOf(sql);
  for (const [index, statement] of statements.entries()) {
    const place = `${index + 1}/${statements.length}`;
    console.log(`${id} ${place}: ${statement.replaceAll(/\s+/g, " ").slice(0, 60)}`);
    await query(statement).catch((error) => {
      const left = transactional ? "Nothing of it was kept." : `The ${index} before it stay: it is not a transaction.`;
      throw new Error(`${id} failed at statement ${place}: ${error.message}. ${left}`);
    });
  }
  await query("INSERT INTO schema_migrations (id, applied_at_ms) VALUES (?, ?)", [id, Date.now()]);
}

async function inTransaction(query, work) {
  await query("BEGIN");
  try {
    await work();
    await query("COMMIT");
  } catch (error) {
    await query("ROLLBACK");
    throw error;
  }
}

async function main(command) {
  const database = openDatabase();
  try {
    if (command === "up") await database.onOneConnection((query) => applyAll(database, query));
    else for (const { id, sql } of await pendingIn(database, database.query)) console.log(JSON.stringify({ id, sql }));
  } finally {
    await database.close();
  }
}

const command = process.argv[2];
if (command !== "pending" && command !== "up") {
  console.error("usage: node migrate.mjs pending|up");
  process.exit(2);
}
try {
  await main(command);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
