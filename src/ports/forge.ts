/**
 * Where the repository is at home (GitHub; GitLab may follow): what it knows of a commit, and where people look for what became
 * of it. Every entry is idempotent by a key that the forge keeps with the entry itself, so that it may be made again after a crash
 * between making it and writing down that it was made. Texts are cut to the forge's limits by the adapter, visibly.
 *
 * Errors: FORGE_REFUSED (a person must act: a scope, a name), FORGE_UNREACHABLE (later it may answer).
 */
import type { ForgeTag, PullRequest } from "../domain/change-list.ts";
import type { ForgeCheck } from "../domain/required-checks.ts";

/** Everything that goes wrong in one environment until something goes well there. */
export interface IncidentEntry {
  /** Which environment of which project. */
  readonly mark: string;
  /** Which event: told twice it is written once. */
  readonly key: string;
  readonly title: string;
  /** Markdown of ours; what others wrote is fenced in. */
  readonly text: string;
  /** The first one is how it is found again: only who may label can make an issue look like ours. */
  readonly labels: readonly string[];
}

export interface DeploymentEntry {
  readonly deploymentId: string;
  readonly commit: string;
  readonly environment: string;
  readonly state: "queued" | "in_progress" | "success" | "failure" | "error" | "inactive";
  readonly description: string;
  readonly environmentUrl: string | null;
}

export interface StatusEntry {
  readonly commit: string;
  readonly context: string;
  readonly state: "pending" | "success" | "failure" | "error";
  readonly description: string;
}

export interface ReleaseEntry {
  readonly tag: string;
  /** Its release is not touched where the tag at the forge stands for another commit. */
  readonly commit: string;
  /** Which part of the release's text is ours, e.g. the environment; it is replaced as a whole. */
  readonly mark: string;
  readonly text: string;
  /** A candidate: the tag is made where it is missing, and nobody is told that it is the latest. */
  readonly candidate: boolean;
}

/** A commit as the forge knows it. */
export interface ForgeCommit {
  readonly sha: string;
  /** The account whose address its author gave; null: nobody's there. */
  readonly account: string | null;
}

export interface Forge {
  readonly kind: string;
  /** `acme/shop`. */
  readonly repository: string;
  /** The newest of each name and source, of exactly this commit. */
  checks(commit: string, signal: AbortSignal): Promise<readonly ForgeCheck[]>;
  /** What `to` has and `from` has not; `from` undefined: the newest of `to`. At most `limit` of them. */
  commits(from: string | undefined, to: string, limit: number, signal: AbortSignal): Promise<readonly ForgeCommit[]>;
  /** Through which a commit came. */
  pullRequests(commit: string, signal: AbortSignal): Promise<readonly PullRequest[]>;
  /** Undefined where the forge has none of that name. */
  tag(name: string, signal: AbortSignal): Promise<ForgeTag | undefined>;
  /** Opens the incident, or adds to the one that is open. */
  openIncident(entry: IncidentEntry, signal: AbortSignal): Promise<void>;
  /** Adds the text and closes it; nothing where none is open. */
  closeIncident(entry: Omit<IncidentEntry, "title">, signal: AbortSignal): Promise<void>;
  reportDeployment(entry: DeploymentEntry, signal: AbortSignal): Promise<void>;
  reportStatus(entry: StatusEntry, signal: AbortSignal): Promise<void>;
  /** The forge's own notes, then ours; what people wrote stays. Nothing where the forge has no such tag, unless it is a candidate. */
  publishRelease(entry: ReleaseEntry, signal: AbortSignal): Promise<void>;
  /** Once for each tag. */
  startWorkflow(workflow: string, tag: string, commit: string, signal: AbortSignal): Promise<void>;
  /** How far the forge's clock is ahead of ours; undefined before its first answer. */
  clockAheadMs(): number | undefined;
}
