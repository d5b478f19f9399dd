/** Where a release's files lie while it is planned and migrated. */
import type { Artifact, Release } from "../domain/release.ts";
import type { Parts } from "./parts.ts";

/** The release's files: the build's where it is there already, else an export of the commit. */
export async function treeOf(
  parts: Parts,
  input: { readonly release: Release; readonly artifacts: readonly Artifact[] },
  signal: AbortSignal,
): Promise<string> {
  const [artifact] = input.artifacts;
  if (artifact !== undefined) return artifact.location;
  // By the builder, without commands: it finds the same export again, proven by its digest, however often it is asked.
  const { commit, version } = input.release;
  const components = [{ name: "release", build: [] }];
  const [exported] = await parts.builder.build({ commit, version, components }, () => undefined, signal);
  if (exported === undefined) throw new Error(`the builder returned no tree for ${commit}`);
  return exported.location;
}
