import { expect, test } from "vitest";
import { jsonAt, parseJsonPath } from "./json-path.ts";

const document = { version: "v1", a: { b: [{ c: 7 }, null] }, "x-y": false };

test.each([
  ["version", "v1"],
  ["a.b[0].c", 7],
  ["a.b[1]", null],
  ["x-y", false],
  ["a.b[2].c", undefined],
  ["constructor.constructor", undefined],
  ["a.b.length", undefined],
  ["version.length", undefined],
  ["__proto__", undefined],
])("the path %s is read as data", (text, expected) => {
  const path = parseJsonPath(text);

  expect(path && jsonAt(document, path)).toEqual(expected);
});

test.each(["", ".", ".a", "a.", "a..b", "a[", "a[x]", "a[-1]", "a]b", "a b", "a[0]b", "a.[0]"])(
  "%o is no path",
  (text) => {
    expect(parseJsonPath(text)).toBeUndefined();
  },
);
