import { describe, expect, test } from "vitest";
import type { EvidencePoint } from "./canary/replay.ts";
import { escapeXml, type VerdictDrawing, verdictSvg } from "./verdict-svg.ts";

const began = Date.UTC(2026, 10, 20, 12);
const counts = (events: number, total: number) => ({ events, total });

const point = (n: number, more: Partial<EvidencePoint> = {}): EvidencePoint => ({
  index: n,
  startMs: began + n * 5_000,
  endMs: began + (n + 1) * 5_000,
  logE: 0,
  holdLogE: 0,
  candidate: counts(0, 10),
  stable: counts(1, 200),
  candidateShare: 0.05,
  missing: [],
  ...more,
});

const drawing: VerdictDrawing = {
  title: "v1.1.0 against v1.0.0 in production",
  subtitle: "Worse than the stable version: errors",
  candidate: "v1.1.0",
  stable: "v1.0.0",
  points: [
    point(0, { candidate: counts(0, 0) }),
    point(1, { candidate: counts(2, 10) }),
    point(2, { candidate: null, stable: null, missing: [{ name: "errors", reason: "down" }] }),
    point(3, { candidate: counts(10, 10), logE: Math.log(1_000) }),
  ],
  weights: [
    { atMs: began + 5_000, percent: 5 },
    { atMs: began + 19_000, percent: 0 },
  ],
  threshold: Math.log(100),
};

/** The data of the last path of a class. */
const pathsOf = (svg: string, name: string): readonly string[] =>
  [...svg.matchAll(new RegExp(`<path class="${name}" d="([^"]*)"/>`, "g"))].map((hit) => hit[1] ?? "");

describe("Z2 the picture of a comparison", () => {
  test("Z2 draws weight, error rates and evidence over one time axis, exactly where they were", () => {
    const svg = verdictSvg(drawing);

    // 20 s from x 70 to 936: 216.5 for each interval. Paths of the candidate: legend, weight, rates, evidence.
    const [, weight, rates, evidence] = pathsOf(svg, "candidate");
    expect(weight).toBe("M70 200H286.5V196.5H892.7V200H936");
    // 20 % of at most 100 %, then a gap, then all.
    expect(rates).toBe("M286.5 386H503M719.5 250H936");
    // From 1 (no evidence) to 1,000; the scale goes from 0.01 to 1,000.
    expect(evidence).toBe("M70 560H286.5V560H503V560H719.5V470H936");
    expect(pathsOf(svg, "limit")).toEqual(["M70 500H936"]);
    expect(svg).toContain("threshold 100: back");
    expect(svg).toContain("since 2026-11-20 12:00:00 UTC");
  });

  test("what is not known is hatched, and neither it nor an interval without requests is drawn as a rate of zero", () => {
    const svg = verdictSvg(drawing);

    expect(svg).toContain('<rect x="503" y="250" width="216.5" height="170" fill="url(#unknown)"/>');
    expect(pathsOf(svg, "stable")[1]).toBe("M70 419.2H286.5V419.2H503M719.5 419.2H936");
  });

  test("without any metric that decides there is no line of evidence", () => {
    const none = { ...drawing, points: drawing.points.map((each) => ({ ...each, logE: null })) };

    expect(pathsOf(verdictSvg(none), "candidate")[3]).toBe("");
  });

  test("a long reason has two lines, and what is longer still is cut", () => {
    const svg = verdictSvg({ ...drawing, subtitle: "word ".repeat(100).trim() });

    const lines = [...svg.matchAll(/<text class="dim" x="70" y="(56|74)">([^<]*)</g)].map((hit) => hit[2] ?? "");
    expect(lines.map((line) => line.length)).toEqual([134, 135]);
    expect(lines[1]).toMatch(/…$/);
  });

  test("has no script and no reference to anything outside, and is one well-formed tree", () => {
    const svg = verdictSvg(drawing);

    expect(svg).not.toMatch(/<script|<foreignObject|<image|<a |\bon\w+=|href|@import|url\((?!#)/i);
    expect(svg.match(/https?:[^"]*/g)).toEqual(["http://www.w3.org/2000/svg"]);
    const open: string[] = [];
    for (const [, end, name, alone] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/gi)) {
      if (end === "/") expect(open.pop()).toBe(name);
      else if (alone !== "/") open.push(name ?? "");
    }
    expect(open).toEqual([]);
  });

  test("names of others are text, whatever is in them", () => {
    const evil = `</text><script>alert("1")</script>&'\u0000\u001b[2J\ud800`;
    const svg = verdictSvg({ ...drawing, title: evil, subtitle: evil, candidate: evil, stable: evil });

    for (const harmful of ["<script", 'alert("', "\u0000", "\u001b", "&'"]) expect(svg).not.toContain(harmful);
    expect(svg.isWellFormed()).toBe(true);
    expect(escapeXml(`<a b="c">&'`)).toBe("&#60;a b=&#34;c&#34;&#62;&#38;&#39;");
  });

  test("a rollout of a day is drawn with as few columns as can be told apart, and keeps its highest evidence", () => {
    const points = Array.from({ length: 17_280 }, (_, n) => point(n, n === 9_000 ? { logE: Math.log(1_000) } : {}));
    const svg = verdictSvg({ ...drawing, points, weights: [] });

    expect(svg.length).toBeLessThan(40_000);
    expect(pathsOf(svg, "candidate")[3]).toContain("V470H");
  });

  test("nothing was counted at all: an empty picture, and no number that is none", () => {
    const svg = verdictSvg({ ...drawing, points: [], weights: [] });

    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});
