/** What goes and what stays of a failed migration's left-overs, in a SQLite file. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SchemaThing } from "../../domain/migrations/schema-things.ts";
import type { SchemaCare } from "../../ports/schema-care.ts";
import { sqliteSchemaCare } from "./schema-care.ts";

const signal = new AbortController().signal;
let folder: string;
let file: string;
let care: SchemaCare;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-schema-"));
  file = join(folder, "shop.db");
  care = sqliteSchemaCare({ database: "shop", file });
  run(
    "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'none'); INSERT INTO items (id) VALUES (1)",
  );
});
afterEach(() => rm(folder, { recursive: true }));

function run(statements: string): void {
  const database = new DatabaseSync(file);
  database.exec(statements);
  database.close();
}

async function thingOf(label: string): Promise<SchemaThing> {
  const found = (await care.things(signal)).find((thing) => thing.label === label);
  if (found === undefined) throw new Error(`There is no ${label}.`);
  return found;
}

const labels = async () => (await care.things(signal)).map(({ kind, label }) => `${kind} ${label}`).toSorted();

test("M2 everything that has a name is seen, without what lies behind virtual tables; a missing file has nothing", async () => {
  run("CREATE INDEX named ON items (name); CREATE VIEW names AS SELECT name FROM items");
  run("CREATE VIRTUAL TABLE words USING fts5(word)");
  run("CREATE TRIGGER kept BEFORE DELETE ON items BEGIN SELECT RAISE(ABORT, 'kept'); END");

  expect(await labels()).toEqual([
    "column items.id",
    "column items.name",
    "index named on items",
    "table items",
    "table words",
    "trigger kept on items",
    "view names",
  ]);
  expect((await thingOf("items.name")).like).toBe("TEXT NOT NULL DEFAULT 'none'");
  expect(care.command('DROP TABLE "it\'s"')).toBe(`sqlite3 ${file} 'DROP TABLE "it'\\''s"'`);
  expect(await sqliteSchemaCare({ database: "shop", file: join(folder, "none.db") }).things(signal)).toEqual([]);
});

test("M2 an empty table goes, and asking twice changes nothing", async () => {
  run(
    "CREATE TABLE Reviews (id TEXT PRIMARY KEY, item_id INTEGER REFERENCES items (id)); CREATE INDEX by_item ON Reviews (item_id)",
  );
  const reviews = await thingOf("Reviews");

  expect(await care.takeAway(reviews, signal)).toBeUndefined();
  expect(await care.takeAway(reviews, signal)).toBeUndefined();

  expect(await labels()).toEqual(["column items.id", "column items.name", "table items"]);
});

test("M2 a table stays that has a row, or that a view or another table speaks of", async () => {
  run(
    "CREATE TABLE carts (id); INSERT INTO carts VALUES (1); CREATE TABLE seen (id); CREATE VIEW s AS SELECT id FROM SEEN",
  );
  run("CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE children (of INTEGER REFERENCES parents (id))");

  expect(await care.takeAway(await thingOf("carts"), signal)).toBe("it has rows");
  expect(await care.takeAway(await thingOf("seen"), signal)).toBe("s speaks of it");
  expect(await care.takeAway(await thingOf("parents"), signal)).toBe("children speaks of it");
});

test("M2 a column goes that holds nothing but its default, and stays with a value, computed or in use", async () => {
  run("ALTER TABLE items ADD COLUMN note TEXT; ALTER TABLE items ADD COLUMN stock INTEGER NOT NULL DEFAULT 7");
  run("ALTER TABLE items ADD COLUMN rating INTEGER; UPDATE items SET rating = 5");
  run("ALTER TABLE items ADD COLUMN twice INTEGER AS (id * 2); ALTER TABLE items ADD COLUMN code TEXT");
  run("CREATE INDEX by_code ON items (code)");

  expect(await care.takeAway(await thingOf("items.note"), signal)).toBeUndefined();
  expect(await care.takeAway(await thingOf("items.stock"), signal)).toBeUndefined();
  expect(await care.takeAway(await thingOf("items.rating"), signal)).toBe("some row has a value in it");
  expect(await care.takeAway(await thingOf("items.twice"), signal)).toBe("its values are computed");
  expect(await care.takeAway(await thingOf("items.code"), signal)).toMatch(/^SQLite says: .*by_code/);

  expect((await labels()).filter((label) => label.startsWith("column"))).toEqual([
    "column items.code",
    "column items.id",
    "column items.name",
    "column items.rating",
    "column items.twice",
  ]);
});

test("M2 while somebody writes, a table stays", async () => {
  run("CREATE TABLE reviews (id)");
  const reviews = await thingOf("reviews");
  const writer = new DatabaseSync(file);
  writer.exec("BEGIN IMMEDIATE");

  expect(await care.takeAway(reviews, signal)).toBe("somebody writes to the file now");

  writer.close();
});
