/** P1: who wrote what a release changes, and through which pull request it came. */
import type { PullRequest } from "../../domain/change-list.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { ForgeCommit } from "../../ports/forge.ts";
import type { GithubClient } from "./client.ts";
import { pagesOf } from "./pages.ts";

interface Commit {
  readonly sha: string;
  /** GitHub gives an object without keys where the address is of nobody. */
  readonly author: { readonly login?: string } | null;
}

const commitOf = ({ sha, author }: Commit): ForgeCommit => ({ sha, account: author?.login ?? null });

/** A comparison begins with the oldest, so it is read whole: who is cut off would be one of the newest. */
export async function commitsOf(
  client: GithubClient,
  { from, to, limit }: { readonly from: string | undefined; readonly to: string; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly ForgeCommit[]> {
  if (from === undefined) return newestOf(client, to, limit, signal);
  const compared = await pagesOf<Commit>(client, "commits", signal, async (request, page) => {
    const basehead = `${from}...${to}`;
    const { data } = await request("GET /repos/{owner}/{repo}/compare/{basehead}", {
      ...client.here,
      basehead,
      per_page: 100,
      page,
    });
    return data.commits;
  });
  return compared.toReversed().slice(0, limit).map(commitOf);
}

async function newestOf(client: GithubClient, sha: string, limit: number, signal: AbortSignal) {
  const commits = await pagesOf<Commit>(
    client,
    "commits",
    signal,
    async (request, page) => {
      const { data } = await request("GET /repos/{owner}/{repo}/commits", { ...client.here, sha, per_page: 100, page });
      return data;
    },
    limit,
  );
  return commits.map(commitOf);
}

export async function pullRequestsOf(
  client: GithubClient,
  commit: string,
  signal: AbortSignal,
): Promise<readonly PullRequest[]> {
  const requests = await pagesOf(client, "pull requests", signal, async (request, page) => {
    const path = "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls";
    const { data } = await request(path, { ...client.here, commit_sha: commit, per_page: 100, page });
    return data;
  });
  return requests.map(({ number, title, user }) => ({
    number,
    title: excerpt(title, 200),
    account: user?.login ?? null,
  }));
}
