/** Signs what is said of a backup, so that nobody makes more of it afterwards. */
import type { BackupManifest } from "../domain/backup.ts";
import type { ManifestSignature } from "../domain/backup-signature.ts";

export interface ManifestSigner {
  /** Whether a key is configured: then a manifest without a trusted signature is not restored. */
  readonly signs: boolean;
  /** Null where no key is configured. Rejects where there is one that cannot sign. */
  sign(manifest: BackupManifest, signal: AbortSignal): Promise<string | null>;
  check(manifest: BackupManifest, signal: AbortSignal): Promise<ManifestSignature>;
}
