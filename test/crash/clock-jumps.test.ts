/**
 * A machine's clock that is set while a deployment runs, between two of its processes and under one of them. By libfaketime, which
 * lies about the time of day and leaves the time since the machine started alone, as a real change of the clock does.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deploymentClock, forgetClock } from "../../src/app/clock.ts";
import { postgresLedger } from "../../src/engine/ledger/postgres-ledger.ts";
import { testDatabase } from "../../src/engine/test-database.ts";

/** libfaketime's library, where Debian's package `libfaketime` puts it. */
const library = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"]
  .map((folder) => join(folder, "faketime", "libfaketime.so.1"))
  .find((file) => existsSync(file));
if (library === undefined) console.warn("skipped: a clock that is set needs libfaketime (libfaketime)");

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-clock-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What the preloaded library reads; the offset is in the file's age when a file is followed. */
const faked = (more: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...process.env,
  LD_PRELOAD: library,
  FAKETIME_DONT_FAKE_MONOTONIC: "1",
  DONT_FAKE_MONOTONIC: "1",
  FAKETIME_NO_CACHE: "1",
  ...more,
});

const clockProcess = join(import.meta.dirname, "clock-process.ts");

/** A process of its own: `[time of day, the deployment's time]` in milliseconds, each time it is asked. */
function clockIn(environment: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [clockProcess, folder, "d1"], {
    env: environment,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  return {
    async ask(): Promise<readonly [number, number]> {
      const answered = once(lines, "line");
      child.stdin.write("?\n");
      return JSON.parse((await answered)[0] as string) as [number, number];
    },
    async end(): Promise<void> {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

describe.skipIf(library === undefined)("Z1 a deployment's time", () => {
  test.for([
    ["forward an hour", hourMs, "+3600s"],
    ["back a day", -dayMs, "-86400s"],
  ] as const)(
    "Z1 the clock is set %s between two processes: the second goes on by the first one's time",
    async (given) => {
      const [, shiftMs, offset] = given;
      const before = clockIn(process.env);
      const [, first] = await before.ask();
      await before.end();

      const after = clockIn(faked({ FAKETIME: offset }));
      const [timeOfDay, second] = await after.ask();
      await after.end();

      expect(Math.abs(timeOfDay - Date.now() - shiftMs), "the clock was really set").toBeLessThan(60_000);
      expect(second - first, "and the deployment's time went on").toBeGreaterThan(0);
      expect(second - first).toBeLessThan(60_000);
    },
  );

  test("Z1 the clock is set an hour forward and then a day back under a running process: its time goes on", async () => {
    const said = join(folder, "now");
    writeFileSync(said, "+0s\n");
    const running = clockIn(faked({ FAKETIME_TIMESTAMP_FILE: said }));
    const [, first] = await running.ask();
    const seen: number[] = [];

    for (const [offset, shiftMs] of [
      ["+3600s", hourMs],
      ["-86400s", -dayMs],
    ] as const) {
      writeFileSync(said, `${offset}\n`);
      utimesSync(said, new Date(), new Date());
      const [timeOfDay, now] = await running.ask();
      expect(Math.abs(timeOfDay - Date.now() - shiftMs), `the clock was really set: ${offset}`).toBeLessThan(60_000);
      seen.push(now);
    }
    await running.end();

    expect(seen.every((now, at) => now >= (seen[at - 1] ?? first) && now - first < 60_000)).toBe(true);
  });
});

test("Z1 what was kept of a deployment's time goes with it, and a reading of another start of the machine does not count", () => {
  const clock = deploymentClock(folder, "d1");
  expect(Math.abs(clock.now() - Date.now())).toBeLessThan(5_000);
  const file = join(folder, "clocks", "d1");
  expect(existsSync(file) || process.platform !== "linux").toBe(true);

  if (existsSync(file)) writeFileSync(file, JSON.stringify({ boot: "another", bootedAtMs: 0 }));
  expect(Math.abs(deploymentClock(folder, "d1").now() - Date.now())).toBeLessThan(5_000);
  forgetClock(folder, "d1");

  expect(existsSync(file)).toBe(false);
});

test("Z1 a reading that cannot be kept or read is no obstacle", () => {
  writeFileSync(join(folder, "clocks"), "a file, not a folder");
  expect(Math.abs(deploymentClock(folder, "d1").now() - Date.now())).toBeLessThan(5_000);
  rmSync(join(folder, "clocks"));
  deploymentClock(folder, "d2");
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((each) => each.endsWith("d2")))
    writeFileSync(join(folder, name), '{ "boot": ');
  expect(Math.abs(deploymentClock(folder, "d2").now() - Date.now())).toBeLessThan(5_000);
});

describe("L2 a lease, when the ledger's own clock is set", () => {
  test("L2 back a day: a dead holder's lease has run out all the same; a living one renews it", async () => {
    const database = await testDatabase();
    const ledger = await postgresLedger({ url: database.url });
    try {
      const { id } = await ledger.createDeployment({
        id: "d1",
        project: "tiny",
        environment: "production",
        kind: "deploy",
        version: "v1.0.0",
        commit: "0".repeat(40),
        startedBy: "ada",
        input: {},
        applicationVersion: "1",
      });
      const attempt = await ledger.beginAttempt(id, { id: "e1", host: "elsewhere", pid: 1 });
      await ledger.heartbeat(id, attempt, 3_000);
      // As if the clock had been set back since: the heartbeat lies a day ahead.
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      await client.query("update sluice.deployments set heartbeat_at_ms = heartbeat_at_ms + 86400000");
      await client.end();

      const dead = await ledger.deployment(id);
      await ledger.heartbeat(id, attempt, 3_000);
      const alive = await ledger.deployment(id);

      expect(dead?.executor?.expired).toBe(true);
      expect(alive?.executor?.expired).toBe(false);
    } finally {
      await ledger.close();
      await database.remove();
    }
  });
});
