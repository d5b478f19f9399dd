/** GitHub behind the forge port, on github.com or a server of one's own. */
import type { Forge } from "../../ports/forge.ts";
import { checksOf } from "./checks.ts";
import { type GithubOptions, githubClient } from "./client.ts";
import { commitsOf, pullRequestsOf } from "./commits.ts";
import { reportDeployment, reportStatus } from "./deployments.ts";
import { closeIncident, openIncident } from "./incidents.ts";
import { publishRelease } from "./releases.ts";
import { tagOf } from "./tags.ts";
import { startWorkflow } from "./workflows.ts";

export function githubForge(options: GithubOptions): Forge {
  const client = githubClient(options);
  return {
    kind: "github",
    repository: options.repository,
    checks: (commit, signal) => checksOf(client, commit, signal),
    commits: (from, to, limit, signal) => commitsOf(client, { from, to, limit }, signal),
    pullRequests: (commit, signal) => pullRequestsOf(client, commit, signal),
    tag: (name, signal) => tagOf(client, name, signal),
    openIncident: (entry, signal) => openIncident(client, entry, signal),
    closeIncident: (entry, signal) => closeIncident(client, entry, signal),
    reportDeployment: (entry, signal) => reportDeployment(client, entry, signal),
    reportStatus: (entry, signal) => reportStatus(client, entry, signal),
    publishRelease: (entry, signal) => publishRelease(client, entry, signal),
    startWorkflow: (workflow, tag, commit, signal) => startWorkflow(client, { workflow, tag, commit }, signal),
    clockAheadMs: client.clockAheadMs,
  };
}
