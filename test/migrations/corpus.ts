/**
 * One statement (or migration) for every rule in the public documentation of squawk and strong_migrations that speaks of
 * PostgreSQL, in words and names of our own, with the rules of ours that find it; and for each of our fourteen. `expects` is
 * empty where the rule is about taste or where two live versions do not mind: then `why` says so.
 */
import type { MigrationRule } from "../../src/domain/migrations/rules.ts";

export interface Example {
  readonly rule: string;
  readonly sql: string;
  readonly expects: readonly MigrationRule[];
  readonly why?: string;
}

const taste = "a matter of taste or of a new table: the version that serves does not notice";

export const squawk: readonly Example[] = [
  {
    rule: "adding-field-with-default",
    sql: "ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid()",
    expects: ["table-rewrite"],
  },
  {
    rule: "adding-foreign-key-constraint",
    sql: "ALTER TABLE orders ADD CONSTRAINT orders_buyer FOREIGN KEY (buyer_id) REFERENCES buyers (id)",
    expects: ["new-constraint", "validated-at-once"],
  },
  {
    rule: "adding-not-nullable-field",
    sql: "ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
    expects: ["set-not-null"],
  },
  {
    rule: "adding-required-field",
    sql: "ALTER TABLE orders ADD COLUMN channel text NOT NULL",
    expects: ["required-column"],
  },
  {
    rule: "adding-serial-primary-key-field",
    sql: "ALTER TABLE orders ADD COLUMN number serial PRIMARY KEY",
    expects: ["table-rewrite", "blocking-index"],
  },
  {
    rule: "ban-add-column",
    sql: "ALTER TABLE orders ADD COLUMN gift boolean",
    expects: [],
    why: "adding is what a release with two live versions does",
  },
  { rule: "ban-add-composite-attribute", sql: "ALTER TYPE address ADD ATTRIBUTE floor int", expects: ["change-type"] },
  { rule: "ban-add-enum-value", sql: "ALTER TYPE order_state ADD VALUE 'returned'", expects: ["enum-value"] },
  {
    rule: "ban-alter-database-options",
    sql: "ALTER DATABASE shop SET timezone = 'UTC'",
    expects: ["change-behaviour"],
  },
  {
    rule: "ban-alter-domain-with-add-constraint",
    sql: "ALTER DOMAIN postcode ADD CONSTRAINT five CHECK (length(VALUE) = 5)",
    expects: ["new-constraint", "validated-at-once"],
  },
  { rule: "ban-alter-extension", sql: "ALTER EXTENSION postgis UPDATE", expects: ["change-behaviour"] },
  { rule: "ban-alter-function-options", sql: "ALTER FUNCTION total(int) STABLE", expects: ["change-behaviour"] },
  {
    rule: "ban-alter-generated-expression",
    sql: "ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (net * 1.2)",
    expects: ["table-rewrite"],
  },
  { rule: "ban-alter-identity", sql: "ALTER TABLE orders ALTER COLUMN id DROP IDENTITY", expects: ["drop-default"] },
  {
    rule: "ban-alter-identity (set)",
    sql: "ALTER TABLE orders ALTER COLUMN id SET GENERATED ALWAYS",
    expects: ["change-behaviour"],
  },
  {
    rule: "ban-alter-policy-condition",
    sql: "ALTER POLICY own_rows ON orders USING (buyer_id = 1)",
    expects: ["change-behaviour"],
  },
  { rule: "ban-alter-policy-roles", sql: "ALTER POLICY own_rows ON orders TO staff", expects: ["change-behaviour"] },
  { rule: "ban-alter-role-options", sql: "ALTER ROLE app NOINHERIT", expects: ["change-behaviour"] },
  {
    rule: "ban-alter-row-level-security",
    sql: "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
    expects: ["change-behaviour"],
  },
  {
    rule: "ban-alter-sequence-values",
    sql: "ALTER SEQUENCE orders_id_seq RESTART WITH 1",
    expects: ["change-behaviour"],
  },
  { rule: "ban-alter-system-options", sql: "ALTER SYSTEM SET work_mem = '64MB'", expects: ["change-behaviour"] },
  {
    rule: "ban-alter-view-options",
    sql: "ALTER VIEW open_orders SET (security_barrier = true)",
    expects: [],
    why: "it narrows no result: the planner alone is held back",
  },
  { rule: "ban-char-field", sql: "CREATE TABLE codes (code char(3))", expects: [], why: taste },
  {
    rule: "ban-concurrent-index-creation-in-transaction",
    sql: "BEGIN; CREATE INDEX CONCURRENTLY orders_buyer ON orders (buyer_id); COMMIT",
    expects: ["concurrently-not-alone"],
  },
  {
    rule: "ban-create-domain-with-constraint",
    sql: "CREATE DOMAIN quantity AS int CHECK (VALUE > 0)",
    expects: [],
    why: taste,
  },
  {
    rule: "ban-create-policy",
    sql: "CREATE POLICY own_rows ON orders USING (buyer_id = 1)",
    expects: ["change-behaviour"],
  },
  { rule: "ban-detach-inheritance", sql: "ALTER TABLE orders_2020 NO INHERIT orders", expects: ["change-behaviour"] },
  { rule: "ban-disable-trigger", sql: "ALTER TABLE orders DISABLE TRIGGER stamp", expects: ["change-behaviour"] },
  { rule: "ban-drop-column", sql: "ALTER TABLE orders DROP COLUMN note", expects: ["drop-column"] },
  {
    rule: "ban-drop-constraint",
    sql: "ALTER TABLE orders DROP CONSTRAINT orders_number_key",
    expects: ["drop-constraint"],
  },
  { rule: "ban-drop-database", sql: "DROP DATABASE archive", expects: ["drop-table"] },
  { rule: "ban-drop-default", sql: "ALTER TABLE orders ALTER COLUMN state DROP DEFAULT", expects: ["drop-default"] },
  { rule: "ban-drop-domain", sql: "DROP DOMAIN quantity", expects: ["drop-object"] },
  { rule: "ban-drop-extension", sql: "DROP EXTENSION pg_trgm", expects: ["drop-object"] },
  { rule: "ban-drop-function", sql: "DROP FUNCTION total(int)", expects: ["drop-object"] },
  {
    rule: "ban-drop-generated-expression",
    sql: "ALTER TABLE orders ALTER COLUMN gross DROP EXPRESSION",
    expects: ["drop-default"],
  },
  { rule: "ban-drop-index", sql: "DROP INDEX CONCURRENTLY orders_buyer", expects: ["drop-index"] },
  {
    rule: "ban-drop-not-null",
    sql: "ALTER TABLE orders ALTER COLUMN buyer_id DROP NOT NULL",
    expects: ["drop-not-null"],
  },
  { rule: "ban-drop-policy", sql: "DROP POLICY own_rows ON orders", expects: ["change-behaviour"] },
  { rule: "ban-drop-schema", sql: "DROP SCHEMA reports CASCADE", expects: ["drop-table"] },
  { rule: "ban-drop-sequence", sql: "DROP SEQUENCE invoice_numbers", expects: ["drop-object"] },
  { rule: "ban-drop-table", sql: "DROP TABLE IF EXISTS carts", expects: ["drop-table"] },
  { rule: "ban-drop-trigger", sql: "DROP TRIGGER stamp ON orders", expects: ["change-behaviour"] },
  { rule: "ban-drop-type", sql: "DROP TYPE order_state", expects: ["drop-object"] },
  { rule: "ban-drop-view", sql: "DROP VIEW open_orders", expects: ["drop-table"] },
  {
    rule: "ban-duplicate-column-assignments",
    sql: "UPDATE orders SET note = 'a', note = 'b' WHERE id = 1",
    expects: [],
    why: "PostgreSQL refuses it by itself",
  },
  {
    rule: "ban-new-write-restriction",
    sql: "CREATE UNIQUE INDEX CONCURRENTLY orders_number ON orders (number)",
    expects: ["new-constraint"],
  },
  {
    rule: "ban-new-write-restriction (not valid)",
    sql: "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID",
    expects: ["new-constraint"],
  },
  {
    rule: "ban-replace-view-function",
    sql: "CREATE OR REPLACE VIEW open_orders AS SELECT id FROM orders WHERE state <> 'paid'",
    expects: ["change-behaviour"],
  },
  { rule: "ban-replica-identity", sql: "ALTER TABLE orders REPLICA IDENTITY NOTHING", expects: ["change-behaviour"] },
  { rule: "ban-revoke", sql: "REVOKE UPDATE ON orders FROM app", expects: ["change-behaviour"] },
  {
    rule: "ban-set-default",
    sql: "ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'draft'",
    expects: ["change-behaviour"],
  },
  { rule: "ban-set-schema", sql: "ALTER TABLE orders SET SCHEMA archive", expects: ["rename-table"] },
  { rule: "ban-truncate-cascade", sql: "TRUNCATE orders CASCADE", expects: ["exclusive-lock"] },
  {
    rule: "ban-uncommitted-transaction",
    sql: "BEGIN; ALTER TABLE orders ADD COLUMN gift boolean",
    expects: ["cannot-analyse"],
  },
  {
    rule: "changing-column-type",
    sql: "ALTER TABLE orders ALTER COLUMN total TYPE numeric(12, 2) USING total::numeric",
    expects: ["change-type"],
  },
  {
    rule: "constraint-missing-not-valid",
    sql: "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0)",
    expects: ["new-constraint", "validated-at-once"],
  },
  {
    rule: "disallowed-unique-constraint",
    sql: "ALTER TABLE orders ADD CONSTRAINT orders_number_key UNIQUE (number)",
    expects: ["new-constraint", "blocking-index"],
  },
  { rule: "identifier-too-long", sql: `CREATE TABLE ${"long_".repeat(14)}name (id bigint)`, expects: [], why: taste },
  { rule: "prefer-bigint-over-int", sql: "CREATE TABLE counters (id int)", expects: [], why: taste },
  { rule: "prefer-bigint-over-smallint", sql: "CREATE TABLE counters (id smallint)", expects: [], why: taste },
  { rule: "prefer-identity", sql: "CREATE TABLE counters (id bigserial)", expects: [], why: taste },
  { rule: "prefer-repack", sql: "VACUUM FULL orders", expects: ["exclusive-lock"] },
  { rule: "prefer-repack (cluster)", sql: "CLUSTER orders USING orders_pkey", expects: ["exclusive-lock"] },
  { rule: "prefer-robust-stmts", sql: "CREATE TABLE counters (id bigint)", expects: [], why: taste },
  { rule: "prefer-text-field", sql: "CREATE TABLE codes (code varchar(3))", expects: [], why: taste },
  { rule: "prefer-timestamptz", sql: "CREATE TABLE visits (at timestamp)", expects: [], why: taste },
  { rule: "renaming-column", sql: "ALTER TABLE orders RENAME COLUMN total TO amount", expects: ["rename-column"] },
  { rule: "renaming-object", sql: "ALTER FUNCTION total(int) RENAME TO sum_of", expects: ["rename-object"] },
  {
    rule: "renaming-object (enum value)",
    sql: "ALTER TYPE order_state RENAME VALUE 'paid' TO 'settled'",
    expects: ["rename-enum-value"],
  },
  { rule: "renaming-table", sql: "ALTER TABLE orders RENAME TO purchases", expects: ["rename-table"] },
  {
    rule: "require-concurrent-index-creation",
    sql: "CREATE INDEX orders_buyer ON orders (buyer_id)",
    expects: ["blocking-index"],
  },
  { rule: "require-concurrent-index-deletion", sql: "DROP INDEX orders_buyer", expects: ["drop-index"] },
  {
    rule: "require-concurrent-partition-detach",
    sql: "ALTER TABLE events DETACH PARTITION events_2020",
    expects: ["drop-table"],
  },
  { rule: "require-concurrent-reindex", sql: "REINDEX INDEX orders_buyer", expects: ["blocking-index"] },
  {
    rule: "require-enum-value-ordering",
    sql: "ALTER TYPE order_state ADD VALUE 'packed' AFTER 'paid'",
    expects: ["enum-value"],
  },
  { rule: "require-lock-timeout", sql: "SET lock_timeout = 0", expects: ["timeout-off"] },
  {
    rule: "require-statement-timeout",
    sql: "SELECT set_config('statement_timeout', '0', false)",
    expects: ["timeout-off"],
  },
  {
    rule: "require-timeout-settings",
    sql: "ALTER TABLE orders ADD COLUMN gift boolean",
    expects: [],
    why: "the migrator sets both limits (rule 7); the lint looks for a file that switches them off",
  },
  { rule: "require-table-schema", sql: "CREATE TABLE counters (id bigint)", expects: [], why: taste },
  { rule: "syntax-error", sql: "ALTER TABEL orders ADD COLUMN gift boolean", expects: ["cannot-analyse"] },
  {
    rule: "transaction-nesting",
    sql: "BEGIN; BEGIN; COMMIT; SELECT 1",
    expects: [],
    why: "PostgreSQL warns and goes on; what is left open is found (ban-uncommitted-transaction)",
  },
];

