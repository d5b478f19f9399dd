/** What stands before a deployment: the forge and what is asked of it, the stage before, the dependencies. */
import type { ForgeSettings, ForgeUse } from "../domain/forge-settings.ts";
import type { RequiredCheck } from "../domain/required-checks.ts";
import type { StagingRule } from "../domain/staging-gate.ts";
import type { VulnerabilitySettings } from "../domain/vulnerabilities.ts";
import type { CompleteEnvironment, Configuration } from "./schema.ts";

export function stagingRule({ staging }: CompleteEnvironment): StagingRule | null {
  if (staging === undefined) return null;
  const { environment, within: withinMs, errorRate, minRequests, slowestCheck: slowestCheckMs } = staging;
  return { environment, withinMs, errorRate, minRequests, slowestCheckMs };
}

export function vulnerabilitySettings({ vulnerabilities }: CompleteEnvironment): VulnerabilitySettings | null {
  if (vulnerabilities === undefined) return null;
  const { timeout: timeoutMs, ...same } = vulnerabilities;
  return { ...same, timeoutMs };
}

export const forgeUse = ({ github }: Configuration, { ci }: CompleteEnvironment): Required<ForgeUse> => ({
  forge: github === undefined ? null : forgeSettings(github),
  requiredChecks: (ci.checks ?? []).map(requiredCheckOf),
});

function forgeSettings({ repository, url, token, app }: NonNullable<Configuration["github"]>): ForgeSettings {
  const place = { kind: "github", repository, url } as const;
  if (token) return { ...place, auth: { kind: "token", token } };
  if (app === undefined) throw new Error("the schema lets nothing pass without a token or an App");
  const { id, installation = null, key, webhookSecret } = app;
  return { ...place, auth: { kind: "app", id, installation, key, ...(webhookSecret ? { webhookSecret } : {}) } };
}

type WrittenCheck = NonNullable<CompleteEnvironment["ci"]["checks"]>[number];

function requiredCheckOf(written: WrittenCheck): RequiredCheck {
  if (typeof written === "string") return { kind: "app", name: written, app: "github-actions" };
  if ("status" in written) return { kind: "status", name: written.status, creator: written.creator ?? null };
  return { kind: "app", name: written.name, app: written.app };
}
