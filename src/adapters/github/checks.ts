/** T7 T4: the checks of exactly one commit, from both of GitHub's worlds: runs of Apps, and statuses. */
import type { ForgeCheck } from "../../domain/required-checks.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { GithubClient } from "./client.ts";
import { pagesOf } from "./pages.ts";

export async function checksOf(
  client: GithubClient,
  commit: string,
  signal: AbortSignal,
): Promise<readonly ForgeCheck[]> {
  const here = { ...client.here, ref: commit, per_page: 100 };
  const runs = await pagesOf(client, "checks", signal, async (request, page) => {
    const { data } = await request("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", {
      ...here,
      filter: "latest",
      page,
    });
    return data.check_runs;
  });
  const statuses = await pagesOf(client, "statuses", signal, async (request, page) => {
    const { data } = await request("GET /repos/{owner}/{repo}/commits/{ref}/statuses", { ...here, page });
    return data;
  });
  return [
    // A name that GitHub took for something else than the commit must not lend its checks.
    ...runs.filter(({ head_sha }) => head_sha === commit).map(checkOf),
    ...statuses.map(statusOf),
  ];
}

interface Run {
  readonly id: number | bigint;
  readonly name: string;
  readonly status: string;
  readonly conclusion: string | null;
  readonly app: { readonly id: number | bigint; readonly slug?: string } | null;
}

function checkOf({ id, name, status, conclusion, app }: Run): ForgeCheck {
  const word = status === "completed" ? (conclusion ?? "without a result") : status;
  return {
    name,
    from: { kind: "app", id: Number(app?.id ?? 0), slug: app?.slug ?? "" },
    state: status !== "completed" ? "pending" : conclusion === "success" ? "passed" : "failed",
    word: excerpt(word, 40),
    order: Number(id),
  };
}

interface Status {
  readonly id: number | bigint;
  readonly context: string;
  readonly state: string;
  readonly creator: { readonly login: string } | null;
}

const statusOf = ({ id, context, state, creator }: Status): ForgeCheck => ({
  name: context,
  from: { kind: "status", creator: creator?.login ?? "" },
  state: state === "success" ? "passed" : state === "pending" ? "pending" : "failed",
  word: excerpt(state, 40),
  order: Number(id),
});
