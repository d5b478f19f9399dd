/** Vital signs of the machine that runs the tests. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { localHost } from "./local-host.ts";

test("F4 disk, memory and load are read, also for a folder that is yet to be made", async () => {
  const facts = await localHost().facts(join(tmpdir(), "not", "yet", "there"), new AbortController().signal);

  expect(facts.name).not.toBe("");
  expect(facts.freeDiskBytes).toBeGreaterThan(0);
  expect(facts.freeMemoryBytes).toBeGreaterThan(0);
  expect(facts.freeMemoryBytes).toBeLessThanOrEqual(facts.totalMemoryBytes);
  expect(facts.loadPerCpu).toBeGreaterThanOrEqual(0);
});
