/**
 * The entry of a child process that reads one SQLite file. SQLite works synchronously: counting or checking a large file
 * in Sluice's own process would stop its heartbeats, and a call in progress cannot be cut off. A child can be killed, and a
 * damaged file that crashes SQLite takes only the child with it.
 *
 * Arguments: `settle <file>` (what lies in its log goes into the file; fails where anybody else has it open), `facts <file>`, `copy <file> <to>` (a consistent copy, then its facts), `check <file>` (integrity, then facts).
 * The last two hash the rows of every table, and the schema as the table `(schema)`.
 * Prints one JSON line per table, `{"table","rows","hash"}`, and `{"serverVersion","sizeBytes"}` last. Exit code 0 means all of it.
 */
import { createHash, type Hash } from "node:crypto";
import { backup, DatabaseSync } from "node:sqlite";

/** How long to wait for a writer, in milliseconds. */
const busyTimeoutMs = 10_000;
/** All pages in one step: a copy in several steps starts again whenever another process writes in between. */
const allPages = 2 ** 31 - 1;

const [command, file = "", to = ""] = process.argv.slice(2);

const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const open = (path: string): DatabaseSync => new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });

function printFacts(path: string, withHashes: boolean): void {
  const database = open(path);
  try {
    database.exec("BEGIN");
    for (const name of tablesOf(database)) {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      if (withHashes) print({ table: name, ...hashed(database, `SELECT * FROM ${quoted}`) });
      else print({ table: name, rows: Number(database.prepare(`SELECT count(*) AS rows FROM ${quoted}`).get()?.rows) });
    }
    if (withHashes)
      print({ table: "(schema)", ...hashed(database, "SELECT type, name, tbl_name, sql FROM sqlite_schema") });
    const facts = database
      .prepare(
        "SELECT sqlite_version() AS version, (SELECT page_count FROM pragma_page_count) * page_size AS size FROM pragma_page_size",
      )
      .get();
    print({ serverVersion: facts?.version, sizeBytes: Number(facts?.size) });
  } finally {
    database.close();
  }
}

/** The hashes of single rows added up: the order in which they lie does not matter, and a doubled row does. */
function hashed(database: DatabaseSync, query: string): { readonly rows: number; readonly hash: string } {
  const statement = database.prepare(query);
  // A number cannot hold every integer of SQLite.
  statement.setReadBigInts(true);
  let [rows, sum] = [0, 0n];
  for (const row of statement.iterate()) {
    const hash = createHash("sha256");
    for (const value of Object.values(row)) addValue(hash, value);
    sum = BigInt.asUintN(128, sum + BigInt(`0x${hash.digest("hex").slice(0, 32)}`));
    rows++;
  }
  return { rows, hash: sum.toString(16) };
}

/** Type and length first, so that no two rows are written alike. */
function addValue(hash: Hash, value: unknown): void {
  const bytes = value instanceof Uint8Array ? value : Buffer.from(String(value));
  hash.update(`${value === null ? "null" : value instanceof Uint8Array ? "blob" : typeof value} ${bytes.length}:`);
  hash.update(bytes);
}

/** Tables with rows of their own. A virtual table keeps its rows in shadow tables, and its module may not be loaded here. */
function tablesOf(database: DatabaseSync): readonly string[] {
  const rows = database.prepare(
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
  );
  return rows.all().map((row) => String(row.name));
}

function checkIntegrity(path: string): void {
  const database = open(path);
  try {
    const findings = database
      .prepare("PRAGMA integrity_check(10)")
      .all()
      .map((row) => String(row.integrity_check));
    if (findings.join() !== "ok") throw new Error(`integrity_check: ${findings.join("; ")}`);
  } finally {
    database.close();
  }
}

async function copy(from: string, path: string): Promise<void> {
  const database = open(from);
  try {
    await backup(database, path, { rate: allPages });
  } finally {
    database.close();
  }
}

/** A log left beside a file of the same name would be replayed into it. Only the last one who has it open can do that. */
function settle(path: string): void {
  const database = new DatabaseSync(path, { timeout: 2_000 });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    const mode = database.prepare("PRAGMA journal_mode = DELETE").get()?.journal_mode;
    if (mode !== "delete") throw new Error("another process has the file open");
    database.exec("BEGIN EXCLUSIVE; COMMIT");
  } finally {
    database.close();
  }
}

try {
  if (command === "settle") settle(file);
  if (command === "copy") await copy(file, to);
  if (command === "check") checkIntegrity(file);
  printFacts(command === "copy" ? to : file, command !== "facts");
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
