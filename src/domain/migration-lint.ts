/**
 * Finds migrations that would break the version still serving (M4), before they run. During a canary two versions use one
 * schema, so each statement is judged by what it does to the *present* code; locks come second.
 *
 * What this is not: a grammar of PostgreSQL or SQLite. It reads tokens and matches the statements' beginnings; a real parser
 * comes later. It therefore errs on one side: a statement that it does not know is "cannot-analyse", never harmless. What it
 * does not see: how large a table is, volatile defaults, what functions do, whether the code really uses a column.
 */
import { type MigrationRule, migrationRules } from "./migration-rules.ts";
import { parenthesisStep, readSql, type SqlDialect, type SqlStatement } from "./sql-statements.ts";

export interface MigrationText {
  readonly id: string;
  /** Absent where the tool does not show it. */
  readonly sql?: string;
}

export interface MigrationFinding {
  readonly rule: MigrationRule;
  readonly migration: string;
  /** In one line, at most 120 characters. */
  readonly statement: string;
  readonly reason: string;
  readonly recipe: readonly string[];
  readonly severity: "block" | "warn";
}

/**
 * `expand` only adds; `data` changes rows; `contract` takes something away, or may (what cannot be analysed). A contract set
 * is refused while a version that needs the former schema is inside its rollback window.
 */
export type MigrationClass = "expand" | "data" | "contract";

export interface MigrationReport {
  readonly class: MigrationClass;
  readonly findings: readonly MigrationFinding[];
}

/** Judges a set of pending migrations in the order of their application. */
export function lintMigrations(migrations: readonly MigrationText[], dialect: SqlDialect): MigrationReport {
  // Tables made by this very set: the version that serves now does not know them, so nothing done to them can break it.
  const created = new Set<string>();
  const reports = migrations.map((migration) => lintOne(migration, created, dialect));
  const findings = reports.flatMap((report) => report.findings);
  const contracts = findings.some((finding) => finding.severity === "block");
  const changesRows = reports.some((report) => report.changesRows);
  return { class: contracts ? "contract" : changesRows ? "data" : "expand", findings };
}

function lintOne(migration: MigrationText, created: Set<string>, dialect: SqlDialect) {
  if (migration.sql === undefined) return notAnalysed(migration, "its tool does not show its statements");
  const reading = readSql(migration.sql, dialect);
  if (reading.kind === "fault") return notAnalysed(migration, reading.fault);
  const findings: MigrationFinding[] = [];
  for (const { canonical, text } of reading.statements) {
    const rules = rulesBrokenBy(canonical, created, dialect);
    findings.push(...rules.map((rule) => findingOf(rule, migration.id, text)));
    noteCreated(canonical, created);
  }
  return { findings, changesRows: reading.statements.some(writesRows) };
}

function notAnalysed(migration: MigrationText, fault: string) {
  const finding = findingOf("cannot-analyse", migration.id, migration.sql ?? "");
  return { findings: [{ ...finding, reason: `It cannot be analysed: ${fault}.` }], changesRows: false };
}

function findingOf(rule: MigrationRule, migration: string, text: string): MigrationFinding {
  const line = text.replace(/\s+/g, " ").trim();
  const statement = line.length > 120 ? `${line.slice(0, 119)}…` : line;
  return { rule, migration, statement, ...migrationRules[rule] };
}

const writesRows = ({ canonical }: SqlStatement): boolean =>
  /^(INSERT|UPDATE|DELETE|REPLACE|MERGE|COPY|WITH|SELECT|TRUNCATE)\b/.test(canonical);

// In the canonical form a name is one token, or several joined by " . ".
const part = String.raw`(?:"[^" ]*"|[\w$%\u0080-\uffff]+)`;
const name = String.raw`${part}(?: \. ${part})*`;

const pattern = (text: string): RegExp => new RegExp(text.replaceAll("NAME", name), "u");

const createTable = pattern("^CREATE (?:(?:GLOBAL |LOCAL )?(?:TEMP|TEMPORARY) |UNLOGGED )?TABLE (NAME)");

function noteCreated(canonical: string, created: Set<string>): void {
  // IF NOT EXISTS may find a table that is there already.
  const table = createTable.exec(canonical)?.[1];
  if (table !== undefined && !canonical.includes(" TABLE IF NOT EXISTS ")) created.add(identity(table));
}

