/** The version that is taken to serve already: started, with all traffic, and known to the ledger as a deployment would leave it. */
import { revisionFor } from "../../domain/ids.ts";
import { asJson } from "../../domain/json.ts";
import type { Serving } from "../../domain/serving.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import type { Parts } from "../../pipeline/parts.ts";
import { runSpec } from "../../pipeline/stages/start-candidate.ts";
import { openTraffic } from "../../pipeline/traffic.ts";
import type { Commit } from "../../ports/source.ts";
import { simulatedArtifact } from "./parts.ts";

const never = new AbortController().signal;

export async function serveStable(
  parts: Parts,
  settings: EnvironmentSettings,
  { version, commit }: { readonly version: string; readonly commit: Commit },
): Promise<void> {
  const { ledger, target, routers } = parts;
  const row = await ledger.createDeployment({
    id: "simulated-stable",
    project: settings.project,
    environment: settings.environment,
    kind: "deploy",
    version,
    commit: commit.sha,
    startedBy: "somebody",
    input: {},
    applicationVersion: "simulated",
  });
  const attempt = await ledger.beginAttempt(row.id, { id: "simulated-stable", host: "simulated-host", pid: 0 });
  const revision = revisionFor(version, row.id);
  const components = settings.components.map((component) => ({
    component: component.name,
    revision,
    version,
    commit: commit.sha,
    artifact: simulatedArtifact(component.name, commit.sha),
    settings: component,
  }));
  const traffic = openTraffic(routers, settings.rollout.unattendedMs);
  for (const component of components) {
    const instances = await target.start(runSpec(parts, component), attempt, never);
    const endpoints = instances.map(({ endpoint }) => endpoint);
    const split = [{ revision, percent: 100, endpoints }];
    const route = { component: component.component, split, fallback: null };
    if (routers.has(component.component)) await traffic.shift([route], attempt, never);
  }
  const serving: Serving = { deploymentId: row.id, version, commit: commit.sha, sinceMs: row.createdAtMs, components };
  const { environment } = settings;
  const { sinceMs } = serving;
  await ledger.setServing(
    { environment, deploymentId: row.id, version, commit: commit.sha, sinceMs, detail: asJson(serving) },
    attempt,
  );
  await ledger.finish(row.id, "succeeded", attempt);
}
