/** What a simulated GitHub holds: repositories with everything a deployment touches. Tests read and change it as a person would. */
import { createHash } from "node:crypto";

export interface SimulatedCommit {
  readonly sha: string;
  readonly message: string;
  readonly author: string;
  readonly email: string;
  /** Null: the email belongs to nobody at GitHub. */
  readonly login: string | null;
  readonly atMs: number;
  readonly parent: string | null;
}

export interface SimulatedCheckRun {
  readonly id: number;
  readonly sha: string;
  readonly name: string;
  readonly app: { readonly id: number; readonly slug: string };
  readonly status: "queued" | "in_progress" | "completed";
  readonly conclusion: string | null;
  readonly startedAtMs: number;
}

export interface SimulatedStatus {
  readonly id: number;
  readonly sha: string;
  readonly context: string;
  readonly state: string;
  readonly description: string | null;
  readonly targetUrl: string | null;
  readonly creator: string;
  readonly atMs: number;
}

export interface SimulatedRelease {
  readonly id: number;
  readonly tag: string;
  readonly commitish: string;
  readonly name: string;
  readonly body: string;
  readonly draft: boolean;
  readonly prerelease: boolean;
  readonly atMs: number;
}

export interface SimulatedDeployment {
  readonly id: number;
  readonly sha: string;
  readonly ref: string;
  readonly environment: string;
  readonly payload: unknown;
  readonly description: string | null;
  readonly production: boolean;
  readonly statuses: {
    readonly id: number;
    readonly state: string;
    readonly description: string;
    readonly logUrl: string;
    readonly environmentUrl: string;
  }[];
}

export interface SimulatedIssue {
  readonly number: number;
  title: string;
  body: string;
  state: "open" | "closed";
  reason: string | null;
  labels: readonly string[];
  readonly by: string;
  readonly comments: { readonly id: number; readonly body: string; readonly by: string }[];
}

export interface SimulatedPull {
  readonly number: number;
  readonly title: string;
  readonly by: string;
  /** The commits that came with it. */
  readonly commits: readonly string[];
}

export interface SimulatedRun {
  readonly id: number;
  readonly workflow: string;
  readonly event: string;
  readonly ref: string;
  readonly sha: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly atMs: number;
}

/** A job that waits for our rule. */
export interface SimulatedRule {
  readonly runId: number;
  readonly environment: string;
  state: "pending" | "approved" | "rejected";
  readonly comments: string[];
}

export interface SimulatedRepository {
  readonly owner: string;
  readonly name: string;
  readonly commits: Map<string, SimulatedCommit>;
  /** `tags/v1.0.0` and `heads/main`; an annotated tag has an object of its own. */
  readonly refs: Map<string, { readonly sha: string; readonly annotated: boolean }>;
  readonly checkRuns: SimulatedCheckRun[];
  readonly statuses: SimulatedStatus[];
  readonly releases: SimulatedRelease[];
  readonly deployments: SimulatedDeployment[];
  readonly issues: SimulatedIssue[];
  readonly pulls: SimulatedPull[];
  /** GitHub drops the labels of whoever may not set them, in silence. */
  dropsLabels: boolean;
  /** File names of workflows that can be dispatched. */
  readonly workflows: string[];
  readonly runs: SimulatedRun[];
  readonly rules: SimulatedRule[];
}

let lastId = 1000;
/** Ids rise, as GitHub's do. */
export const nextId = (): number => ++lastId;

export const githubActions = { id: 15368, slug: "github-actions" };

export function emptyRepository(owner: string, name: string): SimulatedRepository {
  return {
    owner,
    name,
    commits: new Map(),
    refs: new Map(),
    checkRuns: [],
    statuses: [],
    releases: [],
    deployments: [],
    issues: [],
    pulls: [],
    dropsLabels: false,
    workflows: [],
    runs: [],
    rules: [],
  };
}

/** A commit on top of the branch; its id is what it says. */
export function commitTo(
  repository: SimulatedRepository,
  message: string,
  { branch = "main", author = "Ada", login = "ada" as string | null } = {},
): string {
  const parent = repository.refs.get(`heads/${branch}`)?.sha ?? null;
  const sha = createHash("sha1").update(`${parent} ${message} ${repository.commits.size}`).digest("hex");
  const atMs = Date.UTC(2026, 10, 20, 12, 0, repository.commits.size);
  const email = `${author.toLowerCase().replaceAll(" ", ".")}@example.com`;
  repository.commits.set(sha, { sha, message, author, email, login, atMs, parent });
  repository.refs.set(`heads/${branch}`, { sha, annotated: false });
  return sha;
}

/** A run of GitHub Actions unless another app is named. */
export function checkOn(
  repository: SimulatedRepository,
  sha: string,
  name: string,
  conclusion: string | null,
  app = githubActions,
): SimulatedCheckRun {
  const id = nextId();
  const status = conclusion === null ? "in_progress" : "completed";
  const run: SimulatedCheckRun = { id, sha, name, app, status, conclusion, startedAtMs: Date.UTC(2026, 10, 20) + id };
  repository.checkRuns.push(run);
  return run;
}

/** The run ends; at GitHub it stays the same run. */
export function concludeCheck(repository: SimulatedRepository, { id }: SimulatedCheckRun, conclusion: string): void {
  const at = repository.checkRuns.findIndex((run) => run.id === id);
  const run = repository.checkRuns[at];
  if (run) repository.checkRuns[at] = { ...run, status: "completed", conclusion };
}

/** The commit and all before it, newest first. */
export const ancestorsOf = (repository: SimulatedRepository, sha: string): readonly SimulatedCommit[] => {
  const found: SimulatedCommit[] = [];
  for (let at = repository.commits.get(sha); at; at = at.parent ? repository.commits.get(at.parent) : undefined) {
    found.push(at);
  }
  return found;
};

/** A commit by its id, or by the name of a branch or a tag. */
export function resolveRef(repository: SimulatedRepository, ref: string): string | undefined {
  if (repository.commits.has(ref)) return ref;
  const short = ref.replace(/^refs\//, "");
  const named = [short, `tags/${short}`, `heads/${short}`].find((name) => repository.refs.has(name));
  return named === undefined ? undefined : repository.refs.get(named)?.sha;
}
