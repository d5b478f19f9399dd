/**
 * What lies in a store, before anything is made of it: who vouches for the manifest, whether the bytes are those that were backed
 * up, and how they are read. A dump runs what is in it when it is restored: nobody restores one past this.
 */
import type { BackupManifest } from "../domain/backup.ts";
import { SluiceError } from "../domain/errors.ts";
import type { Database } from "../ports/database.ts";
import type { ManifestSigner } from "../ports/manifest-signer.ts";
import type { Parts } from "./parts.ts";

/** Lie 1: what lies there now is hashed; what was once written does not count. Throws BACKUP_UNVERIFIED. */
export async function verifyStored(
  { backups, signer, hashOf }: Pick<Parts, "backups" | "signer" | "hashOf">,
  manifest: BackupManifest,
  signal: AbortSignal,
): Promise<void> {
  if (signer) await requireTrusted(signer, manifest, signal);
  const { sha256, sizeBytes } = await hashOf(backups.get(manifest.key, signal));
  if (sha256 === manifest.sha256 && sizeBytes === manifest.sizeBytes) return;
  throw unverified(
    `${manifest.location} is not what was backed up: ${sizeBytes} bytes with SHA-256 ${sha256.slice(0, 12)}…, where the manifest says ${manifest.sizeBytes} bytes with ${manifest.sha256.slice(0, 12)}….`,
    "Nothing was restored. Take another backup: sluice backup list",
  );
}

/** With a key configured only what it signed; an edited one never. Throws BACKUP_UNVERIFIED. */
async function requireTrusted(signer: ManifestSigner, manifest: BackupManifest, signal: AbortSignal): Promise<void> {
  const signature = await signer.check(manifest, signal);
  if (signature.kind === "edited") throw untrusted([editedWords(manifest)]);
  if (!signer.signs || signature.kind === "trusted") return;
  const why = signature.kind === "none" ? "it is not signed, although audit.key is configured" : signature.reason;
  throw unverified(
    `The manifest of ${manifest.id} is not to be trusted: ${why}. A dump runs what is in it when it is restored.`,
    `Nothing was restored. If you know where it comes from, restore it by its own commands: sluice backup show ${manifest.id}`,
  );
}

export const editedWords = ({ location }: BackupManifest): string =>
  `the manifest of ${location} was changed after it was signed; nothing it says can be trusted`;

export const untrusted = (faults: readonly string[]): SluiceError =>
  unverified(
    `Not to be trusted: ${faults.join("; ")}.`,
    "Find out who can write there; move the backup and its manifest elsewhere. Then: sluice backup list",
  );

/** As the database's own reader wants it. Throws BACKUP_UNVERIFIED where nobody here can decrypt it. */
export function opened(
  { backups, seal, settings }: Pick<Parts, "backups" | "seal" | "settings">,
  manifest: BackupManifest,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const stored = backups.get(manifest.key, signal);
  if (!manifest.encryption) return stored;
  if (seal) return seal.open(stored);
  throw unverified(
    `${manifest.id} is encrypted, and ${settings.environment} has no backup.encryption any more.`,
    `Configure its identity, or restore it by its own commands: sluice backup show ${manifest.id}`,
  );
}

/** Throws RESTORE_FAILED where the environment has no such database any more. */
export function databaseOf(
  { databases, settings }: Pick<Parts, "databases" | "settings">,
  manifest: BackupManifest,
): Database {
  const found = databases.find(({ name }) => name === manifest.database);
  if (found) return found;
  throw new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: "pipeline.stored-backup",
    message: `Backup ${manifest.id} is of database ${manifest.database}, which ${settings.environment} does not have any more.`,
    hint: `Restore it by its own commands: sluice backup show ${manifest.id}`,
  });
}

const unverified = (message: string, hint: string): SluiceError =>
  new SluiceError({ code: "BACKUP_UNVERIFIED", remedy: "operator", at: "pipeline.stored-backup", message, hint });
