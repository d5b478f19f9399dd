/** Which functions an expression calls, and what is known of them. */
import { namesIn, nodesIn, nodesOfKinds, type SqlFields } from "./sql-tree.ts";

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Give the same for a whole statement: a default of them is computed once, and the table is not written anew. */
const steady = new Set(
  words(`
  now transaction_timestamp statement_timestamp current_setting current_database current_schema timezone date_trunc date_part
  extract make_date make_interval make_timestamp make_timestamptz to_char to_date to_timestamp to_number age date_bin
  lower upper initcap length char_length character_length octet_length btrim ltrim rtrim trim replace translate substring substr
  left right lpad rpad repeat reverse split_part concat concat_ws format quote_ident quote_literal quote_nullable strpos position overlay
  starts_with ascii chr md5 sha224 sha256 sha384 sha512 encode decode digest unaccent
  regexp_replace regexp_match regexp_matches regexp_split_to_array regexp_split_to_table regexp_count regexp_substr regexp_like
  abs ceil ceiling floor round trunc mod power sqrt sign exp ln log div width_bucket num_nulls num_nonnulls
  array_append array_prepend array_cat array_length array_position array_remove array_replace array_to_string string_to_array
  array_upper array_lower cardinality unnest generate_series generate_subscripts
  jsonb_build_object jsonb_build_array jsonb_set jsonb_insert jsonb_strip_nulls jsonb_array_elements jsonb_array_elements_text
  jsonb_array_length jsonb_each jsonb_each_text jsonb_object jsonb_object_keys jsonb_typeof jsonb_pretty jsonb_extract_path jsonb_extract_path_text
  json_build_object json_build_array json_array_elements json_array_elements_text json_each json_each_text json_typeof to_json to_jsonb row_to_json
  to_tsvector to_tsquery plainto_tsquery websearch_to_tsquery setweight ts_rank
  count sum min max avg bool_and bool_or every string_agg array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg
  stddev variance percentile_cont percentile_disc mode row_number rank dense_rank ntile lag lead first_value last_value nth_value
  pg_get_serial_sequence pg_typeof to_regclass to_regtype currval lastval version obj_description col_description
  st_makepoint st_setsrid st_point st_geomfromtext st_x st_y
`),
);

/** Give something else for each row, and change nothing but perhaps a sequence. */
const restless = new Set(
  words(`
  random random_normal gen_random_uuid uuidv4 uuidv7 uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 gen_random_bytes
  clock_timestamp timeofday nextval setval set_config pg_sleep
`),
);

const calls = new Set(["FuncCall"]);

/** Plain names, and those that say PostgreSQL's own schema; in any other schema a known name means nothing. */
function nameOf(call: SqlFields): string {
  const names = namesIn(nodesIn(call, "funcname"));
  return (names[0] === "pg_catalog" ? names.slice(1) : names).join(".");
}

export const callsIn = (root: unknown): readonly SqlFields[] => nodesOfKinds(root, calls).map(([, fields]) => fields);

/** The first function that may do anything: what it is, is not in the text. */
export const unknownFunction = (called: readonly SqlFields[]): string | undefined =>
  called.map(nameOf).find((name) => !steady.has(name) && !restless.has(name));

/** A function that makes PostgreSQL compute a default row by row. What is unknown is counted among them. */
export const volatileFunction = (expression: unknown): string | undefined =>
  callsIn(expression)
    .map(nameOf)
    .find((name) => !steady.has(name));

export const isSettingCall = (call: SqlFields): boolean => nameOf(call) === "set_config";
