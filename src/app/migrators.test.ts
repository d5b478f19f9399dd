import { expect, test } from "vitest";
import type { ToolMigrationSettings } from "../domain/migration-settings.ts";
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { realClock } from "../testing/real-clock.ts";
import { applyCommandOf, migratorsFor } from "./migrators.ts";

const tool = (more: Partial<ToolMigrationSettings>): ToolMigrationSettings => ({
  ...{ kind: "dbmate", database: "main", url: null, tool: ["dbmate"], workingDirectory: ".", folder: null },
  ...{ table: null, schema: null, environment: {}, timeoutMs: 1_000, lockTimeoutMs: 0, statementTimeoutMs: 0 },
  retries: 0,
  ...more,
});

const migratorOf = (migration: ToolMigrationSettings, url: unknown, asked: string[] = []) =>
  migratorsFor(
    {
      migrations: [migration],
      databases: [{ name: "main", kind: "postgres", url }],
    } as unknown as EnvironmentSettings,
    (value) => {
      const name = typeof value === "string" ? value : value.secret;
      asked.push(name);
      return typeof value === "string" ? value : new Secret(name, "postgresql://owner:hunter2@127.0.0.1:1/shop");
    },
    realClock(),
  )[0];

test.each(["prisma", "dbmate", "node-pg-migrate"] as const)(
  "K1 a secret of %s is looked up when it is used, not before",
  async (kind) => {
    const asked: string[] = [];
    const migrator = migratorOf(tool({ kind }), { secret: "SHOP_URL" }, asked);
    expect(asked).toEqual([]);

    const failure = await migrator?.settle?.("end", new AbortController().signal).catch((error: unknown) => error);

    expect(failure).toMatchObject({ failure: { code: "DATABASE_UNREACHABLE" } });
    expect(JSON.stringify(failure)).not.toContain("hunter2");
    expect(asked).toContain("SHOP_URL");
  },
);

test("M1 migrations may have a URL of their own", async () => {
  const asked: string[] = [];
  const migrator = migratorOf(tool({ url: { secret: "DIRECT_URL" } }), { secret: "POOLED_URL" }, asked);

  await migrator?.settle?.("end", new AbortController().signal).catch(() => undefined);

  expect(asked).toEqual(["DIRECT_URL"]);
});

test("W4 what would be run can be shown without any secret", () => {
  expect(applyCommandOf(tool({ kind: "prisma", tool: ["npx", "prisma"], schema: "db/schema.prisma" }))).toEqual([
    "npx",
    "prisma",
    "migrate",
    "deploy",
    "--schema",
    "db/schema.prisma",
  ]);
  expect(applyCommandOf(tool({})).at(-1)).toBe("migrate");
});

test("M2 the schema is compared in PostgreSQL and SQLite, and in no other kind of database", () => {
  const kinds = ["postgres", "sqlite", "mariadb", "command"].map((kind) => {
    const commands = { kind: "command", apply: ["a"], pending: ["p"], environment: {}, timeoutMs: 1_000 } as const;
    const [migrator] = migratorsFor(
      {
        migrations: [{ database: "main", ...commands }],
        databases: [{ name: "main", kind, url: "postgresql://owner@db/shop", file: "shop.db" }],
      } as unknown as EnvironmentSettings,
      (value) => String(value),
      realClock(),
    );
    return [kind, migrator?.schema?.kind, typeof migrator?.settle];
  });

  expect(kinds).toEqual([
    ["postgres", "postgres", "function"],
    ["sqlite", "sqlite", "undefined"],
    ["mariadb", undefined, "undefined"],
    ["command", undefined, "undefined"],
  ]);
});
