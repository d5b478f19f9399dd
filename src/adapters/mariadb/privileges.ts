/**
 * B1: what an account may not see is left out of its dump without a word: tables, triggers and routines of which it has no
 * right do not exist for it. So the rights are read before anything is dumped.
 */
import type { Session } from "./session.ts";

const needed = ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"] as const;

export interface Rights {
  /** What the account lacks for the whole database. */
  readonly lacking: readonly string[];
  /** What cannot be known of it, in words. */
  readonly unknown: readonly string[];
}

export async function rightsOn(session: Session, database: string): Promise<Rights> {
  const grants = (await session.query<Record<string, string>>("SHOW GRANTS")).flatMap((row) => Object.values(row));
  const held = grants.filter((grant) => covers(grant, database));
  const lacking = needed.filter((right) => !held.some((grant) => gives(grant, right)));
  // A role's rights are not listed with the account's own on MySQL.
  const byRole = lacking.length > 0 && grants.some((grant) => !/ ON \S+ TO /.test(grant));
  const routines = await session.query(seesRoutines(grants)).then(
    () => [],
    () => [
      "stored routines of other accounts: this one may not read mysql.proc, so it is not known whether there are any",
    ],
  );
  if (!byRole) return { lacking, unknown: routines };
  return { lacking: [], unknown: [`rights that come from a role: ${lacking.join(", ")}`, ...routines] };
}

/** MySQL shows routines to whoever may read everything; MariaDB to whoever may read the table they lie in. */
const seesRoutines = (grants: readonly string[]): string =>
  grants.some((grant) => covers(grant, "*") && gives(grant, "SELECT"))
    ? "SELECT 1"
    : "SELECT 1 FROM mysql.proc LIMIT 1";

const gives = (grant: string, right: string): boolean => {
  const list = /^GRANT (.*?) ON /.exec(grant)?.[1]?.split(", ") ?? [];
  return list.includes("ALL PRIVILEGES") || list.includes(right);
};

/** On everything, or on this database; its name may be a pattern, as in a LIKE. */
function covers(grant: string, database: string): boolean {
  const place = /^GRANT .*? ON (?:\*|`((?:[^`]|``)+)`)\.\* TO /.exec(grant);
  if (place === null) return false;
  const pattern = place[1];
  return pattern === undefined || matches(pattern.replaceAll("``", "`"), database);
}

function matches(pattern: string, name: string): boolean {
  const source = pattern.replaceAll(/\\([_%\\])|[_%]|[^\w]/g, (part, escaped: string | undefined) => {
    if (escaped !== undefined) return escaped === "\\" ? "\\\\" : escaped;
    if (part === "%") return ".*";
    return part === "_" ? "." : `\\${part}`;
  });
  return new RegExp(`^${source}$`, "s").test(name);
}
