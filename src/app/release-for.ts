/** The release that a person names, resolved before anything is opened or written: a typing error leaves no trace. */
import { gitSource } from "../adapters/git/source.ts";
import type { Ref, Release } from "../domain/release.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { refFor, resolveRelease } from "../pipeline/stages/validate-release.ts";

export interface NamedRelease {
  readonly ref: Ref;
  readonly release: Release;
}

/** Throws REF_INVALID, REF_NOT_ALLOWED, TAG_NOT_FOUND, REPOSITORY_UNREADABLE. */
export async function releaseFor(
  settings: EnvironmentSettings,
  projectFolder: string,
  name: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<NamedRelease> {
  const ref = refFor(settings, name);
  return { ref, release: await resolveRelease(gitSource({ repository: projectFolder }), settings, ref, signal) };
}
