/** What the project consists of in a scenario: tags and commits, builds, migrations, and how each release behaves. */
import { createHash } from "node:crypto";
import { SluiceError } from "../../src/domain/errors.ts";
import type { Artifact } from "../../src/domain/release.ts";
import type { Verdict } from "../../src/domain/verdict.ts";
import type { Builder } from "../../src/ports/builder.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { PendingMigration } from "../../src/ports/migrator.ts";
import type { Commit, Source } from "../../src/ports/source.ts";
import type { Behaviour } from "../../src/testing/memory-target.ts";

export interface ReleaseBehaviour {
  /** Share of its requests that fail, 0 to 1; may change over time. */
  readonly errorRate?: number | (() => number);
  /** How long its answers take, milliseconds; 20 by default. */
  readonly answersInMs?: number;
  /** How its instances come up; ready after 1 s by default. */
  readonly start?: Behaviour;
  /** What its health endpoint answers. */
  readonly health?: () => Verdict;
  /** What the smoke suite finds. */
  readonly smoke?: () => Verdict;
  /** New ones of this release. */
  readonly migrations?: readonly PendingMigration[];
  readonly buildFails?: boolean;
  /** What its build prints. */
  readonly buildPrints?: string;
}

export type Releases = Readonly<Record<string, ReleaseBehaviour>>;

const treesFolder = "/srv/trees";
export const treeAt = (commit: string): string => `/artifacts/${commit}/api`;

const commits = new Map<string, string>();
export function commitOf(text: string): string {
  const sha = commits.get(text) ?? createHash("sha1").update(text).digest("hex");
  commits.set(text, sha);
  return sha;
}
/** Of what the builder makes of a release's component. */
export const builtDigest = (tag: string, component: string): string => digestOf(`${commitOf(tag)} ${component}`);
const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

export interface MemorySource extends Source {
  /** As `git tag --force`: the tag names another commit from now on. */
  moveTag(tag: string, content: string): string;
  dirty: readonly string[];
}

/** Every release is a tag; `main` is a branch at the last one. */
export function memorySource(releases: Releases): MemorySource {
  const tags = new Map(Object.keys(releases).map((tag) => [tag, commitOf(tag)]));
  const commitAt = (sha: string, at: number): Commit => ({
    sha,
    author: "dora",
    authorEmail: "dora@example.com",
    committedAtMs: Date.UTC(2025, 11, 1 + at),
    subject: `Change ${sha.slice(0, 7)}`,
  });
  const all = () => [...tags.values()].map(commitAt);
  const source: MemorySource = {
    dirty: [],
    moveTag(tag, content) {
      tags.set(tag, commitOf(content));
      return commitOf(content);
    },
    async resolve({ kind, name }) {
      const sha = kind === "tag" ? tags.get(name) : name === "main" ? [...tags.values()].at(-1) : undefined;
      return all().find((commit) => commit.sha === sha);
    },
    commit: async (sha) => all().find((commit) => commit.sha.startsWith(sha)),
    async changes(from, to, limit) {
      const shas = all().map(({ sha }) => sha);
      const reach = all().slice(from ? shas.indexOf(from) + 1 : 0, shas.indexOf(to) + 1);
      return reach.reverse().slice(0, limit);
    },
    dirtyPaths: async () => source.dirty,
    exportTree: async () => undefined,
  };
  return source;
}

export function memoryBuilder(releases: Releases, clock: Clock, tookMs: number, builds: string[]): Builder {
  return {
    kind: "memory",
    async build({ version, commit, components }, log, signal) {
      const [tree] = components;
      if (components.every(({ build }) => build.length === 0) && tree) return [treeOf(tree.name, commit)];
      await clock.sleep(tookMs, signal);
      const release = releases[version];
      if (release?.buildPrints) log("api", release.buildPrints);
      if (release?.buildFails) throw buildFailed(version);
      builds.push(version);
      return components.map(({ name }) => ({
        component: name,
        digest: digestOf(`${commit} ${name}`),
        kind: "tree" as const,
        location: `/artifacts/${commit}/${name}`,
      }));
    },
  };
}

/** Without commands the tree itself is the artifact. */
const treeOf = (component: string, commit: string): Artifact => ({
  component,
  digest: digestOf(commit),
  kind: "tree",
  location: `${treesFolder}/${commit}`,
});

const buildFailed = (version: string): SluiceError =>
  new SluiceError({
    code: "BUILD_FAILED",
    remedy: "operator",
    at: "builder",
    message: `The build of ${version} ended with exit code 2.`,
    hint: "See what it printed: sluice logs",
  });

/** By tree, as the migrator wants them: of an export, and of a build. A release brings all migrations up to its own. */
export function migrationsByTree(releases: Releases): Record<string, readonly PendingMigration[]> {
  let soFar: readonly PendingMigration[] = [];
  const entries = Object.entries(releases).flatMap(([tag, { migrations = [] }]) => {
    soFar = [...soFar, ...migrations];
    const commit = commitOf(tag);
    return [
      [treeAt(commit), soFar],
      [`${treesFolder}/${commit}`, soFar],
    ] as const;
  });
  return Object.fromEntries(entries);
}
