/**
 * What must be known beside the rows to restore a dump years later: which server it was, how far its log had come, its
 * extensions and collations, its roles. What this user may not learn is named as missing; it never stops a backup.
 */
import type { SnapshotFacts } from "../../domain/backup.ts";
import { runCommand } from "../run-command.ts";
import type { Connection, Session } from "./connection.ts";
import { tolerated } from "./facts.ts";
import type { Tools } from "./tools.ts";

type Named = readonly { readonly name: string; readonly version: string }[];

/** Inside the dump's snapshot. */
export async function readSnapshotFacts(session: Session): Promise<Omit<SnapshotFacts, "clientVersion" | "roles">> {
  const missing: string[] = [];
  const learnt = async <Row extends object>(what: string, text: string): Promise<readonly Row[]> => {
    const found = await tolerated<Row>(session, text);
    if ("rows" in found) return found.rows;
    missing.push(`${what}: ${found.reason}`);
    return [];
  };
  const [log] = await learnt<{ lsn: string }>("log position", logPosition);
  const [system] = await learnt<{ id: string }>(
    "system identifier",
    "SELECT system_identifier::text AS id FROM pg_control_system()",
  );
  const [large] = await learnt<{ count: string }>(
    "large objects",
    "SELECT count(*)::text AS count FROM pg_largeobject_metadata",
  );
  return {
    lsn: log?.lsn ?? null,
    systemIdentifier: system?.id ?? null,
    extensions: (await learnt("extensions", extensions)) as Named,
    collations: (await learnt("collations", collations)) as Named,
    largeObjects: Number(large?.count ?? 0),
    missing,
  };
}

const logPosition =
  "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS lsn";
const extensions = "SELECT extname AS name, extversion AS version FROM pg_extension ORDER BY 1";
/** The database's own and those that columns name. As JSON, since older majors lack the column. */
const collations = `
  SELECT d.datcollate AS name, to_jsonb(d)->>'datcollversion' AS version FROM pg_database d
  WHERE d.datname = current_database() AND to_jsonb(d)->>'datcollversion' IS NOT NULL
  UNION
  SELECT c.collname, c.collversion FROM pg_collation c
  WHERE c.collversion IS NOT NULL AND c.oid IN (SELECT attcollation FROM pg_attribute WHERE attrelid >= 16384)
  ORDER BY 1`;

/**
 * The server's roles as statements. They do not lie in the dump, and without them its grants cannot be restored. Passwords are
 * left out, and so are settings of roles: applications keep secrets there.
 */
export async function readRoles(
  connection: Connection,
  tools: Tools,
  signal: AbortSignal,
): Promise<{ readonly statements: readonly string[] | null; readonly missing: readonly string[] }> {
  const statements: string[] = [];
  const argv = [tools.pgDumpAll, "--roles-only", "--no-role-passwords", "--no-password"];
  try {
    const result = await runCommand({
      argv,
      env: connection.environmentOf(connection.database),
      signal,
      onLine: (line, stream) => {
        if (stream === "stdout" && roleStatement.test(line)) statements.push(line);
      },
    });
    if (result.exitCode === 0) return { statements, missing: [] };
    return { statements: null, missing: [`roles: ${result.stderrTail.split("\n").at(-1) ?? "pg_dumpall failed"}`] };
  } catch (error) {
    signal.throwIfAborted();
    return { statements: null, missing: [`roles: ${error instanceof Error ? error.message : String(error)}`] };
  }
}

const roleStatement = /^(?:CREATE ROLE |ALTER ROLE \S+ WITH |GRANT )/;
