import { describe, expect, test } from "vitest";
import { cronFault, firesBetween, largestGapMs, lastFire, nextFire, timeZoneFault } from "./cron.ts";

const at = (text: string): number => Date.parse(text);
const shown = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();
const utc = (cron: string) => ({ cron, timeZone: "UTC" });
const berlin = (cron: string) => ({ cron, timeZone: "Europe/Berlin" });
const hourMs = 3_600_000;

describe("cron", () => {
  test("B6 an expression that cannot be meant is told in words", () => {
    expect(cronFault("0 2 * * *")).toBeUndefined();
    expect(cronFault("@daily")).toBeUndefined();
    expect(cronFault("0 2 * *")).toContain("five: minute, hour, day, month, weekday");
    expect(cronFault("0 0 2 * * *")).toContain("6 fields");
    expect(cronFault("61 2 * * *")).toContain("61");
    expect(cronFault("30 2 31 2 *")).toContain("never comes");
    expect(cronFault("@never")).toBeDefined();
    expect(timeZoneFault("Europe/Berlin")).toBeUndefined();
    expect(timeZoneFault("Mars/Olympus")).toBeDefined();
  });

  test("B6 the last time includes now, the next one does not", () => {
    const two = at("2026-11-20T02:00:00Z");

    expect(lastFire(utc("0 2 * * *"), two)).toBe(two);
    expect(lastFire(utc("0 2 * * *"), two + 999)).toBe(two);
    expect(shown(lastFire(utc("0 2 * * *"), two - 1))).toBe("2026-11-19T02:00:00.000Z");
    expect(shown(nextFire(utc("0 2 * * *"), two))).toBe("2026-11-21T02:00:00.000Z");
  });

  test("B6 an hour that a zone leaves out comes at its end, and one that it repeats comes once", () => {
    const daily = berlin("30 2 * * *");

    expect(shown(nextFire(daily, at("2026-03-28T12:00:00Z")))).toBe("2026-03-29T01:00:00.000Z");
    expect(shown(nextFire(daily, at("2026-03-29T12:00:00Z")))).toBe("2026-03-30T00:30:00.000Z");
    expect(shown(nextFire(daily, at("2026-10-24T12:00:00Z")))).toBe("2026-10-25T00:30:00.000Z");
    expect(shown(nextFire(daily, at("2026-10-25T00:30:00Z")))).toBe("2026-10-26T01:30:00.000Z");
    expect(firesBetween(daily, at("2026-10-25T00:00:00Z"), at("2026-10-25T12:00:00Z"))).toBe(1);
  });

  test("B6 the 29th of February comes every four years", () => {
    const leap = utc("0 0 29 2 *");

    expect(shown(lastFire(leap, at("2026-11-20T00:00:00Z")))).toBe("2024-02-29T00:00:00.000Z");
    expect(shown(nextFire(leap, at("2026-11-20T00:00:00Z")))).toBe("2028-02-29T00:00:00.000Z");
    expect(largestGapMs(leap, at("2026-11-20T00:00:00Z"))).toBe(1_461 * 24 * hourMs);
  });

  test("B11 the longest time between two of its times, at whatever rate they come", () => {
    const from = at("2026-11-20T12:00:00Z");

    expect(largestGapMs(utc("0 2 * * *"), from)).toBe(24 * hourMs);
    expect(largestGapMs(berlin("0 4 * * *"), from)).toBe(25 * hourMs);
    expect(largestGapMs(utc("0 2 * * 1-5"), from)).toBe(72 * hourMs);
    expect(largestGapMs(utc("* * * * *"), from)).toBe(60_000);
    expect(largestGapMs(utc("*/5 8-18 * * 1-5"), from)).toBe(at("2026-11-23T08:00:00Z") - at("2026-11-20T18:55:00Z"));
  });
});
