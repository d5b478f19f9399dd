/** Z4: where an environment's checkpoints are kept, and whose signatures on them are trusted. */
import { checkpointFile } from "../adapters/checkpoint-file/checkpoint-file.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { Checkpoints } from "../ports/checkpoints.ts";
import { readText } from "./project.ts";

export const checkpointsFor = ({ audit }: Pick<EnvironmentSettings, "audit">): Checkpoints =>
  checkpointFile({ file: audit.checkpoints, keyFile: audit.key, allowedSigners: null });

/** To look at, not to write. */
export const keptCheckpoints = (file: string, allowedSigners: string | null): Checkpoints =>
  checkpointFile({ file, keyFile: null, allowedSigners });

/** The public halves of the configured keys, in OpenSSH's allowed_signers format; null where there is none to be read. */
export function configuredSigners(
  all: readonly Pick<EnvironmentSettings, "audit">[],
  namespace: "sluice-checkpoint" | "sluice-backup" = "sluice-checkpoint",
): string | null {
  const lines = all.flatMap(({ audit }) => (audit.key === null ? [] : signerLine(audit.key, namespace)));
  return lines.length === 0 ? null : [...new Set(lines)].join("\n");
}

function signerLine(key: string, namespace: string): readonly string[] {
  try {
    const [kind, text] = readText(key.endsWith(".pub") ? key : `${key}.pub`).split(/\s+/);
    return kind && text ? [`sluice namespaces="${namespace}" ${kind} ${text}`] : [];
  } catch {
    return [];
  }
}
