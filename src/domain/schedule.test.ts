import { describe, expect, test } from "vitest";
import { claimLimitMs, type DueFacts, ruleOnDue, type ScheduledRun } from "./schedule.ts";

const hourMs = 3_600_000;
const nightMs = 100 * 24 * hourMs;

const ran = (over: Partial<ScheduledRun>): ScheduledRun => ({
  environment: "production",
  name: "nightly",
  dueAtMs: nightMs,
  executor: { host: "build-1", pid: 4_711 },
  claims: 1,
  claimedAtMs: nightMs + 1_000,
  endedAtMs: nightMs + 60_000,
  outcome: "succeeded",
  detail: null,
  ...over,
});

const rule = (facts: Partial<DueFacts>) =>
  ruleOnDue({ nowMs: nightMs + hourMs, lastFireMs: nightMs, last: ran({}), lives: false, ...facts });

describe("what is due", () => {
  test("B6 a schedule that never ran is due at once, and one that ran is not until its next time", () => {
    expect(rule({ last: undefined })).toEqual({ kind: "due", dueAtMs: nightMs, after: null });
    expect(rule({})).toEqual({ kind: "waits" });
    expect(rule({ lastFireMs: undefined, last: undefined })).toEqual({ kind: "waits" });
  });

  test("B6 a missed week is made up for by one run, at the last of its times", () => {
    const weekLater = nightMs + 7 * 24 * hourMs;

    expect(rule({ nowMs: weekLater + hourMs, lastFireMs: weekLater })).toEqual({
      kind: "due",
      dueAtMs: weekLater,
      after: null,
    });
  });

  test("B6 what runs is left alone while its process lives, or may live on another machine", () => {
    const last = ran({ endedAtMs: null, outcome: null });

    expect(rule({ last, lives: true })).toEqual({ kind: "running", run: last });
    expect(rule({ last, lives: undefined })).toEqual({ kind: "running", run: last });
    expect(rule({ last, lives: true, lastFireMs: nightMs + hourMs })).toEqual({ kind: "running", run: last });
  });

  test("B6 what a dead process began is begun again, in place of its claim; at a later time anew", () => {
    const last = ran({ endedAtMs: null, outcome: null, claims: 2 });
    const late = nightMs + claimLimitMs + 2_000;

    expect(rule({ last })).toEqual({ kind: "due", dueAtMs: nightMs, after: 2 });
    expect(rule({ last, lives: undefined, nowMs: late })).toEqual({ kind: "due", dueAtMs: nightMs, after: 2 });
    expect(rule({ last, lives: true, nowMs: late })).toEqual({ kind: "due", dueAtMs: nightMs, after: 2 });
    expect(rule({ last, lastFireMs: nightMs + hourMs })).toEqual({
      kind: "due",
      dueAtMs: nightMs + hourMs,
      after: null,
    });
  });

  test("B6 what failed is not tried again before its next time", () => {
    expect(rule({ last: ran({ outcome: "failed" }) })).toEqual({ kind: "waits" });
  });
});
