/** Durations and sizes survive being written and read; suggestions are near, and none is made up. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { nearest } from "./suggestion.ts";
import {
  durationMs,
  durationPattern,
  durationText,
  nearestDuration,
  sizeBytes,
  sizePattern,
  sizeText,
} from "./text-forms.ts";

test.each([
  ["300ms", 300],
  ["0s", 0],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["2d", 172_800_000],
  ["1m500ms", 60_500],
])("%s is %d ms", (text, ms) => {
  expect(text).toMatch(durationPattern);
  expect(durationMs(text)).toBe(ms);
});

test.each(["", "5", "m", "5 m", "1.5h", "5m1h", "-5m", "5min", "5M"])("%j is no duration", (text) => {
  expect(text).not.toMatch(durationPattern);
});

test("a duration reads back as it was written", () => {
  fc.assert(
    fc.property(fc.nat(400 * 86_400_000), (ms) => {
      expect(durationMs(durationText(ms))).toBe(ms);
    }),
  );
});

test("a size reads back as it was written", () => {
  expect([sizeBytes("1GiB"), sizeBytes("64MB"), sizeBytes("0B")]).toEqual([2 ** 30, 64e6, 0]);
  fc.assert(
    fc.property(fc.nat(1e9), fc.constantFrom("B", "kB", "MB", "KiB", "MiB"), (count, unit) => {
      const bytes = sizeBytes(`${count}${unit}`);
      expect(sizeText(bytes)).toMatch(sizePattern);
      expect(sizeBytes(sizeText(bytes))).toBe(bytes);
    }),
  );
});

test.each([
  ["5 min", "5m"],
  ["90 seconds", "1m30s"],
  ["1.5h", "1h30m"],
  ["300 ms", "300ms"],
  ["2 milliseconds", "2ms"],
  ["soon", undefined],
])("%j was probably meant as %j", (text, expected) => {
  expect(nearestDuration(text)).toBe(expected);
});

test.each([
  ["polcy", "policy"],
  ["plocy", "policy"],
  ["env", "environment"],
  ["check_every", "checkEvery"],
  ["url", undefined],
  ["banana", undefined],
])("%j is nearest to %j", (word, expected) => {
  expect(nearest(word, ["policy", "environment", "checkEvery", "of"])).toBe(expected);
});
