/** The demo leaves nothing behind, however it ends: proven with a demo of this test's own that starts one child. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, expect, test } from "vitest";
import { stopChild } from "./children.ts";

const demos: ChildProcess[] = [];

afterEach(async () => {
  for (const demo of demos.splice(0)) await stopChild(demo, "SIGKILL", 1_000);
});

/** A child that prints its pid and would run for ever; `ending` is what the demo does then. */
async function startDemo(ending: "wait" | "throw" | "return") {
  const source = `
    import { withChildren } from ${JSON.stringify(join(import.meta.dirname, "children.ts"))};
    await withChildren(async (children) => {
      const script = "console.log(process.pid); setInterval(() => {}, 1000)";
      await new Promise((started) => children.startNode(["--eval", script], {
        environment: {}, folder: ".", onLine: (line) => { console.log(line); started(); },
      }));
      if (${JSON.stringify(ending)} === "throw") throw new Error("the demo failed");
      if (${JSON.stringify(ending)} === "wait") await new Promise(() => setInterval(() => {}, 1000));
    });`;
  const demo = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  demos.push(demo);
  const exit = once(demo, "exit");
  const [line] = (await once(createInterface(demo.stdout), "line")) as [string];
  return { demo, exit, childPid: Number(line) };
}

/** A process without a living parent may stay as a zombie where nothing collects it; it runs no more. */
async function isGone(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return /\) [ZX] /.test(status);
}

async function untilGone(pid: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (await isGone(pid)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`process ${pid} was left behind`);
}

test.for(["return", "throw"] as const)("children are gone when the demo's work ends by %s", async (ending) => {
  const { exit, childPid } = await startDemo(ending);

  const [exitCode] = await exit;

  expect(exitCode).toBe(ending === "throw" ? 1 : 0);
  expect(await isGone(childPid)).toBe(true);
});

test.for([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("children are gone after %s, and the demo exits with %i", async ([signal, expected]) => {
  const { demo, exit, childPid } = await startDemo("wait");

  demo.kill(signal);
  const [exitCode] = await exit;

  expect(exitCode).toBe(expected);
  expect(await isGone(childPid)).toBe(true);
});

test("children are gone even after the demo was killed with SIGKILL", async () => {
  const { demo, exit, childPid } = await startDemo("wait");

  demo.kill("SIGKILL");
  await exit;

  await expect(untilGone(childPid)).resolves.toBeUndefined();
});
