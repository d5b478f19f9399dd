/** B5 by itself: what nothing needs goes, and only where a newer backup was read to its end. */
import { type BackupManifest, strengthOf } from "../domain/backup.ts";
import type { Parts } from "../pipeline/parts.ts";
import { leftOversOf } from "./backup-left-overs.ts";
import { retentionOf } from "./backups.ts";

export interface Pruned {
  readonly removed: readonly string[];
  readonly kept: number;
}

export async function pruneBackups(parts: Parts, signal: AbortSignal): Promise<Pruned> {
  const manifests = (await parts.backups.list(signal)).filter(
    ({ environment }) => environment === parts.settings.environment,
  );
  const { keep, prune } = await retentionOf(parts, manifests);
  const removed: string[] = [];
  for (const { manifest } of prune) {
    if (!hasNewerProven(manifest, manifests)) continue;
    await parts.backups.remove(manifest.id, signal);
    removed.push(manifest.id);
  }
  for (const leftOver of await leftOversOf(parts, signal)) {
    await leftOver.remove(signal);
    removed.push(leftOver.location);
  }
  return { removed, kept: keep.length + prune.length - removed.length };
}

const hasNewerProven = ({ database, takenAtMs }: BackupManifest, all: readonly BackupManifest[]): boolean =>
  all.some(
    (each) =>
      each.database === database && each.takenAtMs > takenAtMs && strengthOf(each.level) >= strengthOf("readable"),
  );
