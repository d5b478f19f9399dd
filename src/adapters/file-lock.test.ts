/** The lock among real processes: one at a time, also when holders are killed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SluiceError } from "../domain/errors.ts";
import { realClock, until } from "../testing/real-clock.ts";
import { withFileLock } from "./file-lock.ts";

const clock = realClock();
const signal = new AbortController().signal;
const options = { clock, signal, waitMs: 15_000 };
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const here = (path: string) => JSON.stringify(new URL(path, import.meta.url).pathname);
const script = (body: string) => `
  import { readFileSync, writeFileSync } from "node:fs";
  import { withFileLock } from ${here("./file-lock.ts")};
  import { realClock } from ${here("../testing/real-clock.ts")};
  const lock = (work) => withFileLock(${JSON.stringify(join(folder, "lock"))}, { clock: realClock(), signal: new AbortController().signal, waitMs: 15000 }, work);
  const count = ${JSON.stringify(join(folder, "count"))};
  ${body}`;

async function run(name: string, body: string) {
  const file = join(folder, `${name}.ts`);
  await writeFile(file, script(body));
  return spawn(process.execPath, [file], { stdio: ["ignore", "ignore", "inherit"] });
}

test("no count is lost among processes and calls that count under the lock", async () => {
  await writeFile(join(folder, "count"), "0");
  const body = `await Promise.all(Array.from({ length: 15 }, () => lock(async () => {
    const seen = Number(readFileSync(count, "utf8"));
    await new Promise(setImmediate);
    writeFileSync(count, String(seen + 1));
  })));`;
  const children = [await run("one", body), await run("two", body), await run("three", body)];

  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));

  expect(codes).toEqual([0, 0, 0]);
  expect(await readFile(join(folder, "count"), "utf8")).toBe("45");
  expect((await readdir(join(folder, "lock"))).length).toBe(1);
});

test("L2 a killed holder keeps nothing, and exactly one of those who wait comes next", async () => {
  const holder = await run(
    "holder",
    `await lock(async () => { writeFileSync(count, "held"); setInterval(() => {}, 1000); await new Promise(() => {}); });`,
  );
  const held = () => readFile(join(folder, "count"), "utf8").catch(() => "");
  await until(async () => (await held()) === "held", "the lock to be held");
  let inside = 0;
  let most = 0;
  const waiting = Array.from({ length: 8 }, () =>
    withFileLock(join(folder, "lock"), options, async () => {
      most = Math.max(most, ++inside);
      await new Promise(setImmediate);
      inside--;
    }),
  );
  expect(inside).toBe(0);

  holder.kill("SIGKILL");
  await Promise.all(waiting);

  expect(most).toBe(1);
});

test("waiting for a living holder ends, and names it", async () => {
  const error = await withFileLock(join(folder, "lock"), options, () =>
    withFileLock(join(folder, "lock"), { ...options, waitMs: 50 }, async () => "never").catch(
      (thrown: SluiceError) => thrown,
    ),
  );

  expect((error as SluiceError).failure).toMatchObject({
    code: "TARGET_UNREACHABLE",
    message: expect.stringContaining(`Process ${process.pid}`),
  });
});
