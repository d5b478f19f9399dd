/** Real commands that stand in for a CI client. */
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { commandCiGate } from "./ci-gate.ts";

const never = new AbortController().signal;
const commit = "3f2a9c1b22aa00000000000000000000000000aa";
const gate = (code: string, timeoutMs = 10_000) =>
  commandCiGate({ argv: [process.execPath, "-e", code, "{commit}"], cwd: tmpdir(), timeoutMs });

test("T4 exit code 0 for exactly this commit has passed", async () => {
  const answer = await gate("console.log('checked ' + process.argv[1])").passed(commit, never);

  expect(answer).toEqual({ verdict: { kind: "pass" }, detail: `checked ${commit}` });
});

test("T4 exit code 1 has failed, with the last line as the reason", async () => {
  const answer = await gate("console.log('tests: failure'); process.exit(1)").passed(commit, never);

  expect(answer.verdict).toEqual({ kind: "fail", reason: "tests: failure" });
});

test("T4 any other exit code is not known, which is no pass", async () => {
  const answer = await gate("console.error('rate limited'); process.exit(2)").passed(commit, never);

  expect(answer.verdict).toEqual({ kind: "unknown", reason: expect.stringContaining("exit code 2: rate limited") });
});

test("T4 no answer in time is not known", async () => {
  const answer = await gate("setInterval(() => {}, 1000)", 300).passed(commit, never);

  expect(answer.verdict).toEqual({ kind: "unknown", reason: expect.stringContaining("no answer within 300 ms") });
});

test("T4 a command that is not there is not known, nor is an abbreviated commit", async () => {
  const missing = commandCiGate({ argv: ["no-such-ci-client"], cwd: tmpdir(), timeoutMs: 1_000 });

  expect((await missing.passed(commit, never)).verdict).toMatchObject({ kind: "unknown" });
  expect((await gate("0").passed("3f2a9c1", never)).verdict).toMatchObject({ kind: "unknown" });
});

test("a cancelled question is no answer", async () => {
  const asked = gate("setInterval(() => {}, 1000)").passed(commit, AbortSignal.timeout(200));

  await expect(asked).rejects.toThrow("timeout");
});
