import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lintSqliteMigrations } from "./sqlite-lint.ts";
import { readSqlite } from "./sqlite-statements.ts";

const lint = (sql: string) => lintSqliteMigrations([{ id: "1", sql }])[0]!;
const rulesOf = (sql: string) => lint(sql).findings.map((one) => one.rule);

/** Statement and the one rule that it breaks. */
const breaking: readonly (readonly [string, string])[] = [
  ["ALTER TABLE users DROP COLUMN email", "drop-column"],
  ["ALTER TABLE [Users] DROP COLUMN [e]", "drop-column"],
  ["ALTER TABLE `Users` RENAME `a` TO `b`", "rename-column"],
  ["DROP TABLE users", "drop-table"],
  ["DROP VIEW active_users", "drop-table"],
  ["ALTER TABLE users RENAME TO people", "rename-table"],
  ["ALTER TABLE users RENAME COLUMN a TO b", "rename-column"],
  ["ALTER TABLE users ADD COLUMN age int NOT NULL", "required-column"],
  ["ALTER TABLE users ADD age int NOT NULL DEFAULT NULL", "required-column"],
  ["CREATE UNIQUE INDEX users_email ON users (email)", "new-constraint"],
  [
    "CREATE TRIGGER t AFTER INSERT ON users BEGIN UPDATE s SET n = CASE WHEN 1 THEN 2 END; DELETE FROM z; END",
    "change-behaviour",
  ],
  ["DROP TRIGGER t", "change-behaviour"],
  ["DROP INDEX users_email", "drop-index"],
  ["UPDATE users SET active = true", "unbounded-write"],
  ["UPDATE users SET n = (SELECT count(*) FROM orders WHERE orders.user_id = users.id)", "unbounded-write"],
  ["WITH old AS (SELECT id FROM users WHERE age > 9) DELETE FROM users", "unbounded-write"],
  ["DELETE FROM users", "unbounded-write"],
  ["SELECT load_extension('x')", "cannot-analyse"],
  ["ATTACH DATABASE 'x.db' AS x", "cannot-analyse"],
  ["PRAGMA writable_schema = 1", "cannot-analyse"],
  ["ALTER TABLE users FROBNICATE", "cannot-analyse"],
  [".read other.sql", "cannot-analyse"],
  ["DROP TABLE users /* and no end", "cannot-analyse"],
  ["INSERT INTO t VALUES ('no end", "cannot-analyse"],
  ["CREATE TABLE t (a int", "cannot-analyse"],
  ["CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM z;", "cannot-analyse"],
  ["SELECT 1;\0 DROP TABLE users", "cannot-analyse"],
];

const harmless: readonly string[] = [
  "",
  "-- DROP TABLE users;\n/* ALTER TABLE users DROP COLUMN email; */",
  "CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL, b int REFERENCES users (id))",
  "ALTER TABLE users ADD COLUMN age int",
  "ALTER TABLE users ADD COLUMN age int NOT NULL DEFAULT 0",
  "CREATE INDEX i ON users (email)",
  "UPDATE users SET active = true WHERE id < 100",
  "BEGIN; CREATE TABLE t (a int); COMMIT",
  "CREATE TABLE t (a int); CREATE INDEX i ON t (a); ALTER TABLE t ADD b int NOT NULL; UPDATE t SET a = 1; DROP TABLE T",
  'CREATE TABLE "T" (a int); DROP TABLE t',
  "PRAGMA foreign_keys = OFF",
];

describe("migration lint of SQLite", () => {
  test.each(breaking.map(([sql, rule]) => ({ sql, rule })))("M4 finds the danger in: $sql", ({ sql, rule }) => {
    expect(rulesOf(sql)).toEqual([rule]);
  });

  test.each(harmless.map((sql) => ({ sql })))("M4 lets pass: $sql", ({ sql }) => {
    expect(rulesOf(sql)).toEqual([]);
  });

  test("M4 one that may be there already is not taken for a table of the set", () => {
    expect(rulesOf("CREATE TABLE IF NOT EXISTS t (a int); ALTER TABLE t DROP a")).toEqual(["drop-column"]);
    expect(rulesOf("DROP TABLE t; CREATE TABLE t (a int)")).toEqual(["drop-table"]);
  });

  test("M4 a declaration counts for the statement below it alone", () => {
    const sql = "-- sluice: safe since v1.2.0\nALTER TABLE t DROP a; ALTER TABLE t DROP b";

    expect(lint(sql).findings.map(({ safeSince }) => safeSince)).toEqual(["v1.2.0", undefined]);
  });

  test("M4 a migration whose statements are not shown is not taken for harmless", () => {
    const [verdict] = lintSqliteMigrations([{ id: "1" }]);

    expect(verdict).toMatchObject({ class: "contract", findings: [{ rule: "cannot-analyse", severity: "block" }] });
    expect(verdict?.findings[0]?.reason).toContain("does not show");
  });

  test.each([
    ["expand", "CREATE TABLE t (a int); CREATE INDEX i ON users (a)"],
    ["data", "INSERT INTO t VALUES (1)"],
    ["contract", "INSERT INTO t VALUES (1); ALTER TABLE users DROP COLUMN email"],
  ])("M4 classes a set as %s", (expected, sql) => {
    expect(lint(sql).class).toBe(expected);
  });

  test("M4 SQLite does not nest comments, so nothing hides behind a second beginning", () => {
    expect(rulesOf("/* /* */ DROP TABLE users; -- */")).toEqual(["drop-table"]);
  });

  test("M4 case, blanks and comments between words change no verdict", () => {
    const between = fc.constantFrom(" ", "\n", "\t ", " /* ; ' */ ", " -- DROP ' \n");
    const plain = breaking.filter(([sql]) => !/['"$\\[`*.]/.test(sql));
    fc.assert(
      fc.property(
        fc.constantFrom(...plain),
        fc.array(between, { minLength: 40, maxLength: 40 }),
        fc.boolean(),
        ([sql, rule], gaps, lower) => {
          const words = (lower ? sql.toLowerCase() : sql).split(" ");
          const written = words.map((word, index) => word + (gaps[index % gaps.length] ?? " ")).join("");
          expect(rulesOf(written)).toEqual([rule]);
        },
      ),
    );
  });

  test("M4 whatever stands in a string is never taken for a statement", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const quoted = text.replaceAll("'", "''").replaceAll("\0", "");
        expect(rulesOf(`INSERT INTO t VALUES ('${quoted}')`)).toEqual([]);
      }),
    );
  });

  test("M4 any text at all is read or refused, never a crash", () => {
    const pieces = fc.constantFrom("'", '"', "/*", "*/", "--", "\n", "(", ")", ";", "BEGIN", "END", "CREATE TRIGGER");
    const marks = fc.constantFrom("[", "`", "\\", " ", "\0");
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, marks, fc.string()), { maxLength: 30 }), (parts) => {
        expect(["read", "fault"]).toContain(readSqlite(parts.join("")).kind);
        expect(["expand", "data", "contract"]).toContain(lint(parts.join("")).class);
      }),
    );
  });
});
