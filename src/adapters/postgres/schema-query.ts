/** One question for everything in a database that has a name, as `SchemaThing` has it. */

/** Long definitions are remembered by their beginning and their hash. */
const short = (text: string): string =>
  `CASE WHEN length(${text}) > 120 THEN left(${text}, 80) || '… ' || md5(${text}) ELSE ${text} END`;

const selects = [
  `SELECT 'schema' AS kind, quote_ident(n.nspname) AS label, NULL AS of, n.oid::text AS id, '' AS "like",
          ARRAY[n.nspname::text] AS path, false AS broken, format('DROP SCHEMA %I', n.nspname) AS drop
     FROM pg_namespace n WHERE n.oid IN (SELECT oid FROM own)`,
  `SELECT 'extension', quote_ident(extname), NULL, oid::text, extversion,
          ARRAY[extname::text], false, format('DROP EXTENSION %I', extname)
     FROM pg_extension`,
  `SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END,
          c.label, NULL, c.oid::text, ${short("CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) ELSE c.relkind::text END")},
          ARRAY[c.nspname, c.relname], false,
          format('DROP %s %I.%I', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, c.nspname, c.relname)
     FROM relations c
    WHERE c.relkind <> 'S' OR NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i'))`,
  `SELECT 'column', format('%s.%I', c.label, a.attname), c.label, a.attrelid || '/' || a.attnum,
          ${short("concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END, 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid))")},
          ARRAY[c.nspname, c.relname, a.attname::text], false,
          format('ALTER TABLE %I.%I DROP COLUMN %I', c.nspname, c.relname, a.attname)
     FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p', 'f')`,
  `SELECT 'index', format('%s on %s', quote_ident(i.relname), c.label), c.label, i.oid::text,
          ${short("CASE WHEN x.indisvalid THEN '' ELSE 'INVALID: ' END || pg_get_indexdef(i.oid)")},
          ARRAY[c.nspname, c.relname, i.relname::text], NOT x.indisvalid AND i.relkind = 'i',
          format('DROP INDEX CONCURRENTLY %I.%I', c.nspname, i.relname)
     FROM relations c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))`,
  `SELECT 'constraint', format('%s on %s', quote_ident(k.conname), c.label), c.label, k.oid::text,
          ${short("pg_get_constraintdef(k.oid)")}, ARRAY[c.nspname, c.relname, k.conname::text], false,
          format('ALTER TABLE %I.%I DROP CONSTRAINT %I', c.nspname, c.relname, k.conname)
     FROM relations c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')`,
  `SELECT 'trigger', format('%s on %s', quote_ident(t.tgname), c.label), c.label, t.oid::text,
          ${short("pg_get_triggerdef(t.oid)")}, ARRAY[c.nspname, c.relname, t.tgname::text], false,
          format('DROP TRIGGER %I ON %I.%I', t.tgname, c.nspname, c.relname)
     FROM relations c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal`,
  `SELECT 'type', format_type(t.oid, NULL), NULL, t.oid::text,
          ${short("coalesce((SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), t.typtype::text)")},
          ARRAY[n.nspname::text, t.typname::text], false,
          format('DROP %s %I.%I', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, t.typname)
     FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace AND n.oid IN (SELECT oid FROM own)
    WHERE (t.typtype IN ('d', 'e') OR (t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))
      AND NOT ${ofExtension("pg_type", "t.oid")}`,
  `SELECT 'function', p.oid::regprocedure::text, NULL, p.oid::text, md5(p.prosrc || coalesce(p.probin, '')),
          ARRAY[n.nspname::text, p.proname::text], false,
          format('DROP %s %s', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, p.oid::regprocedure)
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.oid IN (SELECT oid FROM own)
    WHERE NOT ${ofExtension("pg_proc", "p.oid")}`,
];

function ofExtension(catalogue: string, oid: string): string {
  return `EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalogue}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;
}

/** $1: the migration tool's own tables, without their schemas. */
export const schemaQuery = `
  WITH own AS (
    SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
  ), relations AS (
    SELECT c.oid, c.relkind, n.nspname::text AS nspname, c.relname::text AS relname, c.oid::regclass::text AS label
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.oid IN (SELECT oid FROM own) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
       AND c.relname <> ALL ($1::text[]) AND NOT ${ofExtension("pg_class", "c.oid")}
  )
  ${selects.join("\n  UNION ALL\n  ")}`;
