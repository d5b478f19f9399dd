/** Real commands that print what OSV's scanner prints. */
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { osvCommand } from "./osv-command.ts";

const never = new AbortController().signal;

const printing = (document: unknown, exitCode: number) =>
  osvCommand({
    argv: [
      process.execPath,
      "-e",
      `console.log(process.argv[1]); process.exitCode = ${exitCode}`,
      JSON.stringify(document),
    ],
    timeoutMs: 30_000,
  }).look(tmpdir(), never);

const found = {
  results: [
    {
      packages: [
        {
          package: { name: "left-pad", version: "1.0.0", ecosystem: "npm" },
          vulnerabilities: [
            { id: "GHSA-1" },
            { id: "GHSA-2", database_specific: { severity: "MEDIUM" } },
            { id: "GHSA-3" },
          ],
          groups: [
            { ids: ["GHSA-1", "CVE-1"], max_severity: "9.8" },
            { ids: ["GHSA-3"], max_severity: "" },
          ],
        },
      ],
    },
  ],
};

test("T8 severities come from the score, else from the database's word, else nobody tells them", async () => {
  expect(await printing(found, 1)).toEqual({
    kind: "answered",
    found: [
      { id: "GHSA-1", package: "left-pad", severity: "critical" },
      { id: "GHSA-2", package: "left-pad", severity: "moderate" },
      { id: "GHSA-3", package: "left-pad", severity: null },
    ],
  });
});

test("T8 no result is none only with exit code 0", async () => {
  expect(await printing({ results: [] }, 0)).toEqual({ kind: "answered", found: [] });
  expect(await printing({ results: [] }, 1)).toMatchObject({ kind: "silent" });
  expect(await printing({ results: [] }, 128)).toMatchObject({ kind: "silent" });
  expect(await printing("no results", 0)).toMatchObject({ kind: "silent" });
});

test("T8 a program that is not there, prints no JSON or hangs is silent, which is no pass", async () => {
  const asked = (code: string, timeoutMs = 30_000) =>
    osvCommand({ argv: [process.execPath, "-e", code], timeoutMs }).look(tmpdir(), never);

  expect(await osvCommand({ argv: ["no-such-scanner"], timeoutMs: 1_000 }).look(tmpdir(), never)).toMatchObject({
    kind: "silent",
  });
  expect(await asked("console.log('all fine')")).toMatchObject({ kind: "silent" });
  expect(await asked("setInterval(() => {}, 1000)", 300)).toMatchObject({
    kind: "silent",
    reason: expect.stringContaining("within 300 ms"),
  });
});
