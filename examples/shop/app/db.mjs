// The shop's one door to its database. Services write portable SQL with `?` placeholders; here it becomes what
// PostgreSQL or SQLite wants. A statement that fails throws the engine's own error.
import { createRequire } from "node:module";

/** Opens `postgresql://…` or `sqlite:<file>`; gives { kind, query(sql, values) → rows, close() }. */
export function openDatabase(url = process.env.SHOP_DATABASE_URL) {
  if (!url) throw new Error("The setting SHOP_DATABASE_URL is missing.");
  if (/^postgres(ql)?:/.test(url)) return openPostgres(url);
  if (url.startsWith("sqlite:")) return openSqlite(url.slice("sqlite:".length).replace(/^\/\//, ""));
  throw new Error("SHOP_DATABASE_URL must begin with postgresql: or sqlite:");
}

function openPostgres(url) {
  const { Pool } = createRequire(import.meta.url)(process.env.SHOP_PG_MODULE || "pg");
  const pool = new Pool({ connectionString: url, max: 5, connectionTimeoutMillis: 5_000 });
  // An idle connection that the server closes must not end the process; the next query opens another.
  pool.on("error", (error) => console.error(`database connection lost: ${error.message}`));
  return {
    kind: "postgres",
    query: async (sql, values = []) => (await pool.query(numbered(sql), values)).rows,
    /** Runs `work` with a query function bound to one connection. */
    onOneConnection: async (work) => {
      const client = await pool.connect();
      try {
        return await work(async (sql, values = []) => (await client.query(numbered(sql), values)).rows);
      } finally {
        client.release();
      }
    },
    close: () => pool.end(),
  };
}

function openSqlite(file) {
  const { DatabaseSync } = createRequire(import.meta.url)("node:sqlite");
  const database = new DatabaseSync(file, { timeout: 5_000 });
  // Readers go on while a migration writes.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;");
  const statements = new Map();
  const query = async (sql, values = []) => {
    if (!statements.has(sql)) statements.set(sql, database.prepare(sql));
    return statements.get(sql).all(...values);
  };
  return { kind: "sqlite", query, onOneConnection: (work) => work(query), close: async () => database.close() };
}

/** `a = ? AND b = ?` → `a = $1 AND b = $2`. The shop's SQL has no question marks in its texts. */
function numbered(sql) {
  let count = 0;
  return sql.replaceAll("?", () => `$${++count}`);
}
