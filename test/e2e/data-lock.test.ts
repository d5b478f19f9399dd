/** B5 B6 B11: backups and migrations of one database wait for each other; objectives and pins at the command line. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sqliteDatabase } from "../../src/adapters/sqlite/database.ts";
import { realClock, until } from "../../src/testing/real-clock.ts";
import { jsonLines, type Ran, type Running, type TinyProject, textBelow, tinyProject, told } from "./project.ts";

const objectives = "{ rpo: 1h, rto: 10ms }";
const channel = "notify: { team: { kind: log-file, file: deployment-logs/notifications.log } }";

interface Listed {
  readonly backups: readonly { readonly id: string }[];
  readonly objectives: readonly { readonly line: string; readonly missed: readonly { readonly objective: string }[] }[];
}

const listedBy = (ran: Ran): Listed => jsonLines(ran).find((line) => "backups" in line) as unknown as Listed;

describe("one data lock", { timeout: 120_000 }, () => {
  let project: TinyProject;
  beforeAll(async () => {
    project = await tinyProject({
      releases: [{ tag: "v1.0.0", behaviour: "healthy", migrations: ["001-guests"] }],
      database: true,
      load: 20,
      environment: {
        backup: "{ policy: none, proof: { level: equal }, keepNewest: 1, keepRecordedDays: 0 }",
        objectives,
      },
      more: [channel],
    });
  }, 60_000);
  afterAll(() => project.stop(), 60_000);

  /** Until both have said that they wait. */
  async function whileHeld(running: () => readonly Running[]): Promise<readonly Ran[]> {
    const database = sqliteDatabase({ name: "main", file: project.databaseFile ?? "" });
    const claim = { holder: "the test", waitMs: 0, clock: realClock(), onWait: async () => undefined };
    const started = await database.exclusively(claim, new AbortController().signal, async () => {
      const all = running().map((one) => {
        let text = "";
        one.child.stdout?.on("data", (chunk: string) => {
          text += chunk;
        });
        return { one, waits: () => text.includes(`main is in use: waits for process ${process.pid}`) };
      });
      await until(() => all.every(({ waits }) => waits()), "both wait", 60_000);
      return all;
    });
    return Promise.all(started.map(({ one }) => one.ended));
  }

  test("B6 two backups and a migration wait for who has the database, and then go on one after the other", async () => {
    const ended = await whileHeld(() => [
      project.start(["backup", "create", "production", "--json"]),
      project.start(["backup", "create", "production", "--json"]),
      project.start(["deploy", "production", "v1.0.0", "--foreground", "--json"]),
    ]);

    expect(
      ended.map(({ exitCode }) => exitCode),
      ended.map(told).join("\n"),
    ).toEqual([0, 0, 0]);
  });

  test("B11 a missed objective is told to people, stands in the audit trail and below the list", async () => {
    const taken = await project.sluice("backup", "create", "production");
    expect(taken.exitCode, told(taken)).toBe(0);

    const listed = listedBy(await project.sluice("backup", "list", "production", "--json"));

    expect(listed.objectives).toMatchObject([{ missed: [{ objective: "RTO" }] }]);
    expect(listed.objectives[0]?.line).toMatch(/^main: .* would be lost now \(RPO 1\s?h\), a restore takes about /);
    expect(textBelow(project.logsFolder)).toContain("objective-missed");
    expect((await project.sluice("audit", "production", "--json")).exitCode).toBe(0);
  });

  test("B5 a pinned backup outlives pruning until it is unpinned", async () => {
    const { backups } = listedBy(await project.sluice("backup", "list", "production", "--json"));
    const oldest = backups.at(-1)?.id ?? "";
    const refused = await project.sluice("backup", "pin", oldest);
    await project.sluice("backup", "pin", oldest, "--reason", "before the big import");

    const kept = await project.sluice("backup", "prune", "production", "--yes");
    const after = listedBy(await project.sluice("backup", "list", "production", "--json"));
    await project.sluice("backup", "unpin", oldest, "--reason", "imported");
    await project.sluice("backup", "prune", "production", "--yes");
    const last = listedBy(await project.sluice("backup", "list", "production", "--json"));

    expect(refused.exitCode, told(refused)).toBe(2);
    expect(kept.stdout).toContain("pinned by ada: before the big import");
    expect(after.backups.map(({ id }) => id)).toContain(oldest);
    expect(last.backups.map(({ id }) => id)).not.toContain(oldest);
  });
});
