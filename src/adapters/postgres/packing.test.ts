/** B1: what pg_dump compresses with is asked of the tool itself; what it answers is decided by a table. */
import { describe, expect, test } from "vitest";
import {
  askForZstd,
  compressionFor,
  compressionOf,
  formatOf,
  layoutFor,
  packingOf,
  requireReads,
  zstdAnswer,
} from "./packing.ts";
import { findTools } from "./tools.ts";

const signal = new AbortController().signal;
const tools = (await findTools(undefined, signal)).at(-1);
if (tools === undefined) console.warn("SKIPPED: what the real pg_dump can compress with, because it is not installed.");

test.each([
  [15, "no", "zlib"],
  [15, "yes", "zlib"],
  [16, "yes", "zstd"],
  [16, "no", "zlib"],
  [16, "unclear", "zlib"],
  [18, "yes", "zstd"],
] as const)("B1 pg_dump %i that answers %s for zstd compresses by %s", (major, answer, compression) => {
  expect(compressionFor(major, answer)).toBe(compression);
});

test.each([
  ['pg_dump: error: invalid value "zstd:3" for option -Z/--compress', "no"],
  ["pg_dump: error: this build does not support compression with ZSTD", "no"],
  ['pg_dump: error: connection to server on socket "/dev/null/.s.PGSQL.5432" failed: Not a directory', "yes"],
  ["Error: PostgreSQL version 16 is not installed", "unclear"],
  ["", "unclear"],
] as const)("B1 the answer %j is %s", (words, answer) => {
  expect(zstdAnswer(words)).toBe(answer);
});

test("B1 a database is dumped by several processes from the size that is configured, and with none never", () => {
  expect(layoutFor(19, { fromBytes: 20 })).toBe("custom");
  expect(layoutFor(20, { fromBytes: 20 })).toBe("directory");
  expect(layoutFor(Number.MAX_SAFE_INTEGER, { fromBytes: null })).toBe("custom");
});

test("B4 the manifest's format names the compression, and one of before there was a choice is read", () => {
  for (const layout of ["custom", "directory"] as const) {
    for (const compression of ["zlib", "zstd"] as const) {
      expect(packingOf(formatOf({ layout, compression }))).toEqual({ layout, compression });
    }
  }
  expect(packingOf("pg_dump -Fc")).toEqual({ layout: "custom", compression: "zlib" });
  expect(packingOf("toString")).toBeUndefined();
});

describe.skipIf(tools === undefined)("the real pg_dump", () => {
  test("B1 says what it can, without any server", async () => {
    const answer = await askForZstd(tools!, signal);

    expect(answer).toBe(tools!.major < 16 ? "no" : expect.stringMatching(/^(yes|no)$/));
    expect(await compressionOf(tools!, signal)).toBe(compressionFor(tools!.major, answer));
  });

  test("B7 tools that do not know zstd are not given an archive of it", async () => {
    await requireReads(tools!, { compression: "zlib" }, signal);
    const reading = requireReads({ ...tools!, major: 15 }, { compression: "zstd" }, signal);

    await expect(reading).rejects.toMatchObject({
      failure: { code: "BACKUP_UNVERIFIED", hint: expect.stringContaining("apt-get install postgresql-client-16") },
    });
  });
});
