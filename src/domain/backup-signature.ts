/** Z3: what a signature on a manifest covers, and what it says to whoever reads the manifest later. */
import type { BackupManifest } from "./backup.ts";
import { canonicalJson } from "./events.ts";
import type { Json } from "./json.ts";

export type ManifestSignature =
  | { readonly kind: "none" }
  | { readonly kind: "trusted" }
  /** It holds, but not by a key that is configured here, or it could not be checked. */
  | { readonly kind: "unproven"; readonly reason: string }
  /** The manifest was changed after it was signed. */
  | { readonly kind: "edited"; readonly reason: string };

/** Everything but the signature, with sorted keys: the same text before it was stored and after it was read. */
export function signedText(manifest: BackupManifest): string {
  const { signature: _, ...rest } = JSON.parse(JSON.stringify(manifest)) as Record<string, Json>;
  return canonicalJson(rest);
}

/** For a line of text. */
export function signatureWords(signature: ManifestSignature): string {
  switch (signature.kind) {
    case "none":
      return "unsigned: a change to its manifest would not show";
    case "trusted":
      return "signed with the configured key";
    case "unproven":
    case "edited":
      return signature.reason;
  }
}
