/**
 * Brings one instance up. Looking, deciding and spawning happen under the target's lock, so that two overlapping calls
 * start one process; waiting for it to be ready happens outside.
 */
import type { Attempt } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { RunSpec } from "../../ports/target.ts";
import { findByVariable, isRunning, type MarkedProcess } from "../process-identity.ts";
import type { Redact } from "../redact.ts";
import { endInstance } from "./end-instance.ts";
import { type InstanceRecord, type InstanceRecords, tokenVariable } from "./instance-records.ts";
import { readLogTail } from "./log-file.ts";
import { isAnothersPort } from "./port-owner.ts";
import { freePort, openLog, spawnInstance } from "./spawn-instance.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

export interface BringUp {
  readonly spec: RunSpec;
  readonly attempt: Attempt;
  readonly signal: AbortSignal;
  readonly host: string;
  readonly clock: Clock;
  readonly records: InstanceRecords;
  /** Takes the target's lock and checks the fence, then works. */
  readonly guarded: <T>(attempt: Attempt, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;
  /** Proves the artifact before the first spawn. */
  readonly proveArtifact: () => Promise<void>;
  readonly redact: Redact;
}

const portRetries = 5;
const evidenceLines = 50;
const exitTellsWithinMs = 1_000;
const portTaken = /EADDRINUSE|address already in use/i;

/** How each process that we spawned ended, by its record's token. */
type Ends = Map<string, Promise<string>>;

/** Returns once the instance is ready. Errors: START_FAILED, NOT_READY, VERSION_MISMATCH, PORT_IN_USE, CANCELLED. */
export async function bringUp(job: BringUp, index: number): Promise<InstanceRecord> {
  const ends: Ends = new Map();
  for (let tries = 1; ; tries++) {
    const record = await launch(job, index, ends);
    const readiness = await waitUntilReady({
      host: job.host,
      port: record.port,
      probe: job.spec.ready,
      isRunning: async () => record.process !== undefined && (await isRunning(record.process)),
      isAnothers: () => isAnothersPort(record.port, record.token),
      clock: job.clock,
      signal: job.signal,
    });
    if (readiness.kind === "ready") return record;
    const log = job.redact(await readLogTail(logOf(job, index), evidenceLines, record.logOffsetBytes));
    const mayRetry = readiness.kind === "ended" && portTaken.test(log) && tries < portRetries;
    if (mayRetry) continue;
    if (readiness.kind === "ended")
      throw await endedEarly(job, record, log, await howItEnded(job, ends.get(record.token)));
    if (readiness.kind === "other-version") throw otherVersion(job, record, readiness.version);
    throw notReady(job, record, job.redact(readiness.lastAnswer), log);
  }
}

const logOf = (job: BringUp, index: number): string =>
  job.records.logFile(job.spec.component, job.spec.revision, index);

async function launch(job: BringUp, index: number, ends: Ends): Promise<InstanceRecord> {
  const { spec, records, attempt, signal } = job;
  const before = await records.read(spec.component, spec.revision, index);
  if (before && (await runningRecord(records, before)) === undefined) {
    // What a crashed or stopping instance left behind must not live beside its successor.
    await endInstance(before, job.clock, signal);
  }
  if (!before || (await runningRecord(records, before)) === undefined) await job.proveArtifact();
  return job.guarded(attempt, signal, async () => {
    const last = await records.read(spec.component, spec.revision, index);
    const running = last && (await runningRecord(records, last));
    if (running === undefined) return spawnRecorded(job, index, ends);
    refuseOtherContent(spec, running);
    return running;
  });
}

/** The record with its process, where it runs and nobody asked it to stop. An intent is completed by its token. */
async function runningRecord(records: InstanceRecords, record: InstanceRecord): Promise<InstanceRecord | undefined> {
  if (record.stopRequested) return undefined;
  if (record.process) return (await isRunning(record.process)) ? record : undefined;
  const leader = (await findByVariable(tokenVariable, record.token)).find(isLeader);
  if (leader === undefined) return undefined;
  const adopted = { ...record, process: { pid: leader.pid, startMark: leader.startMark } };
  await records.write(adopted);
  return adopted;
}

const isLeader = (each: MarkedProcess): boolean => each.groupId === each.pid;

async function spawnRecorded(job: BringUp, index: number, ends: Ends): Promise<InstanceRecord> {
  const { spec, records, clock } = job;
  const log = await openLog(logOf(job, index));
  try {
    const promised = new Set((await records.all()).filter((each) => !each.stopRequested).map((each) => each.port));
    const intent: InstanceRecord = {
      token: records.newToken(spec, index),
      component: spec.component,
      revision: spec.revision,
      version: spec.version,
      index,
      artifactDigest: spec.artifact.digest,
      artifactLocation: spec.artifact.location,
      port: await freePort(job.host, promised),
      stopTimeoutMs: spec.stopTimeoutMs,
      startedAtMs: clock.now(),
      logOffsetBytes: log.offsetBytes,
      stopRequested: false,
    };
    // The intent first: a crash right after the spawn then leaves a token to find the process by.
    await records.write(intent);
    const { process, ended } = await spawnInstance(spec, intent, log.fd);
    ends.set(intent.token, ended);
    const record = { ...intent, process };
    await records.write(record);
    return record;
  } finally {
    await log.close();
  }
}

function refuseOtherContent(spec: RunSpec, running: InstanceRecord): void {
  if (running.artifactDigest === spec.artifact.digest) return;
  throw new SluiceError({
    code: "ARTIFACT_CHANGED",
    remedy: "operator",
    at: "adapters.process.start",
    message: `${spec.revision} of ${spec.component} already runs ${running.artifactDigest}, not ${spec.artifact.digest}.`,
    hint: "A revision's content never changes: start a new deployment with: sluice deploy",
  });
}

const nameOf = ({ spec }: BringUp, index: number): string => `${spec.component} ${spec.version} (instance ${index})`;

/** The system shows a process as ended a moment before Node tells how. One that we did not spawn tells nobody. */
async function howItEnded({ clock, signal }: BringUp, ended: Promise<string> | undefined): Promise<string> {
  const unknown = "by itself";
  if (ended === undefined) return unknown;
  return Promise.race([ended, clock.sleep(exitTellsWithinMs, signal).then(() => unknown)]);
}

async function endedEarly(job: BringUp, record: InstanceRecord, log: string, how: string) {
  const now = await job.records.read(record.component, record.revision, record.index);
  const stopped = now === undefined || now.stopRequested;
  const wasPortTaken = portTaken.test(log);
  return new SluiceError({
    code: stopped ? "CANCELLED" : wasPortTaken ? "PORT_IN_USE" : "START_FAILED",
    remedy: "operator",
    at: "adapters.process.start",
    message: stopped
      ? `${nameOf(job, record.index)} was asked to stop while it was starting.`
      : `${nameOf(job, record.index)} ended ${how} before it was ready.`,
    hint: wasPortTaken
      ? "It found its port taken, on several ports: it must listen on the port given as PORT. Check with: ss -ltnp"
      : `Its last lines are the evidence; all of them: less ${logOf(job, record.index)}`,
    evidence: log,
  });
}

function otherVersion(job: BringUp, record: InstanceRecord, version: string | undefined): SluiceError {
  const { path, expectVersion } = job.spec.ready;
  const answered =
    version === undefined ? "names no version" : `names version ${JSON.stringify(job.redact(version.slice(0, 100)))}`;
  return new SluiceError({
    code: "VERSION_MISMATCH",
    remedy: "operator",
    at: "adapters.process.start",
    message: `${nameOf(job, record.index)} answers with the health body of another version: it ${answered}, expected was "${expectVersion}".`,
    hint: `Let the health answer name SLUICE_VERSION under the key "version"; look at it: curl -i http://${job.host}:${record.port}${path}`,
  });
}

function notReady(job: BringUp, record: InstanceRecord, lastAnswer: string, log: string): SluiceError {
  const { path, expectStatus, timeoutMs } = job.spec.ready;
  return new SluiceError({
    code: "NOT_READY",
    remedy: "operator",
    at: "adapters.process.start",
    message: `${nameOf(job, record.index)} was not ready within ${timeoutMs} ms: GET ${path} should give ${expectStatus}, the last answer was: ${lastAnswer}`,
    hint: `All it wrote: less ${logOf(job, record.index)}`,
    evidence: `last answer: ${lastAnswer}\n${log}`.slice(-8_192),
  });
}
