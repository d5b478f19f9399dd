import { expect, test } from "vitest";
import { onlyCommentsDiffer } from "./comments.ts";

const applied = "CREATE TABLE t (a text DEFAULT 'x -- y');\nSELECT $q$ /* kept */ $q$;";

test.each([
  ["a licence header", `-- Copyright 2026\n/* all\n rights */\n${applied}`],
  ["other line ends and blanks", applied.replaceAll("\n", "\r\n  ")],
  ["a comment behind a statement", applied.replace(";", "; -- done")],
])("M4 %s changes a checksum and no schema", (_what, released) => {
  expect(onlyCommentsDiffer(applied, released)).toBe(true);
});

test.each([
  ["a statement more", `${applied}\nDROP TABLE t;`],
  ["a text that looks like a comment", applied.replace("-- y", "-- z")],
  ["blanks inside a text", applied.replace("x --", "x  --")],
  ["what a dollar quote holds", applied.replace("/* kept */", "")],
  ["what stands behind an escaped quote", `${applied}SELECT E'\\' -- ' || 'a';`],
])("M4 %s is an edit", (_what, released) => {
  expect(onlyCommentsDiffer(applied, released)).toBe(false);
});

test("M4 two texts that differ behind an escaped quote are not taken for equal", () => {
  expect(onlyCommentsDiffer("SELECT E'\\' -- ' || 'a'", "SELECT E'\\' -- ' || 'b'")).toBe(false);
});
