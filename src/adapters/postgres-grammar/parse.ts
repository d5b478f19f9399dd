/**
 * One text by PostgreSQL's own grammar, compiled to WebAssembly (libpg-query). It is C code over a text that somebody else
 * wrote: what it cannot take is kept from it, and after a failure other than a syntax error it is not asked again, since a
 * stack that ran over leaves it damaged.
 */
import type { ParsedStatement, SqlNode, StatementsReading } from "../../domain/migrations/sql-tree.ts";

/** In UTF-16 units. A larger file is data rather than a migration; reading it would take seconds and hundreds of megabytes. */
export const longestText = 500_000;

export interface Parsed {
  readonly reading: StatementsReading;
  /** The library must not be used any more by this process or thread. */
  readonly damaged: boolean;
}

type Library = Pick<typeof import("libpg-query"), "parseSync" | "SqlError">;

export function parseStatements(sql: string, { parseSync, SqlError }: Library): Parsed {
  const refused = refusedUnread(sql);
  if (refused !== undefined) return { reading: { kind: "fault", fault: refused }, damaged: false };
  if (sql.trim() === "") return { reading: { kind: "read", statements: [] }, damaged: false };
  try {
    const tree: RawTree = parseSync(sql);
    return { reading: { kind: "read", statements: statementsOf(sql, tree) }, damaged: false };
  } catch (thrown) {
    if (thrown instanceof SqlError)
      return { reading: { kind: "fault", fault: syntaxFault(sql, thrown) }, damaged: false };
    return { reading: { kind: "fault", fault: "it is nested too deeply to be read" }, damaged: true };
  }
}

function refusedUnread(sql: string): string | undefined {
  if (sql.length > longestText) {
    return `it has ${sql.length.toLocaleString("en")} characters, more than the ${longestText.toLocaleString("en")} that are read`;
  }
  // The grammar takes the end of a C string: what comes after it would not be seen.
  if (sql.includes("\0")) return "a NUL character stands in it";
  return undefined;
}

interface RawTree {
  readonly stmts?: readonly { readonly stmt?: object; readonly stmt_location?: number; readonly stmt_len?: number }[];
}

/** Places count bytes of UTF-8; a length of 0 reaches to the end. */
function statementsOf(sql: string, { stmts = [] }: RawTree): readonly ParsedStatement[] {
  const bytes = Buffer.from(sql, "utf8");
  let endedAt = 0;
  return stmts.map(({ stmt = {}, stmt_location: from = 0, stmt_len: length = 0 }) => {
    const between = bytes.toString("utf8", endedAt, from);
    // What follows a statement on its own line belongs to that one.
    const comments = endedAt === 0 ? between : between.replace(/^[^\n]*\n?/, "");
    endedAt = length === 0 ? bytes.length : from + length;
    return { text: bytes.toString("utf8", from, endedAt), comments, node: stmt as SqlNode };
  });
}

function syntaxFault(
  sql: string,
  error: { message: string; sqlDetails?: { cursorPosition: number } | undefined },
): string {
  const at = error.sqlDetails?.cursorPosition;
  if (/^\s*\\/m.test(sql) && error.message.includes('"\\"')) return "a psql command stands in it";
  if (at === undefined) return error.message;
  const line = sql.slice(0, at).split("\n").length;
  return `line ${line}: ${error.message}`;
}
