/** What people do with stored backups: find one, see which may go (B5), restore one into a new database (B7). */
import { type BackupManifest, tableDifferences } from "../domain/backup.ts";
import type { ManifestSignature } from "../domain/backup-signature.ts";
import { SluiceError } from "../domain/errors.ts";
import { planRetention, type RetentionPlan } from "../domain/retention.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { roomForCopy } from "../pipeline/copy-room.ts";
import type { Parts } from "../pipeline/parts.ts";
import { databaseOf, editedWords, opened, untrusted, verifyStored } from "../pipeline/stored-backup.ts";
import type { DatabaseFacts } from "../ports/database.ts";
import { editedAmong, signerFor } from "./backup-keys.ts";
import { backupStoresOf, type Variables } from "./backup-stores.ts";

export { verifyStored };

export interface KnownBackups {
  /** Of several environments, each once, newest first: environments may share a place. */
  readonly backups: readonly BackupManifest[];
  /** What is left out, and why: a broken or edited one must not keep anybody from the others. */
  readonly untrusted: readonly string[];
}

export async function listBackups(
  settings: readonly EnvironmentSettings[],
  variables: Variables,
  signal: AbortSignal,
): Promise<KnownBackups> {
  const faults: string[] = [];
  const faulty = (fault: string) => void faults.push(fault);
  const lists = await Promise.all(backupStoresOf(settings, variables).map((store) => store.list(signal, faulty)));
  const names = new Set(settings.map(({ environment }) => environment));
  const manifests = lists
    .flat()
    .filter(({ environment }) => names.has(environment))
    .toSorted((a, b) => b.takenAtMs - a.takenAtMs);
  const edited = await editedAmong(signerFor(settings), manifests, signal);
  faults.push(...[...edited].map(editedWords));
  return { backups: manifests.filter((manifest) => !edited.has(manifest)), untrusted: faults };
}

/** A whole id, or the beginning of exactly one. Throws BACKUP_UNKNOWN. */
export async function findBackup(
  settings: readonly EnvironmentSettings[],
  words: string,
  variables: Variables,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const { backups: all, untrusted: faults } = await listBackups(settings, variables, signal);
  const exact = all.find(({ id }) => id === words);
  const matching = exact ? [exact] : all.filter(({ id }) => id.startsWith(words));
  const [found] = matching;
  if (found !== undefined && matching.length === 1) return found;
  const meant = faults.filter((fault) => fault.includes(words));
  if (found === undefined && meant.length > 0) throw untrusted(meant);
  throw new SluiceError({
    code: "BACKUP_UNKNOWN",
    remedy: "operator",
    at: "app.backups",
    message: found ? `${words} could be ${matching.map(({ id }) => id).join(", ")}.` : `There is no backup ${words}.`,
    hint: "List them: sluice backup list",
  });
}

/** Who vouches for what a manifest says. */
export const signatureOf = (
  settings: readonly EnvironmentSettings[],
  manifest: BackupManifest,
  signal: AbortSignal,
): Promise<ManifestSignature> => signerFor(settings).check(manifest, signal);

/** B5: what serves, what an open rollback window needs, and what failed stays, whatever its age. */
export async function retentionOf(parts: Parts, manifests: readonly BackupManifest[]): Promise<RetentionPlan> {
  const { ledger, settings } = parts;
  const nowMs = await ledger.now();
  const rows = await ledger.deployments({ environment: settings.environment, limit: 2_000 });
  const serving = await ledger.serving(settings.environment);
  const needed = new Map<string, string>();
  for (const { id, state, outcome } of rows) {
    if (state !== "ended") needed.set(id, "its deployment is not over");
    else if (outcome !== "succeeded") needed.set(id, "failed deployment");
  }
  for (const { backupId, by, reason } of await ledger.pins(settings.environment)) {
    needed.set(backupId, `pinned by ${by}: ${reason}`);
  }
  if (serving) {
    const open = nowMs < serving.sinceMs + settings.rollback.windowMs;
    needed.set(serving.deploymentId, open ? "open rollback window" : "running release");
  }
  return planRetention(
    manifests,
    { keepNewest: settings.backup.keepNewest, keepLinkedDays: settings.backup.keepRecordedDays },
    {
      nowMs,
      needed,
      recordedAtMs: new Map(rows.map(({ id, endedAtMs, createdAtMs }) => [id, endedAtMs ?? createdAtMs])),
    },
  );
}

export interface Restored {
  readonly facts: DatabaseFacts;
  /** What is not as the manifest says, in words. */
  readonly differing: readonly string[];
}

/** Proves the stored bytes first, restores into a database that did not exist, then counts again. */
export async function restoreBackup(
  parts: Parts,
  manifest: BackupManifest,
  into: string,
  signal: AbortSignal,
): Promise<Restored> {
  const database = databaseOf(parts, manifest);
  const room = { use: "beside", neededBytes: manifest.source.sizeBytes ?? null } as const;
  await roomForCopy(parts, database, room, signal);
  await verifyStored(parts, manifest, signal);
  const facts = await database.restore(manifest.format, opened(parts, manifest, signal), into, signal);
  return { facts, differing: tableDifferences(manifest.tables, facts.tables) };
}
