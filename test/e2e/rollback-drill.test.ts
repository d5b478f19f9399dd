/** X8: a real rollback to the version before, and forward again, with real processes behind the real router. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, type TinyProject, tinyProject, told } from "./project.ts";

describe("the rollback drill", { timeout: 180_000 }, () => {
  let project: TinyProject;
  beforeAll(async () => {
    project = await tinyProject({
      load: 40,
      environment: { schedules: '{ monthly: { cron: "0 4 1 1 *", run: rollback-drill } }' },
    });
    for (const version of ["v1.0.0", "v1.1.0"]) {
      const ran = await project.sluice("deploy", "production", version, "--foreground");
      expect(ran.exitCode, told(ran)).toBe(0);
    }
  }, 120_000);
  afterAll(() => project.stop(), 60_000);

  test("X8 it shows what it would do, and wants it typed", async () => {
    const shown = await project.sluice("drill", "rollback", "production", "--dry-run");
    const bare = await project.sluice("drill", "rollback", "production");

    expect(shown.exitCode, told(shown)).toBe(0);
    expect(shown.stdout).toContain("from v1.1.0 back to v1.0.0");
    expect(bare.exitCode, told(bare)).toBe(3);
    expect(bare.stderr).toContain('--confirm "DRILL production"');
  });

  test("X8 it goes back and forward again, times both, and no request is lost", async () => {
    project.traffic?.reset();

    const drill = await project.sluice("drill", "rollback", "production", "--confirm", "DRILL production", "--json");

    expect(drill.exitCode, told(drill)).toBe(0);
    const times = jsonLines(drill).find((line) => "backMs" in line) as unknown as { backMs: number; forwardMs: number };
    expect(times).toMatchObject({ from: "v1.1.0", to: "v1.0.0" });
    expect(times.backMs).toBeGreaterThan(0);
    expect(times.forwardMs).toBeGreaterThan(0);
    expect(project.traffic?.seen).toMatchObject({ lost: 0, errors: 0 });
    expect([...(project.traffic?.seen.versions.keys() ?? [])].toSorted()).toEqual(["v1.0.0", "v1.1.0"]);
    const status = await project.sluice("status", "production");
    expect(status.stdout).toContain("v1.1.0");
    const audit = await project.sluice("audit", "production");
    expect(audit.stdout).toContain("back to v1.0.0");
  });

  test("X8 the schedule does it too, without anybody's words", async () => {
    const ran = await project.sluice("schedule", "run", "production", "--json");

    expect(ran.exitCode, told(ran)).toBe(0);
    expect(ran.stdout).toContain("back to v1.0.0 in");
    expect((await project.ask())?.version).toBe("v1.1.0");
  });

  test("X8 after the rollback window it is refused, and nothing moves", async () => {
    await project.configure({ rollback: "{ window: 10ms }" });

    const refused = await project.sluice("drill", "rollback", "production", "--confirm", "DRILL production");

    expect(refused.exitCode, told(refused)).toBe(3);
    expect(refused.stderr).toContain("rollback window");
    expect((await project.ask())?.version).toBe("v1.1.0");
  });
});
