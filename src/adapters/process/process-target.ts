/**
 * Runs revisions as processes on this machine that outlive Sluice. All that is known of them lies in files under `root`
 * and is compared with the process table whenever it is asked for; there is no supervisor, so nothing restarts a process.
 *
 * Fencing is `checked`: `<root>/fence.json` is read under the target's lock just before each change, so among the
 * processes of one machine no lower attempt can slip in between.
 */
import { lstat, rm } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";
import type { Attempt } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { Artifact } from "../../domain/release.ts";
import { Secret } from "../../domain/secret.ts";
import type { RevisionId } from "../../domain/traffic.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Instance, RunSpec, Target } from "../../ports/target.ts";
import { withFileLock } from "../file-lock.ts";
import { findByVariable, isRunning } from "../process-identity.ts";
import { redactor } from "../redact.ts";
import { pathPart } from "../safe-name.ts";
import { treeDigest } from "../tree-digest.ts";
import { bringUp } from "./bring-up.ts";
import { endByToken, endInstance } from "./end-instance.ts";
import { fenceFile } from "./fence-file.ts";
import { type InstanceRecord, type InstanceRecords, instanceRecords, tokenVariable } from "./instance-records.ts";
import { readLogTail } from "./log-file.ts";
import { shellInstructions } from "./shell-instructions.ts";

export interface ProcessTargetOptions {
  /** Absolute folder of this environment's target, used by no other environment. */
  readonly root: string;
  readonly environment: string;
  readonly clock: Clock;
  /** Where instances listen; 127.0.0.1 by default. */
  readonly host?: string;
  /**
   * Trees under this folder are removed by `prune` once nothing here needs them. Leave it out where another environment
   * deploys from the same folder: this target cannot know what that one needs.
   */
  readonly artifactsFolder?: string;
}

const lockWaitMs = 30_000;
/** For a copy started by hand, which no record describes. */
const strayStopTimeoutMs = 10_000;

export function processTarget(options: ProcessTargetOptions): Target {
  const { root, environment, clock, host = "127.0.0.1" } = options;
  const records = instanceRecords(root);
  const fence = fenceFile(root, environment);
  const secrets = new Map<string, Secret>();

  const locked = <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
    withFileLock(join(root, "lock"), { clock, signal, waitMs: lockWaitMs }, work);
  const guarded = <T>(attempt: Attempt, signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
    locked(signal, async () => {
      await fence.admit(attempt);
      return work();
    });

  async function start(spec: RunSpec, attempt: Attempt, signal: AbortSignal): Promise<readonly Instance[]> {
    checkNames(spec.component, spec.revision);
    await guarded(attempt, signal, async () => {});
    for (const value of Object.values(spec.environment)) if (value instanceof Secret) secrets.set(value.name, value);
    const redact = redactor(secrets.values());
    const proveArtifact = once(() => requireArtifact(spec.artifact, signal));
    const job = { spec, attempt, signal, host, clock, records, guarded, proveArtifact, redact };
    const indexes = Array.from({ length: spec.instances }, (_, index) => index);
    const started = await Promise.all(indexes.map((index) => bringUp(job, index)));
    return started.map((record) => instanceOf(record, host, "running"));
  }

  async function stop(component: string, revision: RevisionId, attempt: Attempt, signal: AbortSignal): Promise<void> {
    checkNames(component, revision);
    const asked = await guarded(attempt, signal, async () => {
      const ours = await records.ofRevision(component, revision);
      for (const record of ours) if (!record.stopRequested) await records.write({ ...record, stopRequested: true });
      return ours;
    });
    await Promise.all(asked.map((record) => endInstance(record, clock, signal)));
    await endByToken(records.tokenPrefix(component, revision), strayStopTimeoutMs, clock, signal);
  }

  return {
    kind: "process",
    fencing: "checked",
    fence: fence.last,
    claim: (attempt, signal) => locked(signal, () => fence.claim(attempt)),
    disown: (reason, signal) => locked(signal, () => fence.disown(reason, clock.now())),
    start,
    stop,
    observe: async () =>
      Promise.all((await records.all()).map(async (each) => instanceOf(each, host, await stateOf(each)))),
    available: artifactAvailable,
    prune: (keep, attempt, signal) =>
      guarded(attempt, signal, () => prune(records, new Set(keep), options.artifactsFolder)),
    async logTail(component, revision, lines) {
      checkNames(component, revision);
      const files = await records.logsOf(component, revision);
      const tails = await Promise.all(files.map((file) => readLogTail(file, lines)));
      return redactor(secrets.values())(joinTails(tails, lines));
    },
    instructions: (spec) => shellInstructions(spec, { root, host, records }),
  };
}

function checkNames(component: string, revision: RevisionId): void {
  pathPart(component, "component");
  pathPart(revision, "revision");
}

/** Hashing a tree takes seconds: once a start, however many instances it has. */
function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}

