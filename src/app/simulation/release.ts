/**
 * What a simulation deploys, and what it replaces. A version that is in the repository is taken from there, read only and
 * before virtual time begins; everything else is invented, and said.
 */
import { createHash } from "node:crypto";
import semver from "semver";
import { gitSource } from "../../adapters/git/source.ts";
import { failureOf } from "../../domain/errors.ts";
import { type Ref, refMatches, versionFault } from "../../domain/release.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { refFor, resolveRelease } from "../../pipeline/stages/validate-release.ts";
import type { Commit, Source } from "../../ports/source.ts";

export interface SimulatedRelease {
  readonly ref: Ref;
  /** As the pipeline will name it; the ref's name where it will refuse it. */
  readonly version: string;
  readonly commit: Commit;
  readonly stable: { readonly version: string; readonly commit: Commit };
  /** Answers from memory: nothing is read while virtual time passes. */
  readonly source: Source;
  readonly assumptions: readonly string[];
}

export interface ReleaseWish {
  readonly settings: EnvironmentSettings;
  readonly projectFolder: string;
  /** Undefined: some release that the environment allows. */
  readonly name: string | undefined;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

interface Project {
  /** Newest first; empty where the ref is not there. */
  readonly commits: readonly Commit[];
  readonly assumptions: readonly string[];
}

const commitsRead = 200;

export async function releaseToSimulate(wish: ReleaseWish): Promise<SimulatedRelease> {
  const { settings, nowMs, signal } = wish;
  const name = wish.name ?? allowedName(settings);
  const ref = refFor(settings, name);
  const { commits, assumptions } = await projectAt(wish, ref);
  const commit = commits[0] ?? inventedCommit(`${name} to simulate`, nowMs);
  const before = commits[1] ?? inventedCommit("what serves", nowMs - 86_400_000);
  const known = [commit, ...commits.slice(1)];
  const source: Source = {
    resolve: async (asked) => (asked.kind === ref.kind && asked.name === ref.name ? commit : undefined),
    commit: async (sha) => known.find((each) => each.sha.startsWith(sha)),
    changes: async (from, _to, limit) => (from === undefined ? known : [commit]).slice(0, limit),
    dirtyPaths: async () => [],
    exportTree: async () => undefined,
  };
  const version = await resolveRelease(source, settings, ref, signal).then(
    (release) => release.version,
    () => name,
  );
  return { ref, version, commit, stable: { version: versionBefore(version), commit: before }, source, assumptions };
}

async function projectAt({ settings, projectFolder, name, signal }: ReleaseWish, ref: Ref): Promise<Project> {
  const isNonsense = ref.kind === "tag" && versionFault(ref.name) !== undefined;
  if (name === undefined || isNonsense) {
    return { commits: [], assumptions: [`The release ${ref.name} is invented.`] };
  }
  const repository = gitSource({ repository: projectFolder });
  try {
    const commit = await repository.resolve(ref, signal);
    const [commits, dirty] = await Promise.all([
      commit ? repository.changes(undefined, commit.sha, commitsRead, signal) : [],
      repository.dirtyPaths(signal),
    ]);
    return { commits, assumptions: [...inventedWhere(commit, ref), ...cleanWhere(dirty, settings)] };
  } catch (thrown) {
    signal.throwIfAborted();
    const { message } = failureOf(thrown, "simulation");
    return { commits: [], assumptions: [`The release ${ref.name} is invented: ${message}`] };
  }
}

const inventedWhere = (commit: Commit | undefined, { kind, name }: Ref): readonly string[] =>
  commit
    ? []
    : [
        `The release ${name} is invented: the repository has no ${kind} of this name. A real deployment would be refused.`,
      ];

function cleanWhere(dirty: readonly string[], { checks }: EnvironmentSettings): readonly string[] {
  const action = checks["clean-tree"];
  if (dirty.length === 0 || action === "off") return [];
  const then = action === "block" ? "would be refused" : "would warn";
  return [
    `The working tree is taken as clean. It has ${dirty.length} uncommitted paths, so a real deployment ${then}.`,
  ];
}

/** The first pattern of the environment, filled in. */
function allowedName({ tags, branches }: EnvironmentSettings): string {
  const filled = (pattern: string, text: string) => pattern.replaceAll(/\*+/g, text);
  const tag = tags.map((pattern) => filled(pattern, "1.1.0")).find((name) => versionFault(name) === undefined);
  const branch = branches
    .map((pattern) => filled(pattern, "main"))
    .find((name) => branches.some((each) => refMatches(each, name)));
  return tag ?? branch ?? "v1.1.0";
}

/** A plausible version that came before it. */
function versionBefore(version: string): string {
  const parsed = semver.parse(version.replace(/^v/, ""));
  const prefix = version.startsWith("v") || parsed === null ? "v" : "";
  const { major = 0, minor = 0, patch = 0 } = parsed ?? {};
  if (patch > 0) return `${prefix}${major}.${minor}.${patch - 1}`;
  if (minor > 0) return `${prefix}${major}.${minor - 1}.0`;
  return major > 0 ? `${prefix}${major - 1}.0.0` : `${prefix}0.0.0-stable`;
}

const inventedCommit = (subject: string, committedAtMs: number): Commit => ({
  sha: createHash("sha1").update(subject).digest("hex"),
  author: "somebody",
  authorEmail: "somebody@simulated.invalid",
  committedAtMs,
  subject: `${subject} (invented)`,
});
