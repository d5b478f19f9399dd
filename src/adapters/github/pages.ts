/** Lists come in pages of 100. A list without end is refused: what was not read must not look as if it were not there. */
import type { Octokit } from "@octokit/core";
import type { GithubClient } from "./client.ts";
import { unreachable } from "./troubles.ts";

const mostPages = 20;

export async function pagesOf<T>(
  client: GithubClient,
  what: string,
  signal: AbortSignal,
  page: (request: Octokit["request"], number: number) => Promise<readonly T[]>,
  /** So many are enough. */
  enough = Number.POSITIVE_INFINITY,
): Promise<readonly T[]> {
  const all: T[] = [];
  for (let number = 1; number <= mostPages; number++) {
    const part = await client.ask({ what }, signal, (request) => page(request, number));
    all.push(...part);
    if (part.length < 100 || all.length >= enough) return all.slice(0, enough);
  }
  const { owner, repo } = client.here;
  throw unreachable(what, `${owner}/${repo}`, `there are more than ${mostPages * 100} of them`);
}
