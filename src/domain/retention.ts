/**
 * Which backups may go (B5, data-safety.md 6). Backups are pruned by reachability, not by age alone: whatever could still
 * be needed to undo something stays, and each kept one says why. Pure: the caller removes what `prune` names, and only
 * after a newer backup was proven.
 */
import type { BackupManifest } from "./backup.ts";

export interface RetentionRules {
  /** Of every environment and database, so many proven backups stay. At least 1 whatever is asked. */
  readonly keepNewest: number;
  /** A backup linked to a deployment record stays until the record is this old. */
  readonly keepLinkedDays: number;
}

export interface RetentionFacts {
  readonly nowMs: number;
  /** When each recorded deployment ended (or began, while it runs), in milliseconds since the epoch. */
  readonly recordedAtMs: ReadonlyMap<string, number>;
  /** Deployment id or backup id, and why it must stay: "running release", "failed deployment", "open rollback window", "pinned". */
  readonly needed: ReadonlyMap<string, string>;
}

export interface KeptBackup {
  readonly manifest: BackupManifest;
  /** Never empty. */
  readonly reasons: readonly string[];
}

export interface PrunedBackup {
  readonly manifest: BackupManifest;
  readonly reason: string;
}

export interface RetentionPlan {
  /** Newest first, like `prune`. */
  readonly keep: readonly KeptBackup[];
  readonly prune: readonly PrunedBackup[];
}

const dayMs = 86_400_000;
const strength = { stored: 0, readable: 1, restored: 2, equal: 3 } as const satisfies Record<
  BackupManifest["level"],
  number
>;

/** Splits the backups into those that stay, each with every reason, and those that may go. */
export function planRetention(
  manifests: readonly BackupManifest[],
  rules: RetentionRules,
  facts: RetentionFacts,
): RetentionPlan {
  const keep: KeptBackup[] = [];
  const prune: PrunedBackup[] = [];
  for (const group of groupsOf(manifests)) {
    const lastOfBestProof = strongest(group);
    for (const [index, manifest] of group.entries()) {
      const reasons = [
        ...reasonOfRank(group.slice(0, index), rules),
        ...(manifest === lastOfBestProof ? [`newest backup proven as "${manifest.level}"`] : []),
        ...reasonsOfUse(manifest, rules, facts),
      ];
      if (reasons.length > 0) keep.push({ manifest, reasons });
      else prune.push({ manifest, reason: whyItMayGo(rules) });
    }
  }
  return { keep: keep.toSorted(newestKept), prune: prune.toSorted(newestKept) };
}

/** One list, newest first, for every environment and database. */
function groupsOf(manifests: readonly BackupManifest[]): readonly (readonly BackupManifest[])[] {
  const groups = Map.groupBy(manifests, (manifest) => JSON.stringify([manifest.environment, manifest.database]));
  return [...groups.values()].map((group) => group.toSorted(newestFirst));
}

// A backup that nobody could read must not push out one that was read: only proven ones count towards N. (DBackup #154:
// retention deleted the last good backup because a broken one was newer.)
function reasonOfRank(newer: readonly BackupManifest[], rules: RetentionRules): readonly string[] {
  const limit = Math.max(1, rules.keepNewest);
  const provenNewer = newer.filter((manifest) => strength[manifest.level] >= strength.readable).length;
  return provenNewer < limit ? [`one of the newest ${limit}`] : [];
}

function reasonsOfUse(manifest: BackupManifest, rules: RetentionRules, facts: RetentionFacts): readonly string[] {
  const reasons: string[] = [];
  for (const id of [manifest.id, manifest.deploymentId]) {
    const why = id === null ? undefined : facts.needed.get(id);
    if (why !== undefined) reasons.push(why);
  }
  const recordedAtMs = manifest.deploymentId === null ? undefined : facts.recordedAtMs.get(manifest.deploymentId);
  if (recordedAtMs !== undefined && facts.nowMs - recordedAtMs < rules.keepLinkedDays * dayMs) {
    reasons.push(`its deployment record is younger than ${rules.keepLinkedDays} days`);
  }
  return reasons;
}

/** The newest among those with the strongest proof: never pruned, however many weaker ones are newer. */
function strongest(newestFirstGroup: readonly BackupManifest[]): BackupManifest | undefined {
  const best = Math.max(...newestFirstGroup.map((manifest) => strength[manifest.level]));
  return newestFirstGroup.find((manifest) => strength[manifest.level] === best);
}

const whyItMayGo = (rules: RetentionRules): string =>
  `${Math.max(1, rules.keepNewest)} newer proven backups exist and nothing recorded in the last ${rules.keepLinkedDays} days needs it`;

const newestFirst = (a: BackupManifest, b: BackupManifest): number =>
  b.takenAtMs - a.takenAtMs || (a.id < b.id ? 1 : -1);

const newestKept = (a: { readonly manifest: BackupManifest }, b: { readonly manifest: BackupManifest }): number =>
  newestFirst(a.manifest, b.manifest);
