/** Whose eyes and whose hands: what encrypts backups, and what signs and checks their manifests. */
import { ageSeal } from "../adapters/age/backup-seal.ts";
import { sshManifestSigner } from "../adapters/ssh-signature/manifest-signer.ts";
import type { BackupManifest } from "../domain/backup.ts";
import type { ManifestSignature } from "../domain/backup-signature.ts";
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings, ValueOrSecret } from "../domain/settings.ts";
import type { BackupSeal } from "../ports/backup-seal.ts";
import type { ManifestSigner } from "../ports/manifest-signer.ts";
import { configuredSigners } from "./checkpoints.ts";

/** A missing identity must not keep a backup from being taken: it is asked for when something is restored. */
export function sealFor(
  { backup }: Pick<EnvironmentSettings, "backup">,
  resolve: (value: ValueOrSecret) => string | Secret,
): BackupSeal | undefined {
  const { encryption } = backup;
  if (!encryption) return undefined;
  return ageSeal({
    recipients: encryption.recipients,
    identity: () => {
      const found = encryption.identity && resolve(encryption.identity);
      return found instanceof Secret ? found : null;
    },
  });
}

export const signerFor = (settings: readonly Pick<EnvironmentSettings, "audit">[]): ManifestSigner =>
  sshManifestSigner({
    keyFile: settings.find(({ audit }) => audit.key !== null)?.audit.key ?? null,
    allowedSigners: configuredSigners(settings, "sluice-backup"),
  });

/** Each check starts processes of its own. */
const lanes = 8;

/** Those that were changed after they were signed. */
export async function editedAmong(
  signer: ManifestSigner,
  manifests: readonly BackupManifest[],
  signal: AbortSignal,
): Promise<ReadonlySet<BackupManifest>> {
  const found = new Map<BackupManifest, ManifestSignature>();
  const left = manifests.values();
  const lane = async () => {
    for (const manifest of left) found.set(manifest, await signer.check(manifest, signal));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return new Set(manifests.filter((manifest) => found.get(manifest)?.kind === "edited"));
}
