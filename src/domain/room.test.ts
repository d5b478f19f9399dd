import { expect, test } from "vitest";
import { type Room, roomVerdict } from "./room.ts";

const room: Room = { liveBytes: 5e9, freeBytes: 8e9, limitBytes: null, words: "/data" };

test.each([
  [
    "as much as it needs and must leave",
    {},
    7e9,
    1e9,
    "enough",
    "a copy takes about 7.0 GB, and /data has 8.0 GB free",
  ],
  [
    "less than must be left",
    {},
    7e9,
    1e9 + 1,
    "short",
    "a copy takes about 7.0 GB, and /data has 8.0 GB free, of which 1.0 GB",
  ],
  [
    "too little for the live one",
    { liveBytes: 9e9 },
    null,
    0,
    "short",
    "a copy takes about 9.0 GB, and /data has 8.0 GB free",
  ],
  ["less by its limit than on its disk", { limitBytes: 6e9 }, 7e9, 0, "short", "roomForCopy allows 6.0 GB"],
  ["a limit alone", { freeBytes: null, limitBytes: 7e9 }, 7e9, 1e9, "enough", "roomForCopy allows 7.0 GB"],
  ["a limit that is too small", { freeBytes: null, limitBytes: 6e9 }, 7e9, 0, "short", "roomForCopy allows 6.0 GB"],
  [
    "nothing that anybody knows",
    { freeBytes: null, words: "it is elsewhere" },
    7e9,
    0,
    "unknown",
    "not known: it is elsewhere",
  ],
] as const)("B3 a disk with %s", (_what, changes, needed, reserve, kind, words) => {
  const verdict = roomVerdict({ ...room, ...changes }, needed, reserve);

  expect(verdict.kind).toBe(kind);
  expect(verdict.words).toContain(words);
});
