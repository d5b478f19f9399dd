import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { clip, fold, hanging, table, widthOf } from "./text.ts";

test("a wide character counts two columns, a combining mark and a colour none", () => {
  expect(widthOf("ab")).toBe(2);
  expect(widthOf("负载")).toBe(4);
  expect(widthOf("🚀")).toBe(2);
  expect(widthOf("👩‍💻")).toBe(2);
  expect(widthOf("e\u0301")).toBe(1);
  expect(widthOf("\u001b[31m✗\u001b[39m")).toBe(1);
});

test("what is cut is never wider than asked, whatever it is made of", () => {
  const texts = ["plain words in a row", "负载负载负载负载", "🚀🚀🚀🚀🚀", "\u001b[31mred red red red\u001b[39m"];

  for (const text of texts) {
    for (let columns = 0; columns < 24; columns++) expect(widthOf(clip(text, columns))).toBeLessThanOrEqual(columns);
  }
});

test("a colour that was cut open is closed", () => {
  expect(clip("\u001b[31mred and long\u001b[39m", 6)).toBe("\u001b[31mred a…\u001b[0m");
});

test("nothing is cut where nobody watches", () => {
  expect(clip("x".repeat(500), Number.POSITIVE_INFINITY)).toHaveLength(500);
});

test("folded text keeps its words and its indentation", () => {
  const lines = hanging("why  ", "the candidate answered with 500 to one request in ten", 30);

  expect(lines).toEqual(["why  the candidate answered", "     with 500 to one request", "     in ten"]);
  expect(fold("a word-longer-than-the-line b", 8)).toEqual(["a", "word-longer-than-the-line", "b"]);
});

test("columns of a table line up beside wide characters, and no line is wider than the terminal", () => {
  const rows = [
    ["环境", "v1.0.0", "a long explanation that does not fit"],
    ["production", "\u001b[32mv1\u001b[39m", "short"],
  ];

  const lines = table(rows, 40).map(stripVTControlCharacters);

  expect(lines[0]).toBe("环境        v1.0.0  a long explanation …");
  expect(lines[1]).toBe("production  v1      short");
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(40);
});
