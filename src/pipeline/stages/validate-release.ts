/** T1 T5 P5: a tag or a commit becomes a release, or is refused before any work. Also used by the CLI before it starts anything. */
import { SluiceError } from "../../domain/errors.ts";
import { derivedVersion, type Ref, type Release, refMatches, versionFault } from "../../domain/release.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import type { Source } from "../../ports/source.ts";
import type { Stage } from "../stage.ts";

export interface ReleaseRequest {
  readonly ref: Ref;
  /** The commit that was resolved when the deployment was asked for; a tag that moved since is refused. Null: not yet. */
  readonly commit: string | null;
}

const at = "stages.validate-release";

export const validateRelease: Stage<ReleaseRequest, ReleaseRequest, Release> = {
  name: "validate",
  touches: "nothing",
  plan: ({ release }) => [`${release.version} is commit ${release.commit.slice(0, 12)} by ${release.author}`],
  expectedMs: () => 200,
  prepare: (request) => request,
  async run(request, { parts, signal }) {
    const release = await resolveRelease(parts.source, parts.settings, request.ref, signal);
    if (request.commit !== null && release.commit !== request.commit) {
      throw new SluiceError({
        code: "TAG_NOT_FOUND",
        remedy: "operator",
        at,
        message: `${request.ref.name} moved from ${request.commit.slice(0, 12)} to ${release.commit.slice(0, 12)} since this deployment was started.`,
        hint: `Start again to deploy what it names now: sluice deploy ${parts.settings.environment} ${request.ref.name}`,
      });
    }
    return release;
  },
  summary: (release) => `${release.version} is ${release.commit.slice(0, 12)} by ${release.author}: ${release.subject}`,
};

/** What the words `sluice deploy <environment> <name>` mean: a branch that the environment allows, else a tag. */
export function refFor(settings: EnvironmentSettings, name: string): Ref {
  const allowedBranch = settings.branches.some((pattern) => refMatches(pattern, name));
  const looksLikeTag = versionFault(name) === undefined;
  return !looksLikeTag && allowedBranch ? { kind: "branch", name } : { kind: "tag", name };
}

export async function resolveRelease(
  source: Source,
  settings: EnvironmentSettings,
  ref: Ref,
  signal: AbortSignal,
): Promise<Release> {
  refuseBadName(settings, ref);
  const commit = await source.resolve(ref, signal);
  if (commit === undefined) {
    throw new SluiceError({
      code: "TAG_NOT_FOUND",
      remedy: "operator",
      at,
      message: `There is no ${ref.kind} ${ref.name} in the repository.`,
      hint: `Nothing was touched. Create it (git tag ${ref.name}) or fetch it: git fetch --tags`,
    });
  }
  const version = ref.kind === "tag" ? ref.name : derivedVersion("0.0.0", ref.name, commit.committedAtMs, commit.sha);
  return {
    version,
    ref,
    commit: commit.sha,
    author: commit.author,
    authorEmail: commit.authorEmail,
    subject: commit.subject,
    committedAtMs: commit.committedAtMs,
  };
}

function refuseBadName(settings: EnvironmentSettings, ref: Ref): void {
  const fault = ref.kind === "tag" ? versionFault(ref.name) : undefined;
  if (fault !== undefined) {
    throw new SluiceError({
      code: "REF_INVALID",
      remedy: "operator",
      at,
      message: `${JSON.stringify(ref.name)} cannot be a release: ${fault}.`,
      hint: `Nothing was touched. Name a tag such as v1.4.0: sluice deploy ${settings.environment} v1.4.0`,
    });
  }
  const patterns = ref.kind === "tag" ? settings.tags : settings.branches;
  if (!patterns.some((pattern) => refMatches(pattern, ref.name))) {
    throw new SluiceError({
      code: "REF_NOT_ALLOWED",
      remedy: "operator",
      at,
      message: `The ${ref.kind} ${ref.name} may not be deployed to ${settings.environment}; it allows ${patterns.join(", ") || `no ${ref.kind}`}.`,
      hint: `Nothing was touched. The rule is environments.${settings.environment}.${ref.kind === "tag" ? "tags" : "branches"}: sluice validate`,
    });
  }
}
