/**
 * N2 T10: the release of a tag gets a part of ours, between marks, and GitHub's generated notes where nobody wrote any. A tag that
 * stands for another commit at GitHub than the one that was deployed is left alone.
 */
import { SluiceError } from "../../domain/errors.ts";
import type { ReleaseEntry } from "../../ports/forge.ts";
import type { GithubClient } from "./client.ts";
import { fitted, markOf, releaseLimit } from "./limits.ts";
import { commitOfTag, type Release, releaseOf } from "./tags.ts";

export async function publishRelease(client: GithubClient, entry: ReleaseEntry, signal: AbortSignal): Promise<void> {
  const { tag, commit, candidate } = entry;
  const standsFor = await commitOfTag(client, tag, signal);
  if (standsFor === undefined && !candidate) return;
  if (standsFor !== undefined && standsFor !== commit) throw movedTag(client, entry, standsFor);
  const release = await releaseOf(client, tag, signal);
  if (release === undefined) await create(client, entry, signal);
  else await update(client, entry, release, signal);
}

async function create(client: GithubClient, entry: ReleaseEntry, signal: AbortSignal): Promise<void> {
  const { tag, commit, candidate } = entry;
  const body = withOurs(await notesFor(client, entry, signal), entry);
  await client.ask({ what: "releases", once: true }, signal, (request) =>
    request("POST /repos/{owner}/{repo}/releases", {
      ...client.here,
      tag_name: tag,
      target_commitish: commit,
      name: tag,
      body,
      ...(candidate ? { prerelease: true, make_latest: "false" as const } : { prerelease: tag.includes("-") }),
    }),
  );
}

async function update(
  client: GithubClient,
  entry: ReleaseEntry,
  { id, body }: Release,
  signal: AbortSignal,
): Promise<void> {
  const before = body ?? "";
  const text = before.trim() === "" ? await notesFor(client, entry, signal) : before;
  const after = withOurs(text, entry);
  if (after === before) return;
  await client.ask({ what: "releases" }, signal, (request) =>
    request("PATCH /repos/{owner}/{repo}/releases/{release_id}", {
      ...client.here,
      release_id: Number(id),
      body: after,
    }),
  );
}

async function notesFor(client: GithubClient, { tag, commit }: ReleaseEntry, signal: AbortSignal): Promise<string> {
  const { data } = await client.ask({ what: "releases" }, signal, (request) =>
    request("POST /repos/{owner}/{repo}/releases/generate-notes", {
      ...client.here,
      tag_name: tag,
      target_commitish: commit,
    }),
  );
  return data.body;
}

/** What people wrote stays as it is; of ours only this part is written anew. */
function withOurs(text: string, { mark, text: ours }: ReleaseEntry): string {
  const [begin, end] = [markOf("part", mark), markOf("end", mark)];
  const part = `${begin}\n${ours}\n${end}`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from >= 0 && to >= 0) return `${text.slice(0, from)}${part}${text.slice(to + end.length)}`;
  return fitted(text, releaseLimit, `${text === "" ? "" : "\n\n"}${part}`);
}

function movedTag({ here }: GithubClient, { tag, commit }: ReleaseEntry, standsFor: string): SluiceError {
  return new SluiceError({
    code: "FORGE_REFUSED",
    remedy: "operator",
    at: "adapters.github",
    message: `The tag ${tag} of ${here.owner}/${here.repo} stands for ${standsFor.slice(0, 12)} at GitHub, but ${commit.slice(0, 12)} was deployed under that name.`,
    hint: "Find out who moved it; its release was not touched. What was deployed: sluice history",
  });
}
