/** The texts of secrets, fetched where they are used and never before (K1). A missing one is named with its source, no more. */
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings, SecretSettings } from "../domain/settings.ts";
import type { ReadFile } from "./read-file.ts";

export interface MissingSecret {
  readonly name: string;
  /** Where it was looked for: `the environment variable X`, `the file /run/secrets/x`. */
  readonly source: string;
  readonly required: boolean;
}

export interface SecretSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: ReadFile;
}

/** Empty is missing (F1). */
export function resolveSecrets(
  settings: Pick<EnvironmentSettings, "secrets">,
  sources: SecretSources,
): {
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly missing: readonly MissingSecret[];
} {
  const secrets = new Map<string, Secret>();
  const missing: MissingSecret[] = [];
  for (const secret of settings.secrets) {
    const text = textOf(secret, sources);
    if (text === "") missing.push({ name: secret.name, source: sourceText(secret), required: secret.required });
    else secrets.set(secret.name, new Secret(secret.name, text));
  }
  return { secrets, missing };
}

const sourceText = ({ source }: SecretSettings): string =>
  source.kind === "file" ? `the file ${source.path}` : `the environment variable ${source.variable}`;

function textOf({ source }: SecretSettings, { environment, readFile }: SecretSources): string {
  if (source.kind === "environment") return environment[source.variable] ?? "";
  try {
    return readFile(source.path).replace(/[\r\n]+$/, "");
  } catch {
    return "";
  }
}
