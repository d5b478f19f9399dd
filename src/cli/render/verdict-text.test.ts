import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { widthOf } from "./text.ts";
import { odds, type VerdictStatus, verdictBrief, verdictLines } from "./verdict-text.ts";

const verdict: VerdictStatus = {
  mode: "decides",
  kind: "undecided",
  reason: "not proven good yet: errors",
  logE: Math.log(10),
  threshold: Math.log(100),
  holdLogE: 0,
  holdThreshold: Math.log(20),
  candidate: { version: "v1.1.0", requests: 1_204, failed: 3, p95Ms: 41.4 },
  stable: { version: "v1.0.0", requests: 22_800, failed: 57, p95Ms: 4.04 },
  excessUpperBound: 0.0137,
  boundConfidence: 0.95,
  metrics: [
    { name: "errors", advisory: false, logE: Math.log(12) },
    { name: "latency", advisory: true, logE: Math.log(0.5) },
  ],
  unknown: [],
  remarks: [],
};

const shown = (more: Partial<VerdictStatus> = {}, columns = 100): readonly string[] =>
  verdictLines({ ...verdict, ...more }, columns).map(stripVTControlCharacters);

describe("Z2 the comparison as text", () => {
  test("Z2 verdict, evidence against its threshold, both versions, the bound and every metric", () => {
    expect(shown()).toEqual([
      "verdict      · not decided yet: not proven good yet: errors",
      `evidence     ${"█".repeat(15)}${"░".repeat(15)} 10 of 100, which takes it back`,
      "candidate    v1.1.0  3 of 1,204 requests failed (0.25 %) · p95 41 ms",
      "stable       v1.0.0  57 of 22,800 requests failed (0.25 %) · p95 4.0 ms",
      "bound        at most 1.4 points more failures than v1.0.0 (95 % sure)",
      "metrics      errors 12 · latency 0.50 (only advises)",
    ]);
  });

  test("what is not known is named with its reason, and nothing looks settled then", () => {
    const lines = shown({
      reason: "errors is unknown: the router does not answer (3 buckets in a row)",
      unknown: [{ name: "errors", reason: "the router does not answer (3 buckets in a row)", advisory: false }],
    });

    expect(lines[0]).toMatch(/^verdict {6}\? not known: errors is unknown/);
    expect(lines[1]).toContain(`${"█".repeat(15)}${"╱".repeat(15)}`);
    expect(lines).toContain("not known    errors: the router does not answer (3 buckets in a row)");
    expect(lines.join("\n")).not.toContain("✓");
  });

  test("a metric that only advises may be unknown without hiding what is known", () => {
    const lines = shown({ unknown: [{ name: "orders", reason: "no bucket yet", advisory: true }] });

    expect(lines[0]).toContain("not decided yet");
    expect(lines).toContain("not known    orders: no bucket yet (only advises)");
    expect(lines[1]).not.toContain("╱");
  });

  test("no requests are no rate of zero, and no bound is none", () => {
    const lines = shown({
      candidate: { version: "v1.1.0", requests: 0, failed: 0, p95Ms: null },
      excessUpperBound: 1,
    });

    expect(lines[2]).toBe("candidate    v1.1.0  no requests counted yet, so nothing is known");
    expect(lines[4]).toBe("bound        nothing bounds its failures yet");
    expect(shown({ candidate: { ...verdict.candidate, failed: 0 } })[2]).toContain("0 of 1,204 requests failed (0 %)");
    expect(shown({ stable: { ...verdict.stable, p95Ms: null } })[3]).toMatch(/· p95 not known$/);
  });

  test("where no metric decides there is no evidence, and the bar is not that of a good release", () => {
    expect(shown({ logE: null })[1]).toBe(`evidence     ${"╱".repeat(30)} none of 100, which takes it back`);
  });

  test.each([
    ["rollback", "✗ worse: reason"],
    ["hold", "! different, so it is held: reason"],
    ["good", "✓ proven good: reason"],
  ] as const)("says %s in words and shape", (kind, words) => {
    expect(shown({ kind, reason: "reason" })[0]).toBe(`verdict      ${words}`);
  });

  test("what only advises does not say that it takes anything back", () => {
    const [head, evidence] = shown({ mode: "advisory" });

    expect(head).toContain("not decided yet (only advises)");
    expect(evidence).toMatch(/10 of 100$/);
  });

  test("no line is wider than the terminal, and control characters of others do not reach it", () => {
    const evil = "\u001b]0;owned\u0007\u001b[2Jboo";
    const unknown = [{ name: evil, reason: evil.repeat(20), advisory: false }];
    const hostile = {
      ...verdict,
      reason: evil,
      unknown,
      remarks: [evil],
      candidate: { ...verdict.candidate, version: evil },
    };
    for (const columns of [40, 60, 80, 120]) {
      for (const line of verdictLines(hostile, columns)) {
        expect(widthOf(line)).toBeLessThanOrEqual(columns);
        for (const harmful of ["\u001b]", "\u001b[2J", "\u0007"]) expect(line).not.toContain(harmful);
      }
    }
  });

  test("in one line, for where lines are appended", () => {
    expect(stripVTControlCharacters(verdictBrief(verdict))).toBe(
      "not decided yet · evidence 10 of 100, which takes it back · candidate 3 of 1,204 failed · stable 57 of 22,800 failed",
    );
  });
});

test.each([
  [null, "none"],
  [Math.log(0.001), "under 0.01"],
  [Math.log(0.042), "0.04"],
  [0, "1"],
  [Math.log(3.21), "3.2"],
  [Math.log(123.4), "123"],
  [Math.log(45_678), "45,700"],
  [21, "10^9"],
])("odds of %s are read as %s", (logE, words) => {
  expect(odds(logE)).toBe(words);
});
