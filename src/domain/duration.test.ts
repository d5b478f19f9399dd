import fc from "fast-check";
import { expect, test } from "vitest";
import { humanBytes, humanDuration } from "./duration.ts";

test.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [999.6, "1 s"],
  [1_000, "1 s"],
  [1_250, "1.3 s"],
  [9_960, "10 s"],
  [59_400, "59 s"],
  [59_999, "1 min"],
  [60_000, "1 min"],
  [90_000, "1 min 30 s"],
  [119_700, "2 min"],
  [3_599_900, "1 h"],
  [3_600_000, "1 h"],
  [5_400_000, "1 h 30 min"],
  [172_800_000, "48 h"],
])("%d ms is %s", (ms, text) => {
  expect(humanDuration(ms)).toBe(text);
});

test("no duration is told with 60 seconds, 60 minutes or 1000 milliseconds", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
      expect(humanDuration(ms)).not.toMatch(/(^|\s)(60 s|60 min|1000 ms)/);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1.0 kB"],
  [12_345, "12 kB"],
  [999_999, "1.0 MB"],
  [1_500_000, "1.5 MB"],
  [5e15, "5000 TB"],
])("%d bytes are %s", (bytes, text) => {
  expect(humanBytes(bytes)).toBe(text);
});
