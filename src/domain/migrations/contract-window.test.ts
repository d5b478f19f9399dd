import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ruleOnContract, safeSinceIn, underWindow, type WindowFacts } from "./contract-window.ts";
import { findingOf } from "./finding.ts";

const hourMs = 3_600_000;
const nowMs = Date.UTC(2026, 5, 1, 12);

/** v1.1.0 replaced v1.0.0 the given hours ago; a rollback is possible for 24 h. */
const facts = (agoHours: number): WindowFacts => ({
  served: [
    { version: "v1.1.0", sinceMs: nowMs - agoHours * hourMs },
    { version: "v1.0.0", sinceMs: nowMs - 1_000 * hourMs },
  ],
  windowMs: 24 * hourMs,
  nowMs,
});

describe("M4 the contract window", () => {
  test("M4 refuses while a rollback may bring back a version that needs it, and says from when on it is allowed", () => {
    const ruling = ruleOnContract("v1.1.0", facts(2));

    expect(ruling).toMatchObject({ kind: "refused", fromMs: nowMs + 22 * hourMs });
    expect(ruling.reason).toContain("2026-06-02 10:00 UTC");
  });

  test("M4 allows once the rollback window is over", () => {
    expect(ruleOnContract("v1.1.0", facts(24)).kind).toBe("allowed");
    expect(ruleOnContract("v1.1.0", facts(23.999)).kind).toBe("refused");
  });

  test("M4 allows where every version that may come back can live with it", () => {
    expect(ruleOnContract("v1.0.0", facts(2)).kind).toBe("allowed");
  });

  test("M4 refuses while the version that serves needs it itself, however long it serves", () => {
    expect(ruleOnContract("v1.2.0", facts(500))).toMatchObject({ kind: "refused" });
    expect(ruleOnContract("v1.2.0", facts(500))).not.toHaveProperty("fromMs");
  });

  test("M4 counts the window of each run: a run in between keeps its own", () => {
    const served = [
      { version: "v1.2.0", sinceMs: nowMs - hourMs },
      { version: "v1.1.0", sinceMs: nowMs - 3 * hourMs },
      { version: "v1.0.0", sinceMs: nowMs - 900 * hourMs },
    ];

    expect(ruleOnContract("v1.1.0", { ...facts(0), served })).toMatchObject({ fromMs: nowMs + 21 * hourMs });
  });

  test("M4 a version that cannot be compared is taken for one that needs it", () => {
    const served = [{ version: "nightly", sinceMs: nowMs - 900 * hourMs }];

    expect(ruleOnContract("v1.0.0", { ...facts(0), served }).kind).toBe("refused");
    expect(ruleOnContract("soon", facts(900)).kind).toBe("refused");
  });

  test("M4 without a declaration it stays refused, also after the window", () => {
    expect(ruleOnContract(undefined, facts(2)).reason).toContain("open until 2026-06-02 10:00 UTC");
    expect(ruleOnContract(undefined, facts(900)).reason).not.toContain("open until");
    expect(ruleOnContract(undefined, facts(900)).kind).toBe("refused");
  });

  test("M4 with nothing that serves there is nothing to wait for", () => {
    expect(ruleOnContract(undefined, { ...facts(0), served: [] }).kind).toBe("allowed");
  });

  test("M4 a ruling never gets stricter as time passes", () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(100), fc.constantFrom("v1.0.0", "v1.1.0", "v1.2.0"), (hours, more, since) => {
        const [early, late] = [facts(hours), facts(hours + more)].map((each) => ruleOnContract(since, each).kind);
        if (early === "allowed") expect(late).toBe("allowed");
      }),
    );
  });

  test.each([
    ["-- sluice: safe since v1.4.0\n", "v1.4.0"],
    ["\n-- why\n--sluice:  SAFE since 2.0.0  \r\n-- more\n", "2.0.0"],
    ["-- not -- sluice: safe since v1.4.0\n", undefined],
    ["/*\n-- sluice: safe since v1.4.0\n*/", undefined],
    ["-- sluice: safe since\n", undefined],
  ])("M4 a declaration stands in the comment lines above: %j", (text, version) => {
    expect(safeSinceIn(text)).toBe(version);
  });

  test("M4 what is allowed stays visible, and a rename is not helped by a declaration", () => {
    const drop = { ...findingOf({ rule: "drop-column" }, "1", "x"), safeSince: "v1.0.0" };
    const rename = { ...findingOf({ rule: "rename-column" }, "1", "x"), safeSince: "v1.0.0" };

    expect(underWindow(drop, facts(2))).toMatchObject({ severity: "warn", reason: expect.stringContaining("v1.0.0") });
    expect(underWindow(rename, facts(900))).toEqual(rename);
  });
});
