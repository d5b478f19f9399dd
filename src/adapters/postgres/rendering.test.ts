import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { readingDifference } from "../reading-difference.ts";
import { ownership, readingOf } from "./rendering.ts";

const sql = `--
-- PostgreSQL database dump
--
\\restrict AbCd
-- Dumped by pg_dump version 15.18
CREATE FUNCTION f() RETURNS int AS $$
-- a comment of its own
SELECT 1 $$;

COPY public.empty (id) FROM stdin;
\\.


COPY public."t x" (id, text) FROM stdin;
1\t\\\\.
2\t-- Name: no comment
\\.

SELECT pg_catalog.lowrite(0, '\\x00');
ALTER TABLE public.empty OWNER TO app;
`;

async function* cut(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test("Z3 a rendering reads the same however its bytes are cut, and keeps what is not pg_dump's own comment", async () => {
  const whole = await readingOf(cut(sql, 10_000));

  for (let size = 1; size < 40; size++) expect(await readingOf(cut(sql, size)), `pieces of ${size}`).toEqual(whole);
  expect(whole.schema).toEqual([
    "CREATE FUNCTION f() RETURNS int AS $$",
    "-- a comment of its own",
    "SELECT 1 $$;",
    "COPY public.empty (id) FROM stdin;",
    'COPY public."t x" (id, text) FROM stdin;',
    "ALTER TABLE public.empty OWNER TO app;",
  ]);
  const rows = createHash("sha256").update("\n1\t\\\\.\n2\t-- Name: no comment").digest("hex");
  expect(whole.parts.get('public."t x"')).toBe(rows);
  expect([...whole.parts.keys()]).toEqual(["public.empty", 'public."t x"', "(large objects)"]);
});

test.each([
  ["a row", "2\t--", "3\t--", 'the rows of public."t x" differ'],
  ["a large object", "'\\x00'", "'\\x01'", "the rows of (large objects) differ"],
  ["a statement", "SELECT 1", "SELECT 2", 'the dump says "SELECT 1 $$;"'],
])("Z3 %s that differs is named", async (_what, from, to, words) => {
  const [archive, restored] = [await readingOf(cut(sql, 64)), await readingOf(cut(sql.replace(from, to), 64))];

  expect(readingDifference(archive, restored)).toContain(words);
  expect(readingDifference(archive, archive)).toBeUndefined();
});

test("Z3 owners are compared where they were restored, and only there", async () => {
  const [archive, restored] = [await readingOf(cut(sql, 64)), await readingOf(cut(sql.replace("TO app", "TO me"), 64))];

  expect(readingDifference(archive, restored)).toContain("OWNER TO app");
  expect(readingDifference(archive, restored, ownership)).toBeUndefined();
});

test("Z3 a list of a varchar is the same in both of PostgreSQL's spellings, and another list is not", async () => {
  const first = `CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[])))\n`;
  const again = `CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('it''s'::character varying)::text])))\n`;
  const read = (text: string) => readingOf(cut(text, 64));

  expect(readingDifference(await read(first), await read(again))).toBeUndefined();
  expect(readingDifference(await read(first), await read(again.replace("'a'", "'b'")))).toBeDefined();
});
