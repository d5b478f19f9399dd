/** `migrations.<database>`: two commands as ever, or a tool by name. */
import { describe, expect, test } from "vitest";
import { SluiceError } from "../domain/errors.ts";
import { loadConfiguration } from "./load.ts";
import { resolveEnvironment } from "./resolve.ts";

function load(migration: string, more = "") {
  const text = `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
databases: { main: { kind: postgres, url: "postgresql://owner@db/shop" }, cache: { kind: sqlite, file: c.sqlite } }
migrations: { ${migration} }
environments: { production: { policy: basic } }
${more}`;
  const readFile = (): string => "";
  const { configuration } = loadConfiguration({ file: "sluice.yaml", text, readFile });
  return resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile }).migrations;
}

function faultOf(migration: string): string {
  try {
    load(migration);
  } catch (error) {
    if (error instanceof SluiceError) return error.message;
    throw error;
  }
  throw new Error("It was accepted.");
}

describe("M1 how migrations are run", () => {
  test("by two commands without a word about the kind", () => {
    const limits = { timeoutMs: 600_000, lockTimeoutMs: 5_000, statementTimeoutMs: 600_000 };
    const commands = { kind: "command", pending: ["a"], apply: ["b"], environment: {}, cleanUp: "off", ...limits };

    expect(load("main: { pending: [a], apply: [b] }")).toEqual([{ database: "main", ...commands }]);
    expect(load("main: { kind: command, pending: [a], apply: [b] }")).toEqual([{ database: "main", ...commands }]);
  });

  test.each([
    ["prisma", { folder: null, table: null }],
    ["dbmate", { folder: "db/migrations", table: "schema_migrations" }],
    ["node-pg-migrate", { folder: "migrations", table: "pgmigrations" }],
  ])("by %s out of the release, under limits", (kind, own) => {
    expect(load(`main: { kind: ${kind} }`)).toEqual([
      {
        database: "main",
        kind,
        tool: [`node_modules/.bin/${kind}`],
        ...own,
        ...{ workingDirectory: ".", environment: {}, cleanUp: "off", url: null, schema: null },
        ...{ timeoutMs: 600_000, lockTimeoutMs: 5_000, statementTimeoutMs: 600_000, retries: 5 },
      },
    ]);
  });

  test("limits can be switched off", () => {
    expect(load("main: { kind: dbmate, lockTimeout: off, statementTimeout: off }")[0]).toMatchObject({
      lockTimeoutMs: 0,
      statementTimeoutMs: 0,
    });
  });

  test.each([
    ["an unknown tool", "main: { kind: flyway }", /"flyway" is not allowed here → use one of: command, prisma/],
    ["a key of another kind", "main: { kind: dbmate, schema: x }", /unknown key "schema"/],
    ["a missing command", "main: { pending: [a] }", /"apply" is missing/],
    ["a folder out of the release", "main: { kind: dbmate, folder: ../x }", /leads out of the release/],
    ["a table that is none", 'main: { kind: dbmate, table: "a; drop" }', /not the name of a table/],
    ["a tool for another database", "cache: { kind: prisma }", /migrates PostgreSQL, and the database cache is sqlite/],
    ["a password", 'main: { kind: prisma, url: "postgresql://a:b@c/d" }', /the address holds a password/],
    ["a secret nobody declared", "main: { kind: prisma, url: { secret: NOPE } }", /the secret NOPE is not declared/],
  ])("%s is refused in its own words", (_what, migration, words) => {
    expect(faultOf(migration)).toMatch(words);
  });
});