export const strongMigrations: readonly Example[] = [
  { rule: "removing a column", sql: "ALTER TABLE shops DROP COLUMN fax", expects: ["drop-column"] },
  {
    rule: "changing the type of a column",
    sql: "ALTER TABLE shops ALTER opened TYPE timestamptz",
    expects: ["change-type"],
  },
  { rule: "renaming a column", sql: "ALTER TABLE shops RENAME owner TO keeper", expects: ["rename-column"] },
  { rule: "renaming a table", sql: "ALTER TABLE shops RENAME TO stores", expects: ["rename-table"] },
  {
    rule: "creating a table with the force option",
    sql: "DROP TABLE IF EXISTS shops CASCADE; CREATE TABLE shops (id bigint)",
    expects: ["drop-table"],
  },
  {
    rule: "adding an auto-incrementing column",
    sql: "ALTER TABLE shops ADD COLUMN number bigint GENERATED BY DEFAULT AS IDENTITY",
    expects: ["table-rewrite"],
  },
  {
    rule: "adding a stored generated column",
    sql: "ALTER TABLE shops ADD COLUMN label text GENERATED ALWAYS AS (name || city) STORED",
    expects: ["table-rewrite"],
  },
  {
    rule: "adding a check constraint",
    sql: "ALTER TABLE shops ADD CONSTRAINT named CHECK (name IS NOT NULL)",
    expects: ["new-constraint", "validated-at-once"],
  },
  {
    rule: "executing SQL directly",
    sql: "DO $$ BEGIN EXECUTE 'ALTER TABLE shops DROP COLUMN fax'; END $$",
    expects: ["cannot-analyse"],
  },
  {
    rule: "backfilling data",
    sql: "ALTER TABLE shops ADD COLUMN tax text; UPDATE shops SET tax = 'normal'",
    expects: ["unbounded-write", "backfill-beside-ddl"],
  },
  {
    rule: "setting NOT NULL with a default (change_column_null)",
    sql: "UPDATE shops SET city = 'unknown' WHERE city IS NULL; ALTER TABLE shops ALTER city SET NOT NULL",
    expects: ["set-not-null"],
  },
  { rule: "adding an index non-concurrently", sql: "CREATE INDEX ON shops (city)", expects: ["blocking-index"] },
  { rule: "removing an index non-concurrently", sql: "DROP INDEX shops_city", expects: ["drop-index"] },
  {
    rule: "adding a reference",
    sql: "ALTER TABLE shops ADD COLUMN chain_id bigint; CREATE INDEX ON shops (chain_id)",
    expects: ["blocking-index"],
  },
  {
    rule: "adding a reference (foreign key)",
    sql: "ALTER TABLE shops ADD COLUMN chain_id bigint REFERENCES chains (id)",
    expects: ["new-constraint"],
    why: "no row has a value yet, so nothing is checked",
  },
  {
    rule: "adding a foreign key",
    sql: "ALTER TABLE shops ADD FOREIGN KEY (chain_id) REFERENCES chains (id)",
    expects: ["new-constraint", "validated-at-once"],
  },
  {
    rule: "adding a unique constraint",
    sql: "ALTER TABLE shops ADD UNIQUE (vat)",
    expects: ["new-constraint", "blocking-index"],
  },
  {
    rule: "adding an exclusion constraint",
    sql: "ALTER TABLE rents ADD EXCLUDE USING gist (room WITH =, during WITH &&)",
    expects: ["new-constraint", "blocking-index"],
  },
  { rule: "adding a json column", sql: "ALTER TABLE shops ADD COLUMN hours json", expects: ["change-behaviour"] },
  {
    rule: "setting NOT NULL on an existing column",
    sql: "ALTER TABLE shops ALTER name SET NOT NULL",
    expects: ["set-not-null"],
  },
  {
    rule: "adding a column with a volatile default value",
    sql: "ALTER TABLE shops ADD COLUMN seen timestamptz DEFAULT clock_timestamp()",
    expects: ["table-rewrite"],
  },
  { rule: "renaming a schema", sql: "ALTER SCHEMA sales RENAME TO trade", expects: ["rename-object"] },
  {
    rule: "changing the default value of a column",
    sql: "ALTER TABLE shops ALTER state SET DEFAULT 'open'",
    expects: ["change-behaviour"],
  },
  {
    rule: "keeping non-unique indexes to three columns or less",
    sql: "CREATE INDEX CONCURRENTLY ON shops (a, b, c, d)",
    expects: [],
    why: taste,
  },
];

