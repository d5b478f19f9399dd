/** B5: what nothing needs goes. What a broken or edited manifest was may be what the others are kept for: with one, nothing goes. */
import type { RetentionPlan } from "../domain/retention.ts";
import type { Parts } from "../pipeline/parts.ts";
import { editedWords, untrusted } from "../pipeline/stored-backup.ts";
import type { LeftOver } from "../ports/backup-store.ts";
import { editedAmong } from "./backup-keys.ts";
import { retentionOf } from "./backups.ts";

export interface PruningPlan extends RetentionPlan {
  /** What killed processes left behind in the store. */
  readonly leftOvers: readonly LeftOver[];
}

/** What is younger may still be written. */
const leftOverAfterMs = 24 * 60 * 60 * 1000;

/** Removes nothing. Throws BACKUP_UNVERIFIED where a manifest cannot be trusted. */
export async function planPruning(parts: Parts, signal: AbortSignal): Promise<PruningPlan> {
  const { backups, clock, settings, signer } = parts;
  const manifests = (await backups.list(signal)).filter(({ environment }) => environment === settings.environment);
  const edited = signer ? [...(await editedAmong(signer, manifests, signal))] : [];
  if (edited.length > 0) throw untrusted(edited.map(editedWords));
  const plan = await retentionOf(parts, manifests);
  return { ...plan, leftOvers: (await backups.leftOvers?.(clock.now() - leftOverAfterMs, signal)) ?? [] };
}

export async function prune({ backups }: Parts, plan: PruningPlan, signal: AbortSignal): Promise<void> {
  for (const { manifest } of plan.prune) await backups.remove(manifest.id, signal);
  for (const leftOver of plan.leftOvers) await leftOver.remove(signal);
}
