import { describe, expect, test } from "vitest";
import type { BackupManifest, ProofLevel } from "./backup.ts";
import { missedAtBackup, missedAtDrill, objectiveLine, objectivesNow } from "./objectives.ts";

const hourMs = 3_600_000;
const minuteMs = 60_000;
const objectives = { rpoMs: 24 * hourMs, rtoMs: 30 * minuteMs };

const backup = (
  takenAtMs: number,
  level: ProofLevel = "equal",
  proofMs = minuteMs,
  sizeBytes = 1_000,
): BackupManifest => ({
  id: `production-main-${takenAtMs}`,
  environment: "production",
  database: "main",
  deploymentId: null,
  takenAtMs,
  tookMs: proofMs,
  format: "f",
  key: "k",
  location: "/k",
  sizeBytes: 10,
  sha256: "",
  source: { kind: "postgres", name: "main", serverVersion: "15", sizeBytes },
  tables: [],
  level,
  proof: { checks: [], tookMs: proofMs, short: null },
  restoreCommands: [],
});

describe("recovery objectives", () => {
  test("B11 a backup that comes too long after the one before it misses the RPO", () => {
    const taken = backup(100 * hourMs);

    expect(missedAtBackup(objectives, taken, [taken])).toEqual([]);
    expect(missedAtBackup(objectives, taken, [taken, backup(76 * hourMs)])).toEqual([]);
    expect(missedAtBackup(objectives, taken, [backup(75 * hourMs), taken, backup(10 * hourMs)])).toMatchObject([
      { objective: "RPO", database: "main", measuredMs: 25 * hourMs, allowedMs: 24 * hourMs },
    ]);
    expect(missedAtBackup({ rpoMs: null, rtoMs: null }, taken, [backup(hourMs)])).toEqual([]);
  });

  test("B11 a restore that takes too long misses the RTO, by drill and by proof; one that was only read says nothing", () => {
    expect(missedAtDrill(objectives, "main", 31 * minuteMs)).toMatchObject([{ objective: "RTO" }]);
    expect(missedAtDrill(objectives, "main", 30 * minuteMs)).toEqual([]);
    expect(missedAtBackup(objectives, backup(0, "equal", 31 * minuteMs), [])).toMatchObject([{ objective: "RTO" }]);
    expect(missedAtBackup(objectives, backup(0, "readable", 31 * minuteMs), [])).toEqual([]);
  });

  test("B11 how a database stands now: the loss since the newest backup, and a restore estimated from its size", () => {
    const known = [backup(0, "equal", 10 * minuteMs, 1_000), backup(hourMs, "readable", 1, 4_000)];

    const states = objectivesNow(objectives, "production", ["main", "other"], known, 26 * hourMs);

    expect(states).toMatchObject([
      {
        database: "main",
        lossMs: 25 * hourMs,
        restoreMs: 40 * minuteMs,
        missed: [{ objective: "RPO" }, { objective: "RTO" }],
      },
      { database: "other", lossMs: null, restoreMs: null, missed: [] },
    ]);
    expect(objectiveLine(objectives, states[0]!)).toContain("would be lost now");
    expect(objectiveLine(objectives, states[1]!)).toContain("no backup yet");
  });
});
