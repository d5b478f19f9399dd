import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BackupManifest } from "./backup.ts";
import { planRetention, type RetentionFacts } from "./retention.ts";

const day = 86_400_000;
const nowMs = 1_000 * day;
const rules = { keepNewest: 2, keepLinkedDays: 365 };
const nothingNeeded: RetentionFacts = { nowMs, recordedAtMs: new Map(), needed: new Map() };

function backup(ageDays: number, more: Partial<BackupManifest> = {}): BackupManifest {
  const id = more.id ?? `production-shop-${ageDays}`;
  return {
    id,
    environment: "production",
    database: "shop",
    deploymentId: `d-${ageDays}`,
    takenAtMs: nowMs - ageDays * day,
    tookMs: 1,
    format: "pg_dump -Fc",
    key: `${id}.dump`,
    location: `/backups/${id}.dump`,
    sizeBytes: 1,
    sha256: "00",
    source: { kind: "postgres", name: "shop", serverVersion: "15.18" },
    tables: [],
    level: "equal",
    restoreCommands: [],
    ...more,
  };
}

const idsOf = (list: readonly { readonly manifest: BackupManifest }[]) => list.map((one) => one.manifest.id);

describe("retention", () => {
  test("B5 keeps the newest N of each environment and database and prunes the rest", () => {
    const other = backup(90, { id: "staging-shop-90", environment: "staging" });

    const plan = planRetention([backup(3), backup(1), other, backup(2)], rules, nothingNeeded);

    expect(idsOf(plan.keep)).toEqual(["production-shop-1", "production-shop-2", "staging-shop-90"]);
    expect(idsOf(plan.prune)).toEqual(["production-shop-3"]);
    expect(plan.prune[0]?.reason).toContain("2 newer proven backups");
  });

  test("B5 keeps a backup linked to a record until the record is 365 days old", () => {
    const recordedAtMs = new Map([
      ["d-300", nowMs - 300 * day],
      ["d-400", nowMs - 365 * day],
    ]);

    const plan = planRetention([backup(1), backup(2), backup(300), backup(400)], rules, {
      ...nothingNeeded,
      recordedAtMs,
    });

    expect(idsOf(plan.prune)).toEqual(["production-shop-400"]);
    expect(plan.keep.at(-1)?.reasons).toEqual(["its deployment record is younger than 365 days"]);
  });

  test.each(["running release", "failed deployment", "open rollback window"])(
    "B5 never prunes the backup of a %s",
    (why) => {
      const facts = { ...nothingNeeded, needed: new Map([["d-900", why]]) };

      const plan = planRetention([backup(1), backup(2), backup(3), backup(900)], rules, facts);

      expect(plan.keep.find((kept) => kept.manifest.id === "production-shop-900")?.reasons).toEqual([why]);
      expect(idsOf(plan.prune)).toEqual(["production-shop-3"]);
    },
  );

  test("B5 never prunes the last verified backup, however many weaker ones are newer", () => {
    const weaker = [1, 2, 3, 4].map((age) => backup(age, { level: "readable" }));

    const plan = planRetention([...weaker, backup(50), backup(60)], rules, nothingNeeded);

    expect(idsOf(plan.keep)).toContain("production-shop-50");
    expect(idsOf(plan.prune)).toEqual(["production-shop-3", "production-shop-4", "production-shop-60"]);
  });

  test("B5 does not let backups that nobody read push out those that were read", () => {
    const unread = [1, 2, 3].map((age) => backup(age, { level: "stored" }));

    const plan = planRetention([...unread, backup(10), backup(11), backup(12)], rules, nothingNeeded);

    expect(idsOf(plan.prune)).toEqual(["production-shop-12"]);
  });

  test("B5 keeps at least one backup even when asked to keep none", () => {
    const plan = planRetention([backup(1), backup(2)], { keepNewest: 0, keepLinkedDays: 0 }, nothingNeeded);

    expect(idsOf(plan.keep)).toEqual(["production-shop-1"]);
  });

  test("B5 for any set of backups: each is kept or pruned once, and what is pruned has N newer proven ones that stay", () => {
    const anyBackup = fc.record({
      ageDays: fc.integer({ min: 0, max: 30 }),
      level: fc.constantFrom("stored" as const, "readable" as const, "restored" as const, "equal" as const),
      database: fc.constantFrom("shop", "users"),
    });
    fc.assert(
      fc.property(fc.array(anyBackup, { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), (specs, keepNewest) => {
        const manifests = specs.map((spec, index) =>
          backup(spec.ageDays, { id: `b${index}`, level: spec.level, database: spec.database }),
        );
        const plan = planRetention(manifests, { keepNewest, keepLinkedDays: 365 }, nothingNeeded);

        expect([...idsOf(plan.keep), ...idsOf(plan.prune)].toSorted()).toEqual(
          idsOf(manifests.map((manifest) => ({ manifest }))).toSorted(),
        );
        for (const { manifest } of plan.prune) {
          const newerKept = plan.keep.filter(
            (kept) =>
              kept.manifest.database === manifest.database &&
              kept.manifest.level !== "stored" &&
              kept.manifest.takenAtMs >= manifest.takenAtMs,
          );
          expect(newerKept.length).toBeGreaterThanOrEqual(keepNewest);
        }
      }),
    );
  });
});