/** `users`, `USERS` and `"users"` are one table; `"Users"` is another. */
const identity = (table: string): string =>
  table.replace(
    /"([^"]*)"|([^" ]+)/gu,
    (_all, quoted?: string, plain?: string) => quoted ?? plain?.toLowerCase() ?? "",
  );

interface Rule {
  readonly matches: RegExp;
  /** null: known, and no harm in it. */
  readonly rule: MigrationRule | null;
  readonly only?: SqlDialect;
}

/** The first that matches counts. The first group, where there is one, is the table concerned. */
const statementRules: readonly Rule[] = [
  { matches: pattern("^DROP TABLE (?:IF EXISTS )?(NAME)(?: CASCADE| RESTRICT)?$"), rule: "drop-table" },
  { matches: /^DROP (TABLE|FOREIGN TABLE|VIEW|MATERIALIZED VIEW|SCHEMA|DATABASE)\b/, rule: "drop-table" },
  { matches: /^DROP INDEX\b/, rule: "drop-index" },
  { matches: pattern("^DROP (?:TRIGGER|POLICY|RULE) (?:IF EXISTS )?NAME(?: ON (NAME))?"), rule: "change-behaviour" },
  { matches: /^DROP\b/, rule: "drop-object" },
  { matches: /^ALTER TYPE .* ADD VALUE\b/, rule: "enum-value" },
  { matches: /^ALTER TYPE .*\b(ADD|DROP|ALTER) ATTRIBUTE\b/, rule: "change-type" },
  { matches: /^ALTER INDEX\b/, rule: null },
  { matches: /^ALTER (?!TABLE\b).* (RENAME|SET SCHEMA)\b/, rule: "rename-object" },
  { matches: /^ALTER (SEQUENCE|SCHEMA|TYPE|MATERIALIZED VIEW|FUNCTION|VIEW|DOMAIN) .* OWNER TO\b/, rule: null },
  { matches: /^ALTER (?!TABLE\b)/, rule: "change-behaviour" },
  { matches: /^CREATE (?:UNIQUE )?INDEX CONCURRENTLY\b/, rule: null },
  { matches: pattern("^CREATE UNIQUE INDEX .*? ?ON (?:ONLY )?(NAME)"), rule: "new-constraint" },
  { matches: pattern("^CREATE INDEX .*? ?ON (?:ONLY )?(NAME)"), rule: "blocking-index", only: "postgres" },
  {
    matches: pattern(
      "^CREATE (?:OR REPLACE )?(?:CONSTRAINT |TEMP |TEMPORARY )?(?:TRIGGER|POLICY|RULE) .*? (?:ON|TO) (NAME)",
    ),
    rule: "change-behaviour",
  },
  { matches: /^CREATE OR REPLACE\b/, rule: "change-behaviour" },
  { matches: /^(CREATE|COMMENT|GRANT|SECURITY LABEL)\b/, rule: null },
  { matches: /^REVOKE\b/, rule: "change-behaviour" },
  {
    matches: pattern(
      "^TRUNCATE (?:TABLE )?(?:ONLY )?(NAME)(?: (?:RESTART IDENTITY|CONTINUE IDENTITY|CASCADE|RESTRICT))*$",
    ),
    rule: "exclusive-lock",
  },
  {
    matches: /^(TRUNCATE|CLUSTER|LOCK)\b|^VACUUM (\( )?FULL\b|^REINDEX (?!.*\bCONCURRENTLY\b)/,
    rule: "exclusive-lock",
    only: "postgres",
  },
  { matches: /^WITH\b.*\( (INSERT|UPDATE|DELETE|MERGE)\b/, rule: "cannot-analyse" },
  { matches: /^(UPDATE|DELETE|WITH)\b.* WHERE\b/, rule: null },
  { matches: pattern("^(?:UPDATE (?:OR \\w+ )?(?:ONLY )?|DELETE FROM (?:ONLY )?)(NAME)"), rule: "unbounded-write" },
  { matches: /^WITH\b.*\) (UPDATE|DELETE|MERGE)\b/, rule: "unbounded-write" },
  { matches: /^(INSERT|REPLACE|COPY|WITH|VALUES)\b/, rule: null },
  { matches: /^SELECT (PG_CATALOG \. )?(SET_CONFIG|SETVAL) \( [^()]*\)( , [\w']+)?$|^SELECT [^(]*$/, rule: null },
  { matches: /^PRAGMA (?!.*WRITABLE_SCHEMA)/, rule: null, only: "sqlite" },
  {
    matches: /^(SET|RESET|SHOW|BEGIN|START|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|ANALYZE|VACUUM|REINDEX|REFRESH)\b/,
    rule: null,
  },
];

/** The parts of an ALTER TABLE, without their table. The first that matches counts. */
const actionRules: readonly Rule[] = [
  { matches: /^(RENAME TO|SET SCHEMA)\b/, rule: "rename-table" },
  { matches: /^RENAME CONSTRAINT\b/, rule: null },
  { matches: /^RENAME\b/, rule: "rename-column" },
  { matches: /^DROP CONSTRAINT\b/, rule: "drop-constraint" },
  { matches: /^DROP\b/, rule: "drop-column" },
  { matches: /^DETACH PARTITION\b/, rule: "drop-table" },
  { matches: pattern("^ALTER (?:COLUMN )?NAME (?:SET DATA )?TYPE\\b"), rule: "change-type" },
  { matches: pattern("^ALTER (?:COLUMN )?NAME SET NOT NULL$|^ADD CONSTRAINT NAME NOT NULL\\b"), rule: "set-not-null" },
  { matches: pattern("^ALTER (?:COLUMN )?NAME DROP (?:DEFAULT|IDENTITY|EXPRESSION)\\b"), rule: "drop-default" },
  { matches: pattern("^ALTER (?:COLUMN )?NAME (?:DROP NOT NULL|SET|RESET|ADD GENERATED|RESTART)\\b"), rule: null },
  { matches: /^ALTER CONSTRAINT\b/, rule: "new-constraint" },
  { matches: /^ADD (CONSTRAINT|CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY|EXCLUDE)\b/, rule: "new-constraint" },
  {
    matches: /^ADD (?=.* (NOT NULL|PRIMARY KEY)\b)(?!.* (DEFAULT (?!NULL\b)|GENERATED\b|(SMALL|BIG)?SERIAL\d?\b))/,
    rule: "required-column",
  },
  { matches: /^ADD\b/, rule: null },
  { matches: /ROW LEVEL SECURITY$|^(ENABLE|DISABLE) /, rule: "change-behaviour" },
  { matches: /^SET (LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)\b/, rule: "exclusive-lock" },
  {
    matches: /^(OWNER TO|VALIDATE CONSTRAINT|ATTACH PARTITION|REPLICA IDENTITY|CLUSTER ON|SET \(|RESET \(|SET WITHOUT)/,
    rule: null,
  },
];

const alterTable = pattern("^ALTER (?:FOREIGN )?TABLE (?:IF EXISTS )?(?:ONLY )?(NAME)(?: \\*)? (.*)$");

function rulesBrokenBy(canonical: string, created: ReadonlySet<string>, dialect: SqlDialect): readonly MigrationRule[] {
  const [, table, actions] = alterTable.exec(canonical) ?? [];
  if (table === undefined || actions === undefined) return broken(judged(canonical), statementRules, created, dialect);
  if (created.has(identity(table))) return [];
  return [...new Set(listed(actions).flatMap((action) => broken(action, actionRules, new Set(), dialect)))];
}

function broken(
  text: string,
  rules: readonly Rule[],
  created: ReadonlySet<string>,
  dialect: SqlDialect,
): readonly MigrationRule[] {
  for (const { matches, rule, only } of rules) {
    const found = only === undefined || only === dialect ? matches.exec(text) : null;
    if (found === null) continue;
    return rule === null || created.has(identity(found[1] ?? "")) ? [] : [rule];
  }
  return ["cannot-analyse"];
}

/** A WHERE in a subquery bounds nothing: writes are judged without what stands in parentheses, unless that writes itself. */
function judged(canonical: string): string {
  if (!/^(UPDATE|DELETE|WITH)\b/.test(canonical) || /\( (INSERT|UPDATE|DELETE|MERGE)\b/.test(canonical))
    return canonical;
  let depth = 0;
  const outer: string[] = [];
  for (const token of canonical.split(" ")) {
    const outside = depth === 0;
    depth += parenthesisStep(token);
    if (outside || depth === 0) outer.push(token);
  }
  return outer.join(" ");
}

/** Splits at the commas that stand in no parentheses. */
function listed(text: string): readonly string[] {
  const items: string[][] = [[]];
  let depth = 0;
  for (const token of text.split(" ")) {
    depth += parenthesisStep(token);
    if (token === "," && depth === 0) items.push([]);
    else items.at(-1)?.push(token);
  }
  return items.map((tokens) => tokens.join(" "));
}
