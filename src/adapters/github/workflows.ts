/** T10: a declared downstream workflow is started once for a tag: its run there is how that is known. */
import type { GithubClient } from "./client.ts";

export async function startWorkflow(
  client: GithubClient,
  { workflow, tag, commit }: { readonly workflow: string; readonly tag: string; readonly commit: string },
  signal: AbortSignal,
): Promise<void> {
  const here = { ...client.here, workflow_id: workflow };
  const { data } = await client.ask({ what: "workflow runs" }, signal, (request) =>
    request("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", {
      ...here,
      event: "workflow_dispatch",
      head_sha: commit,
      per_page: 100,
    }),
  );
  if (data.workflow_runs.some(({ head_branch }) => head_branch === tag)) return;
  await client.ask({ what: "workflow runs", once: true }, signal, (request) =>
    request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", { ...here, ref: tag }),
  );
}
