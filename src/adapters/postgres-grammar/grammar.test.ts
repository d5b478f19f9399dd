import { describe, expect, test } from "vitest";
import { lintMigrations } from "../../domain/migrations/lint.ts";
import { grammarAtHand, postgresGrammar } from "./grammar.ts";
import { longestText } from "./parse.ts";

const grammar = postgresGrammar();
const signal = () => AbortSignal.timeout(60_000);
const read = async (sql: string) => (await grammar.read([sql], signal()))[0]!;

const findings = async (sql: string) =>
  lintMigrations([{ id: "1", reading: await read(sql) }]).flatMap((verdict) => verdict.findings);

/** What nobody can judge by looking at it with a machine. */
const hostile: readonly (readonly [string, string])[] = [
  ["5 MB of statements", "INSERT INTO t VALUES (1, 'aaaaaaaaaaaaaaaaa');\n".repeat(110_000)],
  ["5 MB of parentheses", "(".repeat(5_000_000)],
  ["deeply nested parentheses", `SELECT ${"(".repeat(100_000)}1${")".repeat(100_000)}`],
  ["deeply nested queries", `SELECT ${"(SELECT ".repeat(20_000)}1${")".repeat(20_000)}`],
  ["a sum of a hundred thousand", `SELECT 1${"+1".repeat(100_000)}`],
  ["thirty thousand UNIONs", `SELECT 1${" UNION SELECT 1".repeat(30_000)}`],
  ["a NUL byte that hides the rest", "SELECT 1;\0 DROP TABLE users"],
  ["a text without an end", "INSERT INTO t VALUES ('no end"],
  ["a quoted name without an end", 'DROP TABLE "no end'],
  ["a dollar quote without an end", "SELECT $body$ no end"],
  ["a comment without an end", "SELECT 1 /* no end"],
  ["a psql command", "\\! rm -rf x"],
  ["a psql command behind a statement", "SELECT 1;\n\\connect other"],
  ["a program on the database's machine", "COPY t FROM PROGRAM 'cat x'"],
  ["a file of the database's machine", "COPY t FROM '/etc/hosts'"],
  ["a program that reads a table", "COPY t TO PROGRAM 'cat'"],
  ["rows of COPY in the text", "COPY t FROM stdin;\n1\t2\n\\.\n"],
  ["half of a character", "SELECT '\ud800'; DROP TABLE users"],
  ["another language", "db.users.drop()"],
];

describe("hostile texts", () => {
  test.each(hostile)("M4 of %s a person must read, and nothing hangs", async (_what, sql) => {
    const found = await findings(sql);

    expect(found.filter(({ severity }) => severity === "block")).not.toEqual([]);
    expect(found[0]?.statement.length).toBeLessThanOrEqual(120);
  });

  test("M4 texts after one that overruns the grammar's stack are read all the same", async () => {
    const overrun = `SELECT 1${"+1".repeat(100_000)}`;

    const readings = await grammar.read(["SELECT 1", overrun, overrun, "SELECT 2; SELECT 3"], signal());

    expect(readings.map((one) => (one.kind === "read" ? one.statements.length : "fault"))).toEqual([
      1,
      "fault",
      "fault",
      2,
    ]);
  });

  test("M4 a text that takes too long is a fault, not a wait", async () => {
    const [reading] = await postgresGrammar({ timeoutMs: 1 }).read(["SELECT 1"], signal());

    expect(reading).toEqual({ kind: "fault", fault: "reading it takes longer than 1 ms" });
  });

  test("M4 the largest text that is read takes seconds, not minutes", async () => {
    const list = `SELECT ${"1,".repeat((longestText - 10) / 2)}1`;

    expect((await read(list)).kind).toBe("read");
    expect(await read(`${list}${" ".repeat(longestText)}`)).toMatchObject({ kind: "fault" });
  });
});

test("M4 comments and blanks alone are no statements", async () => {
  const texts = ["", " \n", "-- only this", "/* a /* nested */ one */ ;;"];

  const readings = await grammar.read(texts, signal());

  expect(readings).toEqual(texts.map(() => ({ kind: "read", statements: [] })));
});

test("M4 a fault says in which line", async () => {
  expect(await read("SELECT 1;\nSELECT 'ä';\nALTER TABEL t")).toEqual({
    kind: "fault",
    fault: 'line 3: syntax error at or near "TABEL"',
  });
});

test("M4 in a simulated world the same is read without a thread", async () => {
  const texts = ["CREATE TABLE ä (a int); DROP TABLE b", "\\q", "SELECT 1;\0"];

  expect(await (await grammarAtHand()).read(texts, signal())).toEqual(await grammar.read(texts, signal()));
});

test("M4 what was given up is not read", async () => {
  const given = AbortSignal.abort(new Error("cancelled"));

  await expect(grammar.read(["SELECT 1"], given)).rejects.toThrow("cancelled");
});
