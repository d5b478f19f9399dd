/** T5: what stands under the name of a tag: its commit, and the release that people made of it. */
import type { ForgeTag } from "../../domain/change-list.ts";
import { SluiceError } from "../../domain/errors.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { GithubClient } from "./client.ts";

export interface Release {
  readonly id: number | bigint;
  readonly name?: string | null;
  readonly tag_name: string;
  readonly body?: string | null;
  readonly author?: { readonly login: string } | null;
}

export async function tagOf(client: GithubClient, tag: string, signal: AbortSignal): Promise<ForgeTag | undefined> {
  const commit = await commitOfTag(client, tag, signal);
  if (commit === undefined) return undefined;
  const release = await releaseOf(client, tag, signal);
  if (release === undefined) return { commit, release: null };
  const name = excerpt(release.name || release.tag_name, 200);
  return { commit, release: { name, account: release.author?.login ?? null } };
}

/** An annotated tag is an object of its own: its commit is asked for. */
export const commitOfTag = (client: GithubClient, tag: string, signal: AbortSignal): Promise<string | undefined> =>
  orNothing(() =>
    client.ask({ what: "commits" }, signal, async (request) => {
      const ref = `tags/${tag}`;
      const { data } = await request("GET /repos/{owner}/{repo}/git/ref/{ref}", { ...client.here, ref });
      if (data.object.type === "commit") return data.object.sha;
      const { data: peeled } = await request("GET /repos/{owner}/{repo}/commits/{ref}", { ...client.here, ref });
      return peeled.sha;
    }),
  );

export const releaseOf = (client: GithubClient, tag: string, signal: AbortSignal): Promise<Release | undefined> =>
  orNothing(() =>
    client.ask({ what: "releases" }, signal, async (request) => {
      const { data } = await request("GET /repos/{owner}/{repo}/releases/tags/{tag}", { ...client.here, tag });
      return data;
    }),
  );

/** Not there is an answer here; every other refusal passes through. */
async function orNothing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.failure.code === "FORGE_REFUSED" && isMissing(thrown)) return undefined;
    throw thrown;
  }
}

const isMissing = ({ cause }: SluiceError): boolean =>
  typeof cause === "object" && cause !== null && "status" in cause && cause.status === 404;