/** At least one for every rule of the lint of one migration; rule 14 needs a history (drift.test.ts). */
export const own: readonly Example[] = [
  { rule: "1", sql: 'ALTER TABLE "Orders" DROP "e;mail"', expects: ["drop-column"] },
  { rule: "1", sql: "DROP OWNED BY app", expects: ["drop-table"] },
  { rule: "1", sql: "DROP TABLE a, b CASCADE", expects: ["drop-table"] },
  { rule: "1", sql: "DROP AGGREGATE best(int)", expects: ["drop-object"] },
  { rule: "1", sql: "ALTER VIEW open_orders RENAME TO open_purchases", expects: ["rename-table"] },
  { rule: "1", sql: "ALTER TYPE order_state SET SCHEMA archive", expects: ["rename-object"] },
  {
    rule: "1",
    sql: "CREATE TABLE t (id int); ALTER TABLE t RENAME TO u; DROP TABLE u, orders",
    expects: ["drop-table"],
  },
  {
    rule: "1",
    sql: "CREATE TEMP TABLE orders (id int); DROP TABLE orders; DROP TABLE orders",
    expects: ["drop-table"],
  },
  {
    rule: "1",
    sql: "CREATE TABLE orders (id int); SET search_path = other; DROP TABLE orders",
    expects: ["drop-table"],
  },
  { rule: "1", sql: "CREATE TABLE IF NOT EXISTS t (a int); ALTER TABLE t DROP a", expects: ["drop-column"] },
  { rule: "2", sql: "ALTER TABLE orders ADD age int NOT NULL DEFAULT NULL", expects: ["required-column"] },
  { rule: "2", sql: "ALTER TABLE orders ADD CONSTRAINT there NOT NULL note", expects: ["set-not-null"] },
  {
    rule: "2",
    sql: "ALTER TABLE orders ADD COLUMN n int NOT NULL DEFAULT 0, ALTER COLUMN n DROP DEFAULT",
    expects: ["drop-default"],
  },
  { rule: "3", sql: "ALTER TABLE orders ALTER total SET DATA TYPE bigint", expects: ["change-type"] },
  {
    rule: "4",
    sql: "ALTER TABLE orders ADD CONSTRAINT k UNIQUE USING INDEX orders_number",
    expects: ["new-constraint"],
  },
  { rule: "4", sql: "ALTER TABLE orders ALTER CONSTRAINT orders_buyer DEFERRABLE", expects: ["new-constraint"] },
  { rule: "5", sql: "ALTER TYPE order_state ADD VALUE IF NOT EXISTS 'lost' BEFORE 'paid'", expects: ["enum-value"] },
  {
    rule: "6",
    sql: "CREATE TRIGGER stamp BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp()",
    expects: ["change-behaviour"],
  },
  {
    rule: "6",
    sql: "CREATE OR REPLACE FUNCTION total() RETURNS int LANGUAGE sql AS $$ SELECT 1; DROP TABLE orders $$",
    expects: ["change-behaviour"],
  },
  { rule: "6", sql: "CREATE RULE r AS ON DELETE TO orders DO INSTEAD NOTHING", expects: ["change-behaviour"] },
  { rule: "7", sql: "SET LOCAL statement_timeout TO '0ms'", expects: ["timeout-off"] },
  {
    rule: "8",
    sql: "SET lock_timeout = '2s'; CREATE INDEX CONCURRENTLY i ON orders (note)",
    expects: ["concurrently-not-alone"],
  },
  { rule: "8", sql: "CREATE UNIQUE INDEX i ON orders (note)", expects: ["new-constraint", "blocking-index"] },
  {
    rule: "9",
    sql: "ALTER TABLE orders ADD CONSTRAINT p CHECK (a > 0) NOT VALID; ALTER TABLE orders VALIDATE CONSTRAINT p",
    expects: ["new-constraint", "validated-at-once"],
  },
  { rule: "9", sql: "ALTER TABLE orders ADD COLUMN q int CHECK (q > 0)", expects: ["validated-at-once"] },
  { rule: "10", sql: "ALTER TABLE orders ADD COLUMN rank int DEFAULT shop.rank_of('x')", expects: ["table-rewrite"] },
  {
    rule: "11",
    sql: "UPDATE orders SET n = (SELECT count(*) FROM items WHERE items.order_id = orders.id)",
    expects: ["unbounded-write"],
  },
  { rule: "11", sql: "DELETE FROM orders WHERE true", expects: ["unbounded-write"] },
  { rule: "11", sql: "UPDATE orders SET n = 1 WHERE 1 = 1", expects: ["unbounded-write"] },
  {
    rule: "11",
    sql: "WITH gone AS (DELETE FROM orders RETURNING *) INSERT INTO archive SELECT * FROM gone",
    expects: ["unbounded-write"],
  },
  {
    rule: "11",
    sql: "ALTER TABLE orders ADD COLUMN tax text; UPDATE orders SET tax = 'x' WHERE id < 100",
    expects: ["backfill-beside-ddl"],
  },
  { rule: "12", sql: "LOCK TABLE orders", expects: ["exclusive-lock"] },
  { rule: "12", sql: "ALTER TABLE orders SET UNLOGGED", expects: ["exclusive-lock"] },
  { rule: "12", sql: "REFRESH MATERIALIZED VIEW sales", expects: ["exclusive-lock"] },
  { rule: "12", sql: "VACUUM (FULL, ANALYZE) orders", expects: ["exclusive-lock"] },
  { rule: "13", sql: "SELECT clean_up()", expects: ["cannot-analyse"] },
  { rule: "13", sql: "SELECT * FROM generate_series(1, 2), clean_up()", expects: ["cannot-analyse"] },
  { rule: "13", sql: "SELECT evil.lower('x')", expects: ["cannot-analyse"] },
  { rule: "13", sql: "CALL clean_up()", expects: ["cannot-analyse"] },
  { rule: "13", sql: "PREPARE p AS DELETE FROM orders", expects: ["cannot-analyse"] },
  { rule: "13", sql: "EXECUTE p", expects: ["cannot-analyse"] },
  {
    rule: "13",
    sql: "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DROP TABLE ' || 'x'; END $$",
    expects: ["cannot-analyse"],
  },
  { rule: "13", sql: "COPY orders FROM PROGRAM 'cat x'", expects: ["cannot-analyse"] },
  { rule: "13", sql: "EXPLAIN ANALYZE DELETE FROM orders", expects: ["cannot-analyse"] },
  { rule: "13", sql: "IMPORT FOREIGN SCHEMA s FROM SERVER o INTO p", expects: ["cannot-analyse"] },
];

