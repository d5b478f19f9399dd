/** `npm run demo` from outside: its exit code, its text in a pipe, and what it leaves behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { placeIn } from "../../examples/shared/place.ts";
import { leftRunning } from "../../examples/shared/processes.ts";

const demoFile = join(import.meta.dirname, "../../examples/shop/demo.ts");
let temporary: string;

beforeEach(async () => {
  // Short, and open to the account that runs root's databases.
  temporary = await mkdtemp("/tmp/demo-test-");
  await chmod(temporary, 0o711);
});
afterEach(() => rm(temporary, { recursive: true, force: true }));

interface Demo {
  readonly child: ChildProcess;
  readonly text: () => string;
  readonly ended: Promise<number | null>;
}

function startDemo(...words: readonly string[]): Demo {
  const { NO_COLOR, FORCE_COLOR, ...environment } = process.env;
  const child = spawn(process.execPath, [demoFile, ...words], {
    env: { ...environment, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  }
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, text: () => text, ended };
}

/** What of the demos in our folder still runs: workers, routers, the shop, the ledger. */
async function left(): Promise<readonly string[]> {
  const folders = (await readdir(temporary)).map((name) => join(temporary, name));
  return (await Promise.all(folders.map((folder) => leftRunning(placeIn(folder))))).flat();
}

async function seen(demo: Demo, words: RegExp): Promise<void> {
  for (let waits = 0; !words.test(demo.text()); waits++) {
    if (waits > 600 || demo.child.exitCode !== null) throw new Error(`${words} was never printed:\n${demo.text()}`);
    await pause(100);
  }
}

async function allGone(): Promise<void> {
  for (let waits = 0; (await left()).length > 0 && waits < 200; waits++) await pause(100);
  expect(await left()).toEqual([]);
}

test("a good and a refused release end as they should, and the records are where the table says", async () => {
  const demo = startDemo("--sqlite", "--only", "v1.0.0,v1.5.0");

  expect(await demo.ended, demo.text()).toBe(0);

  const text = demo.text();
  expect(text).not.toContain("\u001b");
  expect(text).toMatch(/^v1\.0\.0 +succeeded /m);
  expect(text).toMatch(/^v1\.5\.0 +refused .*rename-column/m);
  expect(text).toContain("0 because of Sluice (must be 0).");
  expect(text).toContain("Nothing is left running.");
  const records = /^ +(\S+)\/<records>\/$/m.exec(text)?.[1] ?? "";
  const id = /^v1\.5\.0 .* (\S+)$/m.exec(text)?.[1] ?? "";
  expect(await readdir(join(records, id))).toContain("deployment-record.json");
  await allGone();
}, 120_000);

for (const [signal, exitCode] of [["SIGINT", 130] as const, ["SIGKILL", null] as const]) {
  test(`after ${signal} in the middle of a deployment nothing of the demo runs on`, async () => {
    const demo = startDemo("--sqlite", "--only", "v1.0.0");
    await seen(demo, /instances ready/);

    demo.child.kill(signal);

    expect(await demo.ended, demo.text()).toBe(exitCode);
    await allGone();
  }, 120_000);
}
