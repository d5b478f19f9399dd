import { expect, test } from "vitest";
import { presentationOf, wrap } from "../shared/presentation.ts";
import { type DemoRow, demoPassed, renderTable } from "./table.ts";

const good: DemoRow = {
  release: "v1.1.0",
  outcome: "succeeded",
  asExpected: true,
  why: "healthy",
  served: 12_345,
  failed: 0,
  failedBySluice: 0,
  records: "deployment-logs/1795214400-3f2a9c1b22aa",
};
const bad: DemoRow = {
  ...good,
  release: "v1.2.0",
  outcome: "rolled-back",
  why: "at 10 % the candidate failed 5.1 % of its requests, the stable version none; traffic went back at once",
  detectMs: 4_230,
  served: 987,
  failed: 9,
};
const rows = [good, bad];

test("a pipe gets plain lines that fit the width, with columns aligned", () => {
  const text = renderTable(rows, { width: 110, colour: false });

  const lines = text.trimEnd().split("\n");
  expect(text).not.toContain("\u001b");
  expect(lines.slice(0, -1).every((line) => line.length <= 110)).toBe(true);
  const header = lines[0]!;
  const first = lines.find((line) => line.startsWith("v1.1.0"))!;
  expect(first.indexOf("succeeded")).toBe(header.indexOf("outcome"));
  expect(first.indexOf("12,345") + "12,345".length).toBe(header.indexOf("requests") + "requests".length);
  expect(lines.find((line) => line.startsWith("v1.2.0"))).toContain("4.2 s");
  expect(lines.at(-1)).toBe("13,332 requests served, 9 failed, 0 because of Sluice (must be 0).");
});

test("nothing of a long reason or path is lost in wrapping", () => {
  const path = "deployment-logs/production/1795214400-3f2a9c1b22aa/report.html";

  expect(wrap(bad.why, 24).join(" ")).toBe(bad.why);
  expect(wrap(path, 20).join("")).toBe(path);
  expect(wrap(path, 20).every((line) => line.length <= 20)).toBe(true);
});

test("colours take no room: without them a terminal shows the same as a pipe", () => {
  const painted = renderTable(rows, { width: 120, colour: true });

  expect(painted).toContain("\u001b[");
  const paint = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
  expect(painted.replaceAll(paint, "")).toBe(renderTable(rows, { width: 120, colour: false }));
});

test("colour needs a terminal and yields to NO_COLOR", () => {
  const terminal = { isTTY: true, columns: 90 };

  expect(presentationOf(terminal, {})).toEqual({ width: 90, colour: true });
  expect(presentationOf(terminal, { NO_COLOR: "1" })).toEqual({ width: 90, colour: false });
  expect(presentationOf(terminal, { TERM: "dumb" }).colour).toBe(false);
  expect(presentationOf({}, { CI: "true", FORCE_COLOR: "1" }).colour).toBe(false);
});

test("one request lost by Sluice, an unexpected end, or no row at all fails the demo", () => {
  const lost = { ...bad, failed: 10, failedBySluice: 1 };

  expect(demoPassed(rows)).toBe(true);
  expect(demoPassed([good, lost])).toBe(false);
  expect(demoPassed([{ ...good, asExpected: false }])).toBe(false);
  expect(demoPassed([])).toBe(false);
  expect(renderTable([lost], { width: 110, colour: false })).toContain("1 because of Sluice (must be 0)");
});