/** Nothing is found in any of them. */
export const harmless: readonly string[] = [
  "CREATE TABLE invoices (id bigint PRIMARY KEY, total numeric NOT NULL, order_id bigint REFERENCES orders (id))",
  "CREATE TABLE u (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, at timestamptz DEFAULT now() NOT NULL)",
  "ALTER TABLE orders ADD COLUMN gift boolean",
  "ALTER TABLE orders ADD COLUMN IF NOT EXISTS gift boolean NOT NULL DEFAULT false",
  "ALTER TABLE orders ADD COLUMN created timestamptz NOT NULL DEFAULT now()",
  "ALTER TABLE orders ADD COLUMN tags jsonb DEFAULT '{}'::jsonb",
  "ALTER TABLE orders ADD COLUMN label text GENERATED ALWAYS AS (name || city) VIRTUAL",
  "ALTER TABLE orders ADD COLUMN token uuid; ALTER TABLE orders ALTER COLUMN token SET DEFAULT gen_random_uuid()",
  "ALTER TABLE orders VALIDATE CONSTRAINT positive",
  "ALTER TABLE orders SET (fillfactor = 80)",
  "CREATE INDEX CONCURRENTLY orders_email ON orders (lower(email))",
  "CREATE TYPE mood AS ENUM ('drop table x;', 'it''s'); ALTER TYPE mood ADD VALUE 'calm'",
  String.raw`INSERT INTO notes VALUES (E'it\'s; DROP TABLE orders; --')`,
  "INSERT INTO kinds (name) VALUES ('a'), ('b') ON CONFLICT (name) DO NOTHING",
  "UPDATE orders SET active = true WHERE id BETWEEN 1 AND 1000",
  "COMMENT ON TABLE orders IS 'DROP TABLE \"orders\"'",
  "SELECT pg_catalog.set_config('search_path', '', false); SET lock_timeout = '2s'",
  "BEGIN; CREATE TABLE t (a int); COMMIT",
  "CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a); ALTER TABLE t ADD b int NOT NULL; UPDATE t SET a = 1; DROP TABLE t",
  "CREATE VIEW v AS SELECT id FROM orders; GRANT SELECT ON v TO app; DROP VIEW v",
  "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT n * 2 $$",
  "-- DROP TABLE orders;\n/* ALTER TABLE orders DROP COLUMN email; /* nested */ */",
  "CREATE EXTENSION IF NOT EXISTS pg_trgm",
  "CREATE TABLE copy AS SELECT id, lower(name) AS name FROM orders",
  "REINDEX INDEX CONCURRENTLY orders_email",
  "",
];
