/**
 * Locks tried for before a tool runs that cannot be run again after a lock timeout (Prisma counts it as a failed migration,
 * which a person has to resolve). Whoever holds a table now is found here, where waiting and trying again cost nothing.
 */
import type { MigrationSession } from "./migration-session.ts";
import type { MigrationFile } from "./migration-tool.ts";

/** Statements that lock their table against everybody. Only a forecast: what it misses, the tool's own limit still ends. */
const lockingStatement =
  /\b(?:ALTER\s+TABLE|DROP\s+TABLE|TRUNCATE(?:\s+TABLE)?)\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?((?:"[^"]+"|[a-z_]\w*)(?:\.(?:"[^"]+"|[a-z_]\w*))?)/gi;

const withoutComments = (sql: string): string => sql.replace(/--[^\n]*/g, "").replace(/\/\*[\s\S]*?\*\//g, "");

/** What could not be locked in time, in words; undefined: everything could be. */
export async function tryLocks(
  session: MigrationSession,
  files: readonly MigrationFile[],
  lockTimeoutMs: number,
): Promise<string | undefined> {
  const named = files.flatMap(({ sql }) => [...withoutComments(sql ?? "").matchAll(lockingStatement)]);
  for (const table of new Set(named.map(([, name = ""]) => name))) {
    if (!(await canLock(session, table, lockTimeoutMs))) return `the table ${table} was locked by others`;
  }
  return undefined;
}

async function canLock(session: MigrationSession, table: string, lockTimeoutMs: number): Promise<boolean> {
  const [found] = await session.query<{ there: boolean }>(
    "SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p')) AS there",
    [table],
  );
  if (!found?.there) return true;
  await session.query("BEGIN");
  try {
    await session.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    await session.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    return true;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === "55P03") return false;
    throw error;
  } finally {
    await session.query("ROLLBACK");
  }
}
