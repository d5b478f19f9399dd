/** B6 B12: what happens by itself, with real processes, a SQLite database and the ledger's own PostgreSQL. */
import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sqliteDatabase } from "../../src/adapters/sqlite/database.ts";
import { realClock, until } from "../../src/testing/real-clock.ts";
import { jsonLines, type Ran, type TinyProject, textBelow, tinyProject, told } from "./project.ts";

const schedules = '{ nightly: { cron: "* * * * *", run: backup }, drill: { cron: "0 4 1 1 *", run: restore-drill } }';

const channel = "notify: { team: { kind: log-file, file: deployment-logs/notifications.log } }";

interface Fired {
  readonly name: string;
  readonly outcome: string;
}

const firedBy = (ran: Ran): readonly Fired[] =>
  jsonLines(ran).flatMap((line) => (line as { readonly fired?: readonly Fired[] }).fired ?? []);

describe("what happens by itself", { timeout: 120_000 }, () => {
  let project: TinyProject;
  beforeAll(async () => {
    project = await tinyProject({ database: true, load: 20, environment: { schedules }, more: [channel] });
  }, 60_000);
  afterAll(() => project.stop(), 60_000);

  test("B6 of ten callers at once one does each thing, and what failed names the command that repeats it", async () => {
    const first = await project.sluice("schedule", "list", "--json");
    expect(first.exitCode, told(first)).toBe(0);

    const ran = await Promise.all(Array.from({ length: 10 }, () => project.sluice("schedule", "run", "--json")));

    const fired = ran.flatMap(firedBy);
    const drills = fired.filter(({ name }) => name === "drill");
    expect(drills, ran.map(told).join("\n")).toHaveLength(1);
    const backups = fired.filter(({ name }) => name === "nightly");
    // The minute may have turned meanwhile.
    expect(new Set(backups.map((each) => JSON.stringify(each))).size).toBe(backups.length);
    expect(backups.map(({ outcome }) => outcome)).toEqual(backups.map(() => "succeeded"));
  });

  test("B12 a drill restores the newest backup into scratch, says how long it took, and leaves nothing", async () => {
    const backup = await project.sluice("backup", "create", "production", "--json");
    expect(backup.exitCode, told(backup)).toBe(0);

    const drill = await project.sluice("drill", "restore", "production", "--json");

    expect(drill.exitCode, told(drill)).toBe(0);
    const done = jsonLines(drill).find((line) => "drills" in line) as unknown as { drills: readonly object[] };
    expect(done.drills).toMatchObject([{ database: "main", rows: 2 }]);
    const left = readdirSync(join(project.folder, "data")).filter((name) => !name.startsWith("main.sqlite"));
    expect(left).toEqual([]);
    const audit = await project.sluice("audit", "production", "--json");
    expect(audit.stdout).toContain("restore drill");
  });

  test("B6 a claim whose process was killed by -9 is taken up by the next call", async () => {
    const database = sqliteDatabase({ name: "main", file: project.databaseFile ?? "" });
    const claim = { holder: "the test", waitMs: 0, clock: realClock(), onWait: async () => undefined };
    await project.configure({ schedules: '{ yearly: { cron: "0 4 2 1 *", run: backup } }' });

    // Whoever claims it waits for the database, and dies there.
    await database.exclusively(claim, new AbortController().signal, async () => {
      const doomed = project.start(["schedule", "run", "--json"]);
      await until(
        async () => {
          const listed = await project.sluice("schedule", "list", "--json");
          return listed.stdout.includes('"running"');
        },
        "the schedule is claimed",
        30_000,
      );
      doomed.child.kill("SIGKILL");
      await doomed.ended;
    });
    const next = await project.sluice("schedule", "run", "--json");
    const after = await project.sluice("schedule", "run", "--json");

    expect(firedBy(next), told(next)).toMatchObject([{ name: "yearly", outcome: "succeeded" }]);
    expect(next.stdout).toContain("has died");
    expect(firedBy(after)).toEqual([]);
  });

  test("B6 one that fails ends with 1, names the command that repeats it, and people are told", async () => {
    await project.configure({ schedules: '{ broken: { cron: "0 4 3 1 *", run: backup } }', notify: "[team]" });
    const database = project.databaseFile ?? "";
    renameSync(database, `${database}.away`);

    const ran = await project.sluice("schedule", "run");
    renameSync(`${database}.away`, database);

    expect(ran.exitCode, told(ran)).toBe(1);
    expect(`${ran.stdout}${ran.stderr}`).toContain("sluice backup create production");
    expect(textBelow(project.logsFolder)).toContain("backup-failed");
  });

  test("B6 the units that call it name only plain words", async () => {
    const shown = await project.sluice("schedule", "systemd");

    expect(shown.exitCode, told(shown)).toBe(0);
    expect(shown.stdout).toContain("Persistent=yes");
    expect(shown.stdout).toContain(`schedule run --project ${project.folder}`);
  });
});
