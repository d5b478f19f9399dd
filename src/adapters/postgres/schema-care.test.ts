/** What goes and what stays of a failed migration's left-overs, on a real server. */
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { SchemaThing } from "../../domain/migrations/schema-things.ts";
import type { SchemaCare } from "../../ports/schema-care.ts";
import { postgresSchemaCare } from "./schema-care.ts";
import { serverBinaries, startTestServer, type TestServer } from "./test-server.ts";

const binFolder = await serverBinaries();
if (binFolder === undefined) console.warn("skipped: left-overs of migrations need PostgreSQL (postgresql)");

const signal = new AbortController().signal;
let server: TestServer;
let databases = 0;
let database: string;
let care: SchemaCare;

const run = (statement: string) => server.run(database, statement);
const careAs = (url = server.urlOf(database)) =>
  postgresSchemaCare({ database: "shop", url: () => url, toolTables: ["schema_migrations"] });

async function thingOf(label: string): Promise<SchemaThing> {
  const found = (await care.things(signal)).find((thing) => thing.label === label);
  if (found === undefined) throw new Error(`There is no ${label}.`);
  return found;
}

const isThere = async (label: string) => (await care.things(signal)).some((thing) => thing.label === label);

describe.skipIf(binFolder === undefined)("left-overs in PostgreSQL", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    database = `left_overs_${++databases}`;
    await server.run("postgres", `CREATE DATABASE ${database}`);
    await run("CREATE TABLE items (id int PRIMARY KEY, name text)");
    await run("INSERT INTO items VALUES (1, 'key'), (2, 'key')");
    care = careAs();
  });
  afterEach(() => server.run("postgres", `DROP DATABASE ${database} WITH (FORCE)`));

  test("M2 everything that has a name is seen, but for the tool's table, extensions and what belongs to a column", async () => {
    await run("CREATE TABLE schema_migrations (version text)");
    await run("CREATE SCHEMA audit");
    await run(`CREATE TABLE audit."Log" (id serial, at timestamptz DEFAULT now(), CHECK (id > 0))`);
    await run("CREATE VIEW named AS SELECT name FROM items");
    await run("CREATE TYPE state AS ENUM ('open', 'paid')");
    await run("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    await run("CREATE INDEX items_name ON items (name)");

    const things = await care.things(signal);

    expect(things.map(({ kind, label, like }) => `${kind} ${label}: ${like}`).toSorted()).toEqual([
      'column audit."Log".at: timestamp with time zone DEFAULT now()',
      `column audit."Log".id: integer NOT NULL DEFAULT nextval('audit."Log_id_seq"'::regclass)`,
      "column items.id: integer NOT NULL",
      "column items.name: text",
      'constraint "Log_id_check" on audit."Log": CHECK ((id > 0))',
      "constraint items_pkey on items: PRIMARY KEY (id)",
      "extension plpgsql: 1.0",
      expect.stringMatching(/^function one\(\): [0-9a-f]{32}$/),
      "index items_name on items: CREATE INDEX items_name ON public.items USING btree (name)",
      "schema audit: ",
      "schema public: ",
      'table audit."Log": r',
      "table items: r",
      "type state: 'open', 'paid'",
      expect.stringMatching(/^view named: /),
    ]);
    expect(care.command((await thingOf('audit."Log"')).drop)).toBe(`psql "$DATABASE_URL" -c 'DROP TABLE audit."Log"'`);
  });

  test("M2 an empty table goes, with what belongs to it, and asking twice changes nothing", async () => {
    await run("CREATE TABLE reviews (id serial PRIMARY KEY, item_id int REFERENCES items (id))");
    const reviews = await thingOf("reviews");

    expect(await care.takeAway(reviews, signal)).toBeUndefined();
    expect(await care.takeAway(reviews, signal)).toBeUndefined();

    expect(await isThere("reviews")).toBe(false);
    expect(await run("SELECT count(*)::int AS n FROM items")).toEqual([{ n: 2 }]);
  });

  test("M2 a table stays that has a row, is used by a view, is a part of another one, or took another's name", async () => {
    await run("CREATE TABLE reviews (id int)");
    const former = await thingOf("reviews");
    await run("DROP TABLE reviews");
    await run("CREATE TABLE reviews (id int)");
    await run("CREATE TABLE seen (id int)");
    await run("CREATE VIEW all_seen AS SELECT id FROM seen");
    await run("CREATE TABLE full_one AS SELECT 1 AS id");
    await run("CREATE TABLE parted (id int) PARTITION BY RANGE (id)");
    await run("CREATE TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (9)");

    expect(await care.takeAway(former, signal)).toBeUndefined();
    expect(await care.takeAway(await thingOf("seen"), signal)).toBe("something else depends on it");
    expect(await care.takeAway(await thingOf("full_one"), signal)).toBe("it has rows");
    expect(await care.takeAway(await thingOf("part"), signal)).toBe("its table is part of another one");
    expect(await care.takeAway(await thingOf("parted"), signal)).toBe("its table is part of another one");

    for (const label of ["reviews", "seen", "full_one", "part", "parted"]) expect(await isThere(label)).toBe(true);
  });

  test("M2 rows that a policy hides from the owner are rows", async () => {
    await server.run("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'keeper-of-rows'").catch(() => undefined);
    await run("CREATE TABLE secrets AS SELECT 1 AS id");
    await run("ALTER TABLE secrets OWNER TO keeper");
    await run("ALTER TABLE secrets ENABLE ROW LEVEL SECURITY");
    await run("ALTER TABLE secrets FORCE ROW LEVEL SECURITY");
    const url = new URL(server.urlOf(database).reveal());
    Object.assign(url, { username: "keeper", password: "keeper-of-rows" });
    const { Secret } = await import("../../domain/secret.ts");

    const stays = await careAs(new Secret("DATABASE_URL", url.href)).takeAway(await thingOf("secrets"), signal);

    expect(stays).toBe("the database user may not do that");
    expect(await isThere("secrets")).toBe(true);
  });

  test("M2 a table that somebody uses stays, and nobody waits behind the attempt", async () => {
    await run("CREATE TABLE reviews (id int)");
    const somebody = new pg.Client({ connectionString: server.urlOf(database).reveal() });
    await somebody.connect();
    await somebody.query("BEGIN");
    await somebody.query("INSERT INTO reviews VALUES (1)");

    expect(await care.takeAway(await thingOf("reviews"), signal)).toBe("somebody uses its table now");

    await somebody.query("COMMIT");
    await somebody.end();
    expect(await run("SELECT count(*)::int AS n FROM reviews")).toEqual([{ n: 1 }]);
  });

  test.each([
    ["without a default", "rating int", undefined],
    ["of a type without equality", "facts json", undefined],
    ["with a default everywhere", "rating varchar(9) NOT NULL DEFAULT 'none'", undefined],
    ["with a default that is called", "token text DEFAULT md5(random()::text)", "its values are computed"],
    ["that is numbered", "number serial", "its values are computed"],
    ["that is generated", "twice int GENERATED ALWAYS AS (id * 2) STORED", "its values are computed"],
  ])("M2 a new column %s is judged by what is in it", async (_what, column, stays) => {
    await run(`ALTER TABLE items ADD COLUMN ${column}`);
    const label = `items.${column.split(" ")[0]}`;

    expect(await care.takeAway(await thingOf(label), signal)).toBe(stays);

    expect(await isThere(label)).toBe(stays !== undefined);
  });

  test.each([
    ["", "some row has a value in it"],
    [" NOT NULL DEFAULT 7", "some row has a value in it"],
  ])("M2 a new column%s stays when one row has another value", async (more, stays) => {
    await run(`ALTER TABLE items ADD COLUMN rating int${more}`);
    await run("UPDATE items SET rating = 5 WHERE id = 2");

    expect(await care.takeAway(await thingOf("items.rating"), signal)).toBe(stays);
    expect(await run("SELECT rating FROM items WHERE id = 2")).toEqual([{ rating: 5 }]);
  });

  test("M2 an index goes whose building failed, and stays once it works", async () => {
    const failed = await run("CREATE UNIQUE INDEX CONCURRENTLY items_name ON items (name)").catch(({ code }) => code);
    expect(failed).toBe("23505");
    const broken = await thingOf("items_name on items");
    expect({ broken: broken.broken, like: broken.like.slice(0, 20) }).toEqual({
      broken: true,
      like: "INVALID: CREATE UNIQ",
    });
    await run("DELETE FROM items WHERE id = 2");
    await run("REINDEX INDEX items_name");

    expect(await care.takeAway(broken, signal)).toBe("it works by now");

    await run("INSERT INTO items VALUES (3, 'rope')");
    await run("DROP INDEX items_name");
    await run("INSERT INTO items VALUES (4, 'rope')");
    await run("CREATE UNIQUE INDEX CONCURRENTLY items_name ON items (name)").catch(() => undefined);

    expect(await care.takeAway(await thingOf("items_name on items"), signal)).toBeUndefined();
    expect(await isThere("items_name on items")).toBe(false);
  });
});
