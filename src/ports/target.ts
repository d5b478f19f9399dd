/**
 * Where a component's revisions run: processes on this machine, containers on hosts, functions in a cloud. A target is
 * bound to one environment. Everything is idempotent by revision, and what is returned was observed.
 */
import type { Attempt, FenceRecord, Fencing } from "../domain/attempt.ts";
import type { Artifact } from "../domain/release.ts";
import type { Secret } from "../domain/secret.ts";
import type { Endpoint, RevisionId } from "../domain/traffic.ts";

/** All that is needed to run one revision of one component; journalled by reference, resolved just before the start. */
export interface RunSpec {
  readonly component: string;
  readonly revision: RevisionId;
  /** The release's version, given to the process as `SLUICE_VERSION` so that its health answer can name it. */
  readonly version: string;
  readonly artifact: Artifact;
  /** argv, no shell. `{port}` in an argument or an environment value becomes the instance's port. */
  readonly command: readonly string[];
  /** Folder inside the artifact to run in. */
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string | Secret>>;
  readonly instances: number;
  /** How to ask the instance whether it is ready. No answer in `timeoutMs` fails the start. */
  readonly ready: ReadyProbe;
  /** SIGTERM, then this long, then SIGKILL. */
  readonly stopTimeoutMs: number;
}

export interface ReadyProbe {
  readonly path: string;
  readonly expectStatus: number;
  /** The body (JSON) must name this version under the key `version`; undefined where the component does not tell. */
  readonly expectVersion?: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface Instance {
  readonly component: string;
  readonly revision: RevisionId;
  readonly version: string;
  readonly artifactDigest: string;
  readonly endpoint: Endpoint;
  /** What the target's host says now, not what we remember. `crashed` ended without being asked to. */
  readonly state: "running" | "stopped" | "crashed";
  readonly restarts: number;
  readonly startedAtMs: number;
}

export interface Target {
  readonly kind: string;
  readonly fencing: Fencing;

  /** What the target remembers of the last actor it obeyed. */
  fence(signal: AbortSignal): Promise<FenceRecord | undefined>;

  /** Records the attempt as the one in charge. Refuses a lower one (STALE_ATTEMPT) and another ledger's (LEDGER_FOREIGN). */
  claim(attempt: Attempt, signal: AbortSignal): Promise<void>;

  /** After `lock take-over`: the next claim may come from another ledger. Written with the reason. */
  disown(reason: string, signal: AbortSignal): Promise<void>;

  /**
   * Starts what of the revision is not running yet and waits until every instance is ready. A process that ends before
   * it is ready fails at once (START_FAILED) with its last 50 log lines as evidence.
   */
  start(spec: RunSpec, attempt: Attempt, signal: AbortSignal): Promise<readonly Instance[]>;

  /** All instances the target knows, running or not, of all components and revisions. */
  observe(signal: AbortSignal): Promise<readonly Instance[]>;

  /** Stops the revision's instances, gracefully first. A revision that is not there is already stopped. */
  stop(component: string, revision: RevisionId, attempt: Attempt, signal: AbortSignal): Promise<void>;

  /** Can this artifact be started again, now, here? Proven by looking (and hashing), not by remembering (X6). */
  available(artifact: Artifact, signal: AbortSignal): Promise<{ readonly available: boolean; readonly reason: string }>;

  /** Frees artifacts and logs of revisions not in `keep`. Never touches what is running. */
  prune(keep: readonly RevisionId[], attempt: Attempt, signal: AbortSignal): Promise<readonly RevisionId[]>;

  /** The last lines the revision wrote, oldest first. */
  logTail(component: string, revision: RevisionId, lines: number, signal: AbortSignal): Promise<string>;

  /** Plain shell commands for a person when Sluice is down (X9). */
  instructions(spec: RunSpec): { readonly start: readonly string[]; readonly stop: readonly string[] };
}
