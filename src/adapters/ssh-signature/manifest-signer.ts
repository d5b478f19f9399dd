/**
 * Manifests of backups signed with an SSH key, the one that signs checkpoints. What is signed is `sha256:` and the SHA-256 of the
 * manifest's JSON without its signature, keys sorted:
 *
 *     jq -cjS 'del(.signature)' manifest.json | sha256sum
 *     printf sha256:… | ssh-keygen -Y verify -f allowed_signers -I sluice -n sluice-backup -s <signature file>
 */
import { createHash } from "node:crypto";
import type { BackupManifest } from "../../domain/backup.ts";
import { type ManifestSignature, signedText } from "../../domain/backup-signature.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { ManifestSigner } from "../../ports/manifest-signer.ts";
import { signPlanDigest, verifyPlanDigest } from "./plan-signature.ts";

export interface ManifestSignerOptions {
  /** SSH private key without a passphrase, or a public one whose private half is in the agent. Null: nothing is signed. */
  readonly keyFile: string | null;
  /** Lines of OpenSSH's allowed_signers format for the name `sluice`. Null: nobody said whom to trust. */
  readonly allowedSigners: string | null;
}

const namespace = "sluice-backup";
/** A key that asks for a passphrase must not hold a deployment's lock. */
const timeoutMs = 10_000;

export function sshManifestSigner({ keyFile, allowedSigners }: ManifestSignerOptions): ManifestSigner {
  return {
    signs: keyFile !== null,
    async sign(manifest, signal) {
      if (keyFile === null) return null;
      const until = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const signed = await signPlanDigest({ digest: digestOf(manifest), keyFile, namespace, signal: until });
      return signed.signature;
    },
    check: (manifest, signal) => check(manifest, allowedSigners, signal),
  };
}

const digestOf = (manifest: BackupManifest): string =>
  `sha256:${createHash("sha256").update(signedText(manifest)).digest("hex")}`;

async function check(
  manifest: BackupManifest,
  allowedSigners: string | null,
  signal: AbortSignal,
): Promise<ManifestSignature> {
  const { signature } = manifest;
  if (signature == null) return { kind: "none" };
  try {
    const verified = await verifyPlanDigest({
      digest: digestOf(manifest),
      signature,
      signerName: "sluice",
      allowedSigners: allowedSigners ?? "",
      namespace,
      signal,
    });
    if (verified.kind === "valid") return { kind: "trusted" };
    if (verified.fault === "malformed" || verified.fault === "wrong-digest") {
      return { kind: "edited", reason: "its manifest was changed after it was signed" };
    }
    return { kind: "unproven", reason: "it is signed with a key that is not the one configured here" };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SluiceError)) throw error;
    return { kind: "unproven", reason: `its signature cannot be checked here: ${error.message}` };
  }
}
