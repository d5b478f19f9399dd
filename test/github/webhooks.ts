/** What the simulated GitHub posts: signed as GitHub signs, with a body that its description allows. */
import { createHmac, randomUUID } from "node:crypto";
import { deploymentBody, userBody, wholeRepository } from "./bodies.ts";
import type { SimulatedGithub } from "./simulated-github.ts";
import { nextId } from "./world.ts";

export interface SimulatedDelivery {
  readonly body: Buffer;
  readonly signature: string;
  readonly id: string;
  readonly runId: number;
}

export const signatureOf = (body: Buffer | string, secret: string): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

/** A job that waits for the rule, and how GitHub says so. */
export function askForRule(
  { repository, url, description, violations }: SimulatedGithub,
  {
    sha,
    secret,
    environment = "production",
  }: { readonly sha: string; readonly secret: string; readonly environment?: string },
): SimulatedDelivery {
  const runId = nextId();
  repository.rules.push({ runId, environment, state: "pending", comments: [] });
  const base = { api: url, html: url };
  const deployment = {
    ...{ id: nextId(), sha, ref: "v1.0.0", environment, payload: {}, description: null, production: true },
    statuses: [],
  };
  const event = {
    action: "requested",
    environment,
    event: "push",
    sha,
    ref: "refs/tags/v1.0.0",
    deployment_callback_url: `${url}/repos/${repository.owner}/${repository.name}/actions/runs/${runId}/deployment_protection_rule`,
    deployment: deploymentBody(base, repository, deployment),
    pull_requests: [],
    repository: wholeRepository(base, repository),
    installation: { id: 99, node_id: "I_99" },
    sender: userBody(base, "ada"),
  };
  violations.push(...description.webhookFaults("deployment-protection-rule-requested", event));
  const body = Buffer.from(JSON.stringify(event));
  return { body, signature: signatureOf(body, secret), id: randomUUID(), runId };
}
