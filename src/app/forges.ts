/** T4 T7 N2: where the repository is at home, and who asks it whether CI has passed. */
import { commandCiGate } from "../adapters/command/ci-gate.ts";
import { forgeCiGate } from "../adapters/forge/ci-gate.ts";
import type { GithubAuth, GithubOptions } from "../adapters/github/client.ts";
import { githubForge } from "../adapters/github/forge.ts";
import type { ForgeSettings } from "../domain/forge-settings.ts";
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { CiGate } from "../ports/ci-gate.ts";
import type { Clock } from "../ports/clock.ts";
import type { Forge } from "../ports/forge.ts";
import type { Resolve } from "./secret-lookup.ts";

/** Made when it is first asked: a missing secret must not keep anything from being wired. */
export function forgeFor(
  settings: EnvironmentSettings,
  resolve: Resolve,
  clock: Clock,
  patienceMs = 60_000,
): Forge | undefined {
  const { forge } = settings;
  if (!forge) return undefined;
  let made: Forge | undefined;
  const github = () => {
    made ??= githubForge({ ...githubOptions(forge, resolve, clock), patienceMs });
    return made;
  };
  return {
    kind: forge.kind,
    repository: forge.repository,
    checks: async (...args) => github().checks(...args),
    commits: async (...args) => github().commits(...args),
    pullRequests: async (...args) => github().pullRequests(...args),
    tag: async (...args) => github().tag(...args),
    openIncident: async (...args) => github().openIncident(...args),
    closeIncident: async (...args) => github().closeIncident(...args),
    reportDeployment: async (...args) => github().reportDeployment(...args),
    reportStatus: async (...args) => github().reportStatus(...args),
    publishRelease: async (...args) => github().publishRelease(...args),
    startWorkflow: async (...args) => github().startWorkflow(...args),
    clockAheadMs: () => made?.clockAheadMs(),
  };
}

export const githubOptions = (
  { repository, url, auth }: ForgeSettings,
  resolve: Resolve,
  clock: Clock,
): GithubOptions => ({
  repository,
  url,
  auth: authOf(auth, resolve),
  clock,
});

export function secretOf(ref: { readonly secret: string }, resolve: Resolve): Secret {
  const value = resolve(ref);
  return value instanceof Secret ? value : new Secret(ref.secret, value);
}

function authOf(auth: ForgeSettings["auth"], resolve: Resolve): GithubAuth {
  if (auth.kind === "token") return { kind: "token", token: secretOf(auth.token, resolve) };
  const { id, installation } = auth;
  return { kind: "app", id, installation, privateKey: secretOf(auth.key, resolve) };
}

/** The command gets the declared secrets by their names: asking a forge takes a token. */
export function ciGateFor(
  settings: EnvironmentSettings,
  forge: Forge | undefined,
  {
    clock,
    cwd,
    secrets,
  }: { readonly clock: Clock; readonly cwd: string; readonly secrets: ReadonlyMap<string, Secret> },
): CiGate | undefined {
  const { ciCommand, ciTimeoutMs: timeoutMs, requiredChecks = [] } = settings;
  if (forge && requiredChecks.length > 0) return forgeCiGate({ forge, required: requiredChecks, clock, timeoutMs });
  if (ciCommand === null) return undefined;
  return commandCiGate({ argv: ciCommand, cwd, timeoutMs, environment: Object.fromEntries(secrets) });
}
