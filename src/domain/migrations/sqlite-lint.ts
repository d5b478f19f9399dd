/**
 * The same judgement for SQLite, by the beginnings of its statements. SQLite's grammar is another one than PostgreSQL's and
 * small: what does not match is "cannot-analyse", never harmless.
 */
import { safeSinceIn } from "./contract-window.ts";
import { findingOf, type MigrationFinding, type MigrationVerdict, unread, verdictOf } from "./finding.ts";
import type { MigrationRule } from "./rules.ts";
import { parenthesisStep, readSqlite, type SqliteStatement } from "./sqlite-statements.ts";

export interface SqliteMigration {
  readonly id: string;
  /** Absent where the tool does not show it. */
  readonly sql?: string;
}

/** Judges a set of pending migrations in the order of their application. */
export function lintSqliteMigrations(migrations: readonly SqliteMigration[]): readonly MigrationVerdict[] {
  // Tables made by this very set: the version that serves now does not know them, so nothing done to them can break it.
  const created = new Set<string>();
  return migrations.map(({ id, sql }) => {
    if (sql === undefined) return unread(id, "its tool does not show its statements");
    const reading = readSqlite(sql);
    if (reading.kind === "fault") return unread(id, reading.fault);
    const findings = reading.statements.flatMap((statement) => {
      const found = rulesBrokenBy(statement.canonical, created).map((rule) => foundIn(statement, rule, id));
      noteCreated(statement.canonical, created);
      return found;
    });
    return verdictOf(id, findings, reading.statements.some(writesRows));
  });
}

function foundIn({ text, comments }: SqliteStatement, rule: MigrationRule, migration: string): MigrationFinding {
  const finding = findingOf({ rule }, migration, text);
  const safeSince = safeSinceIn(comments);
  return safeSince === undefined ? finding : { ...finding, safeSince };
}

const writesRows = ({ canonical }: SqliteStatement): boolean =>
  /^(INSERT|UPDATE|DELETE|REPLACE|WITH|SELECT)\b/.test(canonical);

// In the canonical form a name is one token, or several joined by " . ".
const part = String.raw`(?:"[^" ]*"|[\w$%\u0080-\uffff]+)`;
const name = String.raw`${part}(?: \. ${part})*`;

const pattern = (text: string): RegExp => new RegExp(text.replaceAll("NAME", name), "u");

const createTable = pattern("^CREATE (?:(?:TEMP|TEMPORARY) |VIRTUAL )?TABLE (NAME)");

function noteCreated(canonical: string, created: Set<string>): void {
  // IF NOT EXISTS may find a table that is there already.
  const table = createTable.exec(canonical)?.[1];
  if (table !== undefined && !canonical.includes(" TABLE IF NOT EXISTS ")) created.add(identity(table));
}

/** SQLite's names are the same in any case, quoted or not. */
const identity = (table: string): string => table.replaceAll('"', "").toLowerCase();

interface Rule {
  readonly matches: RegExp;
  /** null: known, and no harm in it. */
  readonly rule: MigrationRule | null;
}

/** The first that matches counts. The first group, where there is one, is the table concerned. */
const statementRules: readonly Rule[] = [
  { matches: pattern("^DROP (?:TABLE|VIEW) (?:IF EXISTS )?(NAME)$"), rule: "drop-table" },
  { matches: pattern("^DROP INDEX (?:IF EXISTS )?NAME$"), rule: "drop-index" },
  { matches: pattern("^DROP TRIGGER (?:IF EXISTS )?NAME$"), rule: "change-behaviour" },
  { matches: pattern("^CREATE UNIQUE INDEX .*? ?ON (NAME)"), rule: "new-constraint" },
  { matches: pattern("^CREATE (?:TEMP |TEMPORARY )?TRIGGER .*? ON (NAME)"), rule: "change-behaviour" },
  { matches: /^CREATE (?!OR\b)/, rule: null },
  { matches: /^WITH\b.*\( (INSERT|UPDATE|DELETE)\b/, rule: "cannot-analyse" },
  { matches: /^(UPDATE|DELETE|WITH)\b.* WHERE\b/, rule: null },
  { matches: pattern("^(?:UPDATE (?:OR \\w+ )?|DELETE FROM )(NAME)"), rule: "unbounded-write" },
  { matches: /^WITH\b.*\) (UPDATE|DELETE)\b/, rule: "unbounded-write" },
  { matches: /^(INSERT|REPLACE|WITH|VALUES)\b/, rule: null },
  { matches: /^SELECT [^(]*$/, rule: null },
  { matches: /^PRAGMA (?!.*WRITABLE_SCHEMA)/, rule: null },
  { matches: /^(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|ANALYZE|VACUUM|REINDEX)\b/, rule: null },
];

/** What ALTER TABLE does, without its table. The first that matches counts. */
const actionRules: readonly Rule[] = [
  { matches: /^RENAME TO\b/, rule: "rename-table" },
  { matches: /^RENAME\b/, rule: "rename-column" },
  { matches: /^DROP CONSTRAINT\b/, rule: "drop-constraint" },
  { matches: /^DROP\b/, rule: "drop-column" },
  { matches: pattern("^ALTER (?:COLUMN )?NAME SET NOT NULL$"), rule: "set-not-null" },
  { matches: /^ADD (CONSTRAINT|CHECK)\b/, rule: "new-constraint" },
  {
    matches: /^ADD (?=.* (NOT NULL|PRIMARY KEY)\b)(?!.* (DEFAULT (?!NULL\b)|GENERATED\b))/,
    rule: "required-column",
  },
  { matches: /^ADD\b/, rule: null },
];

const alterTable = pattern("^ALTER TABLE (NAME) (.*)$");

function rulesBrokenBy(canonical: string, created: ReadonlySet<string>): readonly MigrationRule[] {
  const [, table, action] = alterTable.exec(canonical) ?? [];
  if (table === undefined || action === undefined) return broken(judged(canonical), statementRules, created);
  return created.has(identity(table)) ? [] : broken(action, actionRules, new Set());
}

function broken(text: string, rules: readonly Rule[], created: ReadonlySet<string>): readonly MigrationRule[] {
  for (const { matches, rule } of rules) {
    const found = matches.exec(text);
    if (found === null) continue;
    return rule === null || created.has(identity(found[1] ?? "")) ? [] : [rule];
  }
  return ["cannot-analyse"];
}

/** A WHERE in a subquery bounds nothing: writes are judged without what stands in parentheses, unless that writes itself. */
function judged(canonical: string): string {
  if (!/^(UPDATE|DELETE|WITH)\b/.test(canonical) || /\( (INSERT|UPDATE|DELETE)\b/.test(canonical)) return canonical;
  let depth = 0;
  const outer: string[] = [];
  for (const token of canonical.split(" ")) {
    const outside = depth === 0;
    depth += parenthesisStep(token);
    if (outside || depth === 0) outer.push(token);
  }
  return outer.join(" ");
}
