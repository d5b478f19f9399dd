/** N2: GitHub's deployments and commit statuses. A deployment is found again by our id in its payload. */
import type { DeploymentEntry, StatusEntry } from "../../ports/forge.ts";
import type { GithubClient } from "./client.ts";
import { descriptionLimit, shortened } from "./limits.ts";
import { pagesOf } from "./pages.ts";

export async function reportDeployment(
  client: GithubClient,
  entry: DeploymentEntry,
  signal: AbortSignal,
): Promise<void> {
  const here = { ...client.here, deployment_id: await deploymentFor(client, entry, signal) };
  const description = shortened(entry.description, descriptionLimit);
  const { data } = await client.ask({ what: "deployments" }, signal, (request) =>
    request("GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", { ...here, per_page: 100 }),
  );
  if (data.some((status) => status.state === entry.state && status.description === description)) return;
  await client.ask({ what: "deployments", once: true }, signal, (request) =>
    request("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", {
      ...here,
      state: entry.state,
      description,
      ...(entry.environmentUrl === null ? {} : { environment_url: entry.environmentUrl }),
    }),
  );
}

async function deploymentFor(client: GithubClient, entry: DeploymentEntry, signal: AbortSignal): Promise<number> {
  const { commit: sha, environment } = entry;
  const known = await pagesOf(client, "deployments", signal, async (request, page) => {
    const filter = { sha, environment, per_page: 100, page };
    const { data } = await request("GET /repos/{owner}/{repo}/deployments", { ...client.here, ...filter });
    return data;
  });
  const ours = known.find(({ payload }) => sluiceIdIn(payload) === entry.deploymentId);
  if (ours) return Number(ours.id);
  const { data } = await client.ask({ what: "deployments", once: true }, signal, (request) =>
    request("POST /repos/{owner}/{repo}/deployments", {
      ...client.here,
      ref: sha,
      environment,
      auto_merge: false,
      // Sluice has its own gate: GitHub's would demand every check there is, this deployment's own status too.
      required_contexts: [],
      payload: { sluice: entry.deploymentId },
      description: shortened(`Sluice ${entry.deploymentId}`, descriptionLimit),
    }),
  );
  if (!("id" in data)) throw new Error("GitHub merged a branch that it was told not to merge");
  return Number(data.id);
}

const sluiceIdIn = (payload: unknown): unknown =>
  typeof payload === "object" && payload !== null && "sluice" in payload ? payload.sluice : undefined;

export async function reportStatus(client: GithubClient, entry: StatusEntry, signal: AbortSignal): Promise<void> {
  const { commit, context, state } = entry;
  const description = shortened(entry.description, descriptionLimit);
  const { data } = await client.ask({ what: "statuses" }, signal, (request) =>
    request("GET /repos/{owner}/{repo}/commits/{ref}/statuses", { ...client.here, ref: commit, per_page: 100 }),
  );
  // Newest first.
  const last = data.find((status) => status.context === context);
  if (last?.state === state && last.description === description) return;
  await client.ask({ what: "statuses" }, signal, (request) =>
    request("POST /repos/{owner}/{repo}/statuses/{sha}", { ...client.here, sha: commit, state, context, description }),
  );
}
