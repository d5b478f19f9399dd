/**
 * The entry of a child process that reads one SQLite file. SQLite works synchronously: counting or checking a large file
 * in Sluice's own process would stop its heartbeats, and a call in progress cannot be cut off. A child can be killed, and a
 * damaged file that crashes SQLite takes only the child with it.
 *
 * Arguments: `facts <file>`, `copy <file> <to>` (a consistent copy, then its facts), `check <file>` (integrity, then facts).
 * Prints one JSON line per table, `{"table","rows"}`, and `{"serverVersion","sizeBytes"}` last. Exit code 0 means all of it.
 */
import { backup, DatabaseSync } from "node:sqlite";

/** How long to wait for a writer, in milliseconds. */
const busyTimeoutMs = 10_000;
/** All pages in one step: a copy in several steps starts again whenever another process writes in between. */
const allPages = 2 ** 31 - 1;

const [command, file = "", to = ""] = process.argv.slice(2);

const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const open = (path: string): DatabaseSync => new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });

function printFacts(path: string): void {
  const database = open(path);
  try {
    database.exec("BEGIN");
    for (const name of tablesOf(database)) {
      const count = database.prepare(`SELECT count(*) AS rows FROM "${name.replaceAll('"', '""')}"`).get();
      print({ table: name, rows: Number(count?.rows) });
    }
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

try {
  if (command === "copy") await copy(file, to);
  if (command === "check") checkIntegrity(file);
  printFacts(command === "copy" ? to : file);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
