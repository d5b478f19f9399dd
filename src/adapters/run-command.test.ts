/** Real child processes: what a command may see, what leaves it, and that nothing of it survives an abort. */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { SluiceError } from "../domain/errors.ts";
import { Secret } from "../domain/secret.ts";
import { checkedCommand, runCommand } from "./run-command.ts";

const node = process.execPath;
const never = new AbortController().signal;
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function until(condition: () => boolean, limitMs = 10_000): Promise<void> {
  for (const endMs = performance.now() + limitMs; performance.now() < endMs; await delay(10)) if (condition()) return;
  throw new Error(`not true within ${limitMs} ms`);
}

test("an exit code is a result, with both outputs streamed line by line", async () => {
  const lines: string[] = [];
  const script = "console.log('one\\ntwo'); console.error('oops'); process.exitCode = 3";

  const result = await runCommand({
    argv: [node, "-e", script],
    signal: never,
    onLine: (line, from) => lines.push(`${from}: ${line}`),
  });

  expect(result).toMatchObject({ exitCode: 3, timedOut: false, stdoutTail: "one\ntwo", stderrTail: "oops" });
  expect(lines.toSorted()).toEqual(["stderr: oops", "stdout: one", "stdout: two"]);
});

test("a command sees its own environment and nothing of ours but what is named", async () => {
  process.env.SLUICE_TEST_LEAK = "leaked";
  process.env.SLUICE_TEST_NAMED = "named";
  const script = "console.log(Object.keys(process.env).sort().join())";

  const result = await runCommand({
    argv: [node, "-e", script],
    env: { ONLY: "this" },
    inheritEnv: ["SLUICE_TEST_NAMED"],
    signal: never,
  });

  const seen = result.stdoutTail.split(",");
  expect(seen).toContain("ONLY");
  expect(seen).toContain("SLUICE_TEST_NAMED");
  expect(
    seen.filter((name) => !["HOME", "LANG", "ONLY", "PATH", "SLUICE_TEST_NAMED", "TMPDIR"].includes(name)),
  ).toEqual([]);
});

test("K1 a secret reaches the child's environment and leaves in no line, tail or error", async () => {
  const secret = new Secret("DATABASE_URL", "postgres://shop:pa%24%24word@db/shop");
  const script =
    "const u = process.env.DATABASE_URL; console.log('full ' + u); console.log('part pa$$word'); process.exitCode = 1";
  const lines: string[] = [];
  const run = checkedCommand(
    { argv: [node, "-e", script], env: { DATABASE_URL: secret }, signal: never, onLine: (line) => lines.push(line) },
    { code: "MIGRATION_FAILED", at: "test", what: "The migration failed", hint: "Look at: sluice logs" },
  );

  const error = await run.catch((thrown: SluiceError) => thrown);

  expect(lines).toEqual(["full [DATABASE_URL]", "part [DATABASE_URL]"]);
  expect((error as SluiceError).failure).toMatchObject({ code: "MIGRATION_FAILED", evidence: lines.join("\n") });
});

test("K1 a secret in an argument is refused before anything starts", async () => {
  const run = runCommand({
    argv: ["echo", "--url=hunter22"],
    env: { TOKEN: new Secret("TOKEN", "hunter22") },
    signal: never,
  });

  const error = await run.catch((thrown: SluiceError) => thrown);

  expect((error as SluiceError).failure.code).toBe("INTERNAL");
  expect(JSON.stringify((error as SluiceError).failure)).not.toContain("hunter22");
});

test("a program that does not exist is an error that says how to look for it", async () => {
  const error = await runCommand({ argv: ["no-such-program-here"], signal: never }).catch(
    (thrown: SluiceError) => thrown,
  );

  expect((error as SluiceError).failure).toMatchObject({
    code: "COMMAND_FAILED",
    hint: expect.stringContaining("command -v no-such-program-here"),
  });
});

test("an abort ends the command and its grandchildren before it is reported", async () => {
  const abort = new AbortController();
  let grandchild = 0;
  const script = `
    const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
  const run = runCommand({
    argv: [node, "-e", script],
    signal: abort.signal,
    onLine: (line) => {
      grandchild = Number(line);
      abort.abort(new Error("cancelled by a person"));
    },
  });

  await expect(run).rejects.toThrow("cancelled by a person");

  expect(grandchild).toBeGreaterThan(0);
  await until(() => !isAlive(grandchild));
});

test("a command that ignores SIGTERM is killed five seconds after its timeout", async () => {
  const script = "process.on('SIGTERM', () => console.log('ignored')); setInterval(() => {}, 1000); console.log('up')";

  const result = await runCommand({ argv: [node, "-e", script], timeoutMs: 1_000, signal: never });

  expect(result).toMatchObject({ exitCode: 124, timedOut: true, stdoutTail: "up\nignored" });
  expect(result.tookMs).toBeGreaterThanOrEqual(5_900);
  expect(result.tookMs).toBeLessThan(9_000);
});

test("output is kept within bounds however much a command prints", async () => {
  let count = 0;
  const script = "for (let i = 0; i < 20000; i++) console.log(i + ' ' + 'x'.repeat(300))";

  const result = await runCommand({ argv: [node, "-e", script], signal: never, onLine: () => count++ });

  expect(count).toBe(20_000);
  expect(result.stdoutTail.length).toBeLessThanOrEqual(8_192);
  expect(result.stdoutTail).toContain("19999 xxx");
});

test("what is given as input arrives", async () => {
  const result = await runCommand({ argv: ["cat"], input: "hello", signal: never });

  expect(result.stdoutTail).toBe("hello");
});
