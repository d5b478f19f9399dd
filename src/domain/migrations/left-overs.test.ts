/** Which left-overs of a failed migration may go, by the texts of the run and two looks at the schema. */
import { expect, test } from "vitest";
import { grammarAtHand } from "../../adapters/postgres-grammar/grammar.ts";
import { leftOversOf } from "./left-overs.ts";
import { madeByPostgres, madeBySqlite } from "./made-things.ts";
import { type KnownThing, type SchemaThing, schemaChanges } from "./schema-things.ts";

const grammar = await grammarAtHand();

async function migrationOf(id: string, sql: string) {
  const [reading] = await grammar.read([sql], AbortSignal.timeout(5_000));
  return { id, sql, made: madeByPostgres(reading!) };
}

const thing = (kind: SchemaThing["kind"], path: readonly string[], more: Partial<SchemaThing> = {}): SchemaThing => ({
  kind,
  path,
  label: path.slice(1).join("."),
  name: path.at(-1) ?? "",
  of: path.length > 2 ? (path[1] ?? "") : null,
  id: path.join("/"),
  like: "",
  broken: false,
  drop: "",
  ...more,
});

const orders = thing("table", ["public", "orders"]);
const note = thing("column", ["public", "orders", "note"], { like: "text" });

async function staysOf(added: readonly SchemaThing[], failed: string, applied = "SELECT 1") {
  const changes = schemaChanges([orders], [orders, ...added]);
  const left = leftOversOf(changes, [await migrationOf("2", failed)], [await migrationOf("1", applied)]);
  return left.added.map(({ thing: { label }, stays }) => [label, stays]);
}

test("M2 what a migration's own statements made may go, the last made first; a new table stands for its parts", async () => {
  const reviews = thing("table", ["public", "reviews"]);
  const broken = thing("index", ["public", "orders", "orders_note"], { broken: true });
  const parts = [thing("column", ["public", "reviews", "id"]), thing("index", ["public", "reviews", "reviews_item"])];

  const found = await staysOf(
    [reviews, ...parts, note, broken],
    `CREATE TABLE reviews (id int); ALTER TABLE public.orders ADD COLUMN note text;
     CREATE UNIQUE INDEX CONCURRENTLY orders_note ON orders (note)`,
  );

  expect(found).toEqual([
    ["orders.orders_note", null],
    ["orders.note", null],
    ["reviews", null],
  ]);
});

test("M2 what no statement says that it made stays, and so does what a person has to judge", async () => {
  const index = thing("index", ["public", "orders", "orders_note"]);
  const check = thing("constraint", ["public", "orders", "positive"]);
  const elsewhere = thing("table", ["audit", "reviews"]);

  const found = await staysOf(
    [index, check, elsewhere],
    `CREATE INDEX orders_note ON orders (note); ALTER TABLE orders ADD CONSTRAINT positive CHECK (id > 0);
     CREATE TABLE public.reviews (id int); DO $$ BEGIN EXECUTE 'CREATE TABLE audit.reviews ()'; END $$`,
  );

  expect(Object.fromEntries(found)).toEqual({
    "orders.orders_note": "it works, so a query may use it by now",
    "orders.positive": "a constraint is never taken away by itself",
    reviews: "no statement of the failed migration says that it made it",
  });
});

test("M2 what an applied migration of the same run made is its own, and what both speak of stays", async () => {
  const found = await staysOf(
    [thing("table", ["public", "reviews"]), thing("table", ["public", "carts"])],
    "CREATE TABLE IF NOT EXISTS carts (id int)",
    "CREATE TABLE reviews (id int); CREATE TABLE carts (id int)",
  );

  expect(found).toEqual([["carts", "a migration that is applied speaks of it too"]]);
});

test("M2 a thing under the same name and another number is another thing, and what changed or is gone is named", () => {
  const before: readonly KnownThing[] = [orders, note, thing("view", ["public", "open_orders"])];
  const now = [
    { ...orders, id: "another" },
    { ...note, like: "integer NOT NULL" },
  ];

  const changes = schemaChanges(before, now);

  expect(changes.added.map(({ label }) => label)).toEqual(["orders"]);
  expect(changes.gone.map(({ label }) => label)).toEqual(["orders", "open_orders"]);
  expect(leftOversOf(changes, [{ id: "1", sql: "", made: [] }], []).altered).toEqual([
    "table orders is gone",
    "view open_orders is gone",
    'column orders.note was "text" and is "integer NOT NULL"',
  ]);
});

test("M2 SQLite's own words for a table and a column are understood, in any case and quoted", () => {
  const made = madeBySqlite(`CREATE TABLE IF NOT EXISTS "Reviews" (id TEXT);
    create table main.[carts] (id); ALTER TABLE Orders ADD note TEXT; CREATE TEMP TABLE t (a);
    CREATE TABLE "with blank" (a); CREATE INDEX i ON orders (note); CREATE TABLE copied AS SELECT 1`);

  expect(made.map(({ kind, table, name }) => [kind, table, name])).toEqual([
    ["table", "reviews", undefined],
    ["table", "carts", undefined],
    ["column", "orders", "note"],
    ["table", "copied", undefined],
  ]);
  expect(madeBySqlite("CREATE TABLE t (a); SELECT 'no end")).toEqual([]);
});

test("M2 what a failed migration added to a table that an applied one made just before is found, and nothing else of it", async () => {
  const carts = thing("table", ["public", "carts"]);
  const parts = [thing("column", ["public", "carts", "id"]), thing("constraint", ["public", "carts", "carts_pkey"])];
  const added = thing("column", ["public", "carts", "gift"]);

  const found = await staysOf(
    [carts, ...parts, added],
    "ALTER TABLE carts ADD COLUMN gift boolean",
    "CREATE TABLE carts (id int PRIMARY KEY)",
  );

  expect(found).toEqual([["carts.gift", null]]);
});
