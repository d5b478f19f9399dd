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
  const folder = `${parts.treesFolder}/${input.release.commit}`;
  await parts.source.exportTree(input.release.commit, folder, signal);
  return folder;
}
