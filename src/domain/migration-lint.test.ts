import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lintMigrations } from "./migration-lint.ts";
import { migrationRules } from "./migration-rules.ts";
import { readSql, type SqlDialect } from "./sql-statements.ts";

const lint = (sql: string, dialect: SqlDialect = "postgres") => lintMigrations([{ id: "1", sql }], dialect);
const rulesOf = (sql: string, dialect: SqlDialect = "postgres") => lint(sql, dialect).findings.map((one) => one.rule);

/** Statement and the one rule that it breaks; understood alike in both dialects unless one is named. */
const breaking: readonly (readonly [string, string, SqlDialect?])[] = [
  ["ALTER TABLE users DROP COLUMN email", "drop-column"],
  ["alter table only public.users drop if exists email cascade", "drop-column", "postgres"],
  ['ALTER TABLE "Users" DROP "e;mail"', "drop-column"],
  ["ALTER TABLE [Users] DROP COLUMN [e]", "drop-column", "sqlite"],
  ["ALTER TABLE `Users` RENAME `a` TO `b`", "rename-column", "sqlite"],
  ["DROP TABLE users", "drop-table"],
  ["DROP TABLE IF EXISTS a, b CASCADE", "drop-table", "postgres"],
  ["DROP VIEW active_users", "drop-table"],
  ["DROP SCHEMA shop CASCADE", "drop-table", "postgres"],
  ["ALTER TABLE events DETACH PARTITION events_2020", "drop-table", "postgres"],
  ["DROP FUNCTION total(int)", "drop-object", "postgres"],
  ["DROP TYPE mood", "drop-object", "postgres"],
  ["ALTER TABLE users RENAME TO people", "rename-table"],
  ["ALTER TABLE users SET SCHEMA archive", "rename-table", "postgres"],
  ["ALTER TABLE users RENAME COLUMN a TO b", "rename-column"],
  ["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "rename-object", "postgres"],
  ["ALTER VIEW v RENAME TO w", "rename-object", "postgres"],
  ["ALTER TABLE users ADD COLUMN age int NOT NULL", "required-column"],
  ["ALTER TABLE users ADD age int NOT NULL DEFAULT NULL", "required-column"],
  ["ALTER TABLE users ADD COLUMN IF NOT EXISTS k uuid PRIMARY KEY", "required-column", "postgres"],
  ["ALTER TABLE users ADD COLUMN note text DEFAULT 'x', ADD COLUMN age int NOT NULL", "required-column", "postgres"],
  ["ALTER TABLE users ALTER COLUMN age SET NOT NULL", "set-not-null", "postgres"],
  ["ALTER TABLE users ADD CONSTRAINT n NOT NULL age", "set-not-null", "postgres"],
  ["ALTER TABLE users ALTER age DROP DEFAULT", "drop-default", "postgres"],
  ["ALTER TABLE users ALTER id DROP IDENTITY IF EXISTS", "drop-default", "postgres"],
  ["ALTER TABLE users ALTER COLUMN age TYPE numeric(10, 2) USING age::numeric(10, 2)", "change-type", "postgres"],
  ["ALTER TABLE users ALTER age SET DATA TYPE bigint", "change-type", "postgres"],
  ["ALTER TABLE users ADD CONSTRAINT c CHECK (age > 0) NOT VALID", "new-constraint", "postgres"],
  ["ALTER TABLE users ADD UNIQUE (email, tenant)", "new-constraint", "postgres"],
  ["CREATE UNIQUE INDEX users_email ON users (email)", "new-constraint"],
  ["ALTER TABLE users DROP CONSTRAINT users_email_key", "drop-constraint", "postgres"],
  ["ALTER TYPE mood ADD VALUE 'calm'", "enum-value", "postgres"],
  [
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; DROP TABLE t $$",
    "change-behaviour",
    "postgres",
  ],
  ["CREATE TRIGGER t AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION f()", "change-behaviour", "postgres"],
  [
    "CREATE TRIGGER t AFTER INSERT ON users BEGIN UPDATE s SET n = CASE WHEN 1 THEN 2 END; DELETE FROM z; END",
    "change-behaviour",
    "sqlite",
  ],
  ["ALTER TABLE users ENABLE ROW LEVEL SECURITY", "change-behaviour", "postgres"],
  ["REVOKE SELECT ON users FROM app", "change-behaviour", "postgres"],
  ["CREATE INDEX users_email ON users (lower(email))", "blocking-index", "postgres"],
  ["DROP INDEX users_email", "drop-index"],
  ["UPDATE users SET active = true", "unbounded-write"],
  ["UPDATE users SET n = (SELECT count(*) FROM orders WHERE orders.user_id = users.id)", "unbounded-write"],
  ["WITH old AS (SELECT id FROM users WHERE age > 9) DELETE FROM users", "unbounded-write"],
  ["DELETE FROM users", "unbounded-write"],
  ["TRUNCATE users", "exclusive-lock", "postgres"],
  ["VACUUM FULL users", "exclusive-lock", "postgres"],
  ["LOCK TABLE users", "exclusive-lock", "postgres"],
  ["DO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$", "cannot-analyse", "postgres"],
  ["CALL clean_up()", "cannot-analyse"],
  ["SELECT drop_everything()", "cannot-analyse"],
  ["WITH gone AS (DELETE FROM users RETURNING *) INSERT INTO archive SELECT * FROM gone", "cannot-analyse", "postgres"],
  ["PRAGMA writable_schema = 1", "cannot-analyse", "sqlite"],
  ["ALTER TABLE users FROBNICATE", "cannot-analyse"],
  ["\\connect other", "cannot-analyse", "postgres"],
  ["DROP TABLE users /* and no end", "cannot-analyse"],
  ["INSERT INTO t VALUES ('no end", "cannot-analyse"],
  ["SELECT $body$ no end", "cannot-analyse", "postgres"],
  ["CREATE TABLE t (a int", "cannot-analyse"],
  ["CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM z;", "cannot-analyse", "sqlite"],
];

const harmless: readonly (readonly [string, SqlDialect?])[] = [
  [""],
  ["-- DROP TABLE users;\n/* ALTER TABLE users DROP COLUMN email; */"],
  ["CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL, b int REFERENCES users (id))"],
  ["ALTER TABLE users ADD COLUMN age int"],
  ["ALTER TABLE users ADD COLUMN age int NOT NULL DEFAULT 0"],
  ["ALTER TABLE users ADD COLUMN n bigserial NOT NULL", "postgres"],
  ["ALTER TABLE users ADD COLUMN full_name text GENERATED ALWAYS AS (a || b) STORED NOT NULL", "postgres"],
  ["ALTER TABLE users ALTER COLUMN age DROP NOT NULL, ALTER age SET DEFAULT 1", "postgres"],
  ["ALTER TABLE users VALIDATE CONSTRAINT c", "postgres"],
  ["CREATE INDEX CONCURRENTLY i ON users (email)", "postgres"],
  ["CREATE INDEX i ON users (email)", "sqlite"],
  ["CREATE TYPE mood AS ENUM ('drop table x;', 'it''s')", "postgres"],
  [String.raw`INSERT INTO t VALUES (E'it\'s; DROP TABLE users; --')`, "postgres"],
  ["COMMENT ON TABLE users IS 'DROP TABLE \"users\"'", "postgres"],
  ["UPDATE users SET active = true WHERE id < 100"],
  ["SELECT pg_catalog.set_config('search_path', '', false); SET lock_timeout = '2s'", "postgres"],
  ["BEGIN; CREATE TABLE t (a int); COMMIT"],
  [
    "CREATE TABLE t (a int); CREATE INDEX i ON t (a); ALTER TABLE t ADD b int NOT NULL; UPDATE t SET a = 1; DROP TABLE T",
  ],
  ["PRAGMA foreign_keys = OFF", "sqlite"],
];

describe("migration lint", () => {
  test.each(breaking.map(([sql, rule, only]) => ({ sql, rule, only })))(
    "M4 finds the danger in: $sql",
    ({ sql, rule, only }) => {
      for (const dialect of only === undefined ? (["postgres", "sqlite"] as const) : [only]) {
        expect(rulesOf(sql, dialect), dialect).toEqual([rule]);
      }
    },
  );

  test.each(harmless.map(([sql, only]) => ({ sql, only })))("M4 lets pass: $sql", ({ sql, only }) => {
    for (const dialect of only === undefined ? (["postgres", "sqlite"] as const) : [only]) {
      expect(rulesOf(sql, dialect), dialect).toEqual([]);
    }
  });

  test("M4 every rule is proven by a statement that breaks it", () => {
    expect(new Set(breaking.map(([, rule]) => rule))).toEqual(new Set(Object.keys(migrationRules)));
  });

  test("M4 a finding names its migration and statement, why, and how to do it in steps", () => {
    const [finding] = lintMigrations(
      [
        { id: "20260101_add", sql: "CREATE TABLE t (a int);" },
        { id: "20260102_drop", sql: `ALTER TABLE users\n  DROP COLUMN email${" ".repeat(3)}; SELECT 1` },
      ],
      "postgres",
    ).findings;

    expect(finding).toMatchObject({
      migration: "20260102_drop",
      statement: "ALTER TABLE users DROP COLUMN email",
      severity: "block",
    });
    expect(finding?.reason).toContain("version that serves now");
    expect(finding?.recipe.length).toBeGreaterThan(1);
  });

  test("M4 a long statement is shortened", () => {
    expect(lint(`DROP TABLE ${"x".repeat(500)}`).findings[0]?.statement).toHaveLength(120);
  });

  test("M4 a table made in the same set may be changed, one that may be there already may not", () => {
    expect(
      lintMigrations(
        [
          { id: "1", sql: 'CREATE TABLE "T" (a int)' },
          { id: "2", sql: 'DROP TABLE "T"' },
        ],
        "postgres",
      ).findings,
    ).toEqual([]);
    expect(rulesOf('CREATE TABLE "T" (a int); DROP TABLE t')).toEqual(["drop-table"]);
    expect(rulesOf("CREATE TABLE IF NOT EXISTS t (a int); ALTER TABLE t DROP a")).toEqual(["drop-column"]);
    expect(rulesOf("DROP TABLE t; CREATE TABLE t (a int)")).toEqual(["drop-table"]);
  });

  test("M4 a migration whose statements are not shown is not taken for harmless", () => {
    const report = lintMigrations([{ id: "1" }], "postgres");

    expect(report.class).toBe("contract");
    expect(report.findings[0]).toMatchObject({ rule: "cannot-analyse", severity: "block" });
    expect(report.findings[0]?.reason).toContain("does not show");
  });

  test.each([
    ["expand", "CREATE TABLE t (a int); CREATE INDEX i ON users (a)"],
    ["data", "INSERT INTO t VALUES (1)"],
    ["contract", "INSERT INTO t VALUES (1); ALTER TABLE users DROP COLUMN email"],
  ])("M4 classes a set as %s", (expected, sql) => {
    expect(lint(sql).class).toBe(expected);
  });

  test("M4 a comment inside a comment hides nothing in either dialect", () => {
    const sql = "/* /* */ DROP TABLE users; -- */";

    expect(rulesOf(sql, "sqlite")).toEqual(["drop-table"]);
    expect(rulesOf(sql, "postgres")).toEqual([]);
  });

  test("M4 case, blanks and comments between words change no verdict", () => {
    const between = fc.constantFrom(" ", "\n", "\t ", " /* ; ' */ ", " -- DROP ' \n");
    const plain = breaking.filter(([sql, , only]) => only !== "sqlite" && !/['"$\\[`*]/.test(sql));
    fc.assert(
      fc.property(
        fc.constantFrom(...plain),
        fc.array(between, { minLength: 40, maxLength: 40 }),
        fc.boolean(),
        ([sql, rule], gaps, lower) => {
          const cased = lower ? sql.toLowerCase() : sql;
          const written = cased
            .split(" ")
            .map((word, index) => word + (gaps[index % gaps.length] ?? " "))
            .join("");
          expect(rulesOf(written)).toEqual([rule]);
        },
      ),
    );
  });

  test("M4 whatever stands in a string is never taken for a statement", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(rulesOf(`INSERT INTO t VALUES ('${text.replaceAll("'", "''")}')`)).toEqual([]);
        expect(rulesOf(`INSERT INTO t VALUES ($q$${text.replaceAll("$", "")}$q$)`)).toEqual([]);
      }),
    );
  });

  test("M4 any text at all is read or refused, never a crash", () => {
    const pieces = fc.constantFrom(
      "'",
      '"',
      "$$",
      "$a$",
      "/*",
      "*/",
      "--",
      "\n",
      "(",
      ")",
      ";",
      "BEGIN",
      "END",
      "CREATE TRIGGER",
      "[",
      "`",
      "E'",
      "\\",
      " ",
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }),
        fc.constantFrom("postgres" as const, "sqlite" as const),
        (parts, dialect) => {
          expect(["read", "fault"]).toContain(readSql(parts.join(""), dialect).kind);
          expect(["expand", "data", "contract"]).toContain(lint(parts.join(""), dialect).class);
        },
      ),
    );
  });
});