const instanceOf = (record: InstanceRecord, host: string, state: Instance["state"]): Instance => ({
  component: record.component,
  revision: record.revision,
  version: record.version,
  artifactDigest: record.artifactDigest,
  endpoint: { host, port: record.port },
  state,
  restarts: 0,
  startedAtMs: record.startedAtMs,
});

async function stateOf(record: InstanceRecord): Promise<Instance["state"]> {
  if (record.process) {
    if (await isRunning(record.process)) return "running";
    return record.stopRequested ? "stopped" : "crashed";
  }
  // Only intended: it runs if its token is found; else it was never started, which is no crash.
  return (await findByVariable(tokenVariable, record.token)).length > 0 ? "running" : "stopped";
}

async function artifactAvailable(artifact: Artifact, signal: AbortSignal) {
  const folder = await lstat(artifact.location).catch(() => undefined);
  if (!folder?.isDirectory()) return { available: false, reason: `${artifact.location} is not there` };
  try {
    const digest = await treeDigest(artifact.location, signal);
    if (digest === artifact.digest) return { available: true, reason: `${artifact.location} has the digest ${digest}` };
    return {
      available: false,
      reason: `${artifact.location} has changed: its digest is ${digest}, not ${artifact.digest}`,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { available: false, reason: `${artifact.location} cannot be read: ${(error as Error).message}` };
  }
}

async function requireArtifact(artifact: Artifact, signal: AbortSignal): Promise<void> {
  const { available, reason } = await artifactAvailable(artifact, signal);
  if (available) return;
  const isThere = await lstat(artifact.location).catch(() => undefined);
  throw new SluiceError({
    code: isThere ? "ARTIFACT_CHANGED" : "ARTIFACT_MISSING",
    remedy: "operator",
    at: "adapters.process.start",
    message: `${artifact.component} is not started: ${reason}.`,
    hint: "Build it again with a new deployment: sluice deploy",
  });
}

async function prune(
  records: InstanceRecords,
  keep: ReadonlySet<RevisionId>,
  artifactsFolder: string | undefined,
): Promise<readonly RevisionId[]> {
  const all = await records.all();
  const states = await Promise.all(all.map(stateOf));
  const running = new Set(all.filter((_, index) => states[index] === "running").map((record) => record.revision));
  const leaving = all.filter((record) => !keep.has(record.revision) && !running.has(record.revision));
  const staying = new Set(all.filter((record) => !leaving.includes(record)).map((record) => record.artifactLocation));
  for (const record of leaving) {
    const isOurs = artifactsFolder !== undefined && isInside(artifactsFolder, record.artifactLocation);
    if (isOurs && !staying.has(record.artifactLocation))
      await rm(record.artifactLocation, { recursive: true, force: true });
    await records.remove(record);
  }
  return [...new Set(leaving.map((record) => record.revision))];
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith("../") && !isAbsolute(way);
}

/** One instance: its last lines. Several: each one's last lines under its number, together no more than `lines`. */
function joinTails(tails: readonly string[], lines: number): string {
  if (tails.length <= 1) return tails[0] ?? "";
  const each = Math.max(1, Math.floor(lines / tails.length));
  const marked = tails.map((tail, index) =>
    tail
      .split("\n")
      .slice(-each)
      .map((line) => `[${index}] ${line}`)
      .join("\n"),
  );
  return marked.join("\n");
}
