import { expect, test } from "vitest";
import { grammarAtHand } from "../../adapters/postgres-grammar/grammar.ts";
import { lintMigrations } from "./lint.ts";

const grammar = await grammarAtHand();

type Given = string | { readonly sql: string; readonly transaction: boolean };

async function lint(...texts: Given[]) {
  const migrations = texts.map((text) => (typeof text === "string" ? { sql: text } : text));
  const readings = await grammar.read(
    migrations.map(({ sql }) => sql),
    AbortSignal.timeout(5_000),
  );
  return lintMigrations(
    migrations.map(({ sql: _sql, ...rest }, at) => ({ id: String(at + 1), reading: readings[at]!, ...rest })),
  );
}

const rulesOf = async (...given: Given[]) =>
  (await lint(...given)).map(({ findings }) => findings.map(({ rule }) => rule));

test("M4 a finding names its migration and statement, why, and how to do it in steps", async () => {
  const [, second] = await lint(
    "CREATE TABLE t (a int);",
    `-- tidy up\nALTER TABLE users\n  DROP COLUMN email${" ".repeat(3)}; SELECT 1`,
  );

  expect(second?.findings).toMatchObject([
    { migration: "2", statement: "ALTER TABLE users DROP COLUMN email", severity: "block" },
  ]);
  expect(second?.findings[0]?.reason).toContain("version that serves now");
  expect(second?.findings[0]?.recipe.length).toBeGreaterThan(1);
});

test("M4 a long statement is shortened, and one with other letters is cut where it ends", async () => {
  const [verdict] = await lint(`DROP TABLE ${"x".repeat(500)}; DROP TABLE "größe"; DROP TABLE "ö"`);
  const [long, ...others] = verdict!.findings.map(({ statement }) => statement);

  expect(long).toHaveLength(120);
  expect(others).toEqual(['DROP TABLE "größe"', 'DROP TABLE "ö"']);
});

test("M4 a table made in the same set may be changed by a later migration, a temporary one only by its own", async () => {
  expect(await rulesOf('CREATE TABLE "T" (a int)', 'DROP TABLE "T"')).toEqual([[], []]);
  expect(await rulesOf('CREATE TABLE "T" (a int)', "DROP TABLE t")).toEqual([[], ["drop-table"]]);
  expect(await rulesOf("CREATE TEMP TABLE t (a int)", "DROP TABLE t")).toEqual([[], ["drop-table"]]);
  expect(await rulesOf("BEGIN; CREATE TABLE t (a int); ROLLBACK", "DROP TABLE t")).toEqual([[], ["drop-table"]]);
});

test("M4 CONCURRENTLY stands alone, outside of the transaction that the tool may make", async () => {
  const sql = "CREATE INDEX CONCURRENTLY i ON users (email)";

  expect(await rulesOf(sql, { sql, transaction: false })).toEqual([[], []]);
  expect(await rulesOf({ sql, transaction: true })).toEqual([["concurrently-not-alone"]]);
  expect(await rulesOf({ sql: `${sql}; SELECT 1`, transaction: false })).toEqual([["concurrently-not-alone"]]);
  expect(await rulesOf("ALTER TABLE a DETACH PARTITION b CONCURRENTLY; SELECT 1")).toEqual([
    ["drop-table", "concurrently-not-alone"],
  ]);
});

test("M4 rows written beside a change of the schema wait for nothing where there is no transaction", async () => {
  const sql = "ALTER TABLE users ADD tax text; UPDATE users SET tax = 'x' WHERE id < 9";

  expect(await rulesOf(sql, { sql, transaction: false })).toEqual([["backfill-beside-ddl"], []]);
});

test("M4 a constraint added by an earlier migration of the set may be validated", async () => {
  const add = "ALTER TABLE users ADD CONSTRAINT c CHECK (a > 0) NOT VALID";
  const validate = "ALTER TABLE users VALIDATE CONSTRAINT c";

  expect(await rulesOf(add, validate)).toEqual([["new-constraint"], []]);
});

test("M4 a migration whose statements are not shown is not taken for harmless", () => {
  const [verdict] = lintMigrations([{ id: "1" }]);

  expect(verdict).toMatchObject({ class: "contract", findings: [{ rule: "cannot-analyse", severity: "block" }] });
  expect(verdict?.findings[0]?.reason).toContain("does not show");
});

test("M3 M4 a set is classed by the strongest of what it does", async () => {
  const verdicts = await lint(
    "CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a)",
    "ALTER TABLE users ADD note text",
    "INSERT INTO t VALUES (1)",
    "INSERT INTO t VALUES (1); ALTER TABLE users DROP COLUMN email",
  );

  expect(verdicts.map(({ class: kind }) => kind)).toEqual(["expand", "expand", "data", "contract"]);
});

test("M4 a declaration belongs to the statement below it", async () => {
  const [verdict] = await lint(
    "-- sluice: safe since v1.2.0\nALTER TABLE t DROP a; -- ä\nALTER TABLE t DROP b; -- sluice: safe since v1.9.0\nALTER TABLE t DROP c;;\n-- sluice: safe since v1.3.0\nDROP TABLE u;",
  );

  expect(verdict?.findings.map(({ safeSince }) => safeSince)).toEqual(["v1.2.0", undefined, undefined, "v1.3.0"]);
});
