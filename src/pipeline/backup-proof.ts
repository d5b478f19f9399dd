/**
 * B3 Z3: what was stored is read again, decoded to its end, restored into a scratch place and compared with what the snapshot
 * held. A deployment does not wait for that longer than its budget: then a backup that is readable now goes on together with
 * an older one that was proven equal, and both are called by their names.
 */
import {
  type BackupManifest,
  type BackupProof,
  expectedProofMs,
  type ProofCheck,
  type ProofLevel,
  type ProofLimit,
  type ProofSettings,
  standIn,
  tableDifferences,
  unhashed,
} from "../domain/backup.ts";
import { humanDuration } from "../domain/duration.ts";
import { SluiceError } from "../domain/errors.ts";
import type { StoredObject } from "../ports/backup-store.ts";
import type { Database, Dump, Reading } from "../ports/database.ts";
import { deadlineIn } from "../ports/deadline.ts";
import type { Parts } from "./parts.ts";

export interface ProofRequest {
  readonly database: Database;
  readonly dump: Dump;
  readonly key: string;
  readonly stored: StoredObject;
  /** What lies in the store, as the database's own reader wants it. */
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly proof: ProofSettings;
  /** A deployment waits; a person or a schedule does not. */
  readonly inBudget: boolean;
  /** Whether a copy has room, looked at before the dump; null where none is made. */
  readonly room: ProofCheck | null;
}

export interface Proven {
  readonly level: ProofLevel;
  readonly proof: BackupProof;
}

/** Throws BACKUP_UNVERIFIED. */
export async function proveBackup(parts: Parts, request: ProofRequest, signal: AbortSignal): Promise<Proven> {
  const { clock } = parts;
  const startedAtMs = clock.now();
  const checks: ProofCheck[] = request.room ? [request.room] : [];
  const done = (level: ProofLevel, short: BackupProof["short"]): Proven => ({
    level,
    proof: { checks, tookMs: clock.now() - startedAtMs, short },
  });
  const timed = async <T>(check: string, detail: string, work: () => Promise<T>): Promise<T> => {
    const beganAtMs = clock.now();
    const value = await work();
    checks.push({ check, outcome: "passed", detail, tookMs: clock.now() - beganAtMs });
    return value;
  };
  await timed("stored", "its checksum was read back", () => reRead(parts, request, signal));
  const { database, dump, proof } = request;
  if (database.proofLimit) return done(await proveLimited(parts, request, database.proofLimit, checks, signal), null);
  const reading = await timed("readable", "decoded to its end", () =>
    database.readBack(dump.format, request.open(signal), signal),
  );
  if (proof.level === "readable") return done("readable", null);
  const tooLong = await tooLongFor(parts, request, startedAtMs, signal);
  if (tooLong !== undefined) return done("readable", await leaning(parts, request, tooLong, signal));
  const leftMs = proof.budgetMs - (clock.now() - startedAtMs);
  const rehearsed = await withinMs(parts, request.inBudget ? leftMs : null, signal, (until) =>
    rehearse(request, reading, until),
  );
  if (rehearsed === undefined) {
    const reason = `it was not over after ${humanDuration(proof.budgetMs)}`;
    return done("readable", await leaning(parts, request, reason, signal));
  }
  checks.push(...rehearsed.checks);
  const { level, reason } = rehearsed;
  return done(level, reason === null ? null : await leaning(parts, request, reason, signal));
}

/** Nobody here can read such a dump: it is restored, or it is stored and no more. No older one stands in, since none was ever equal. */
async function proveLimited(
  parts: Parts,
  request: ProofRequest,
  limit: ProofLimit,
  checks: ProofCheck[],
  signal: AbortSignal,
): Promise<ProofLevel> {
  const { database, dump, inBudget, open, proof } = request;
  const unavailable = (detail: string): ProofLevel => {
    checks.push({ check: "restored", outcome: "unavailable", detail, tookMs: 0 });
    return "stored";
  };
  if (limit.level === "stored") return unavailable(limit.because);
  if (proof.level === "readable") return unavailable("backup.proof does not ask for it");
  const reading: Reading = { parts: new Map(), schema: [] };
  const rehearsed = await withinMs(parts, inBudget ? proof.budgetMs : null, signal, (until) =>
    database.rehearse({ format: dump.format, bytes: open(until), level: "restored", reading }, until),
  );
  if (rehearsed === undefined) return unavailable(`it was not over after ${humanDuration(proof.budgetMs)}`);
  checks.push(...rehearsed.checks);
  return "restored";
}

/** Lie 1: "the backup is fine". What lies in the store is read again and hashed; what was sent does not count. */
async function reRead(parts: Parts, { key, stored }: ProofRequest, signal: AbortSignal): Promise<void> {
  const { sha256, sizeBytes } = await parts.hashOf(parts.backups.get(key, signal));
  if (sha256 === stored.sha256 && sizeBytes === stored.sizeBytes && sizeBytes > 0) return;
  if (sizeBytes === 0) {
    const what = `${stored.location} is empty: the dump tool reported success and wrote nothing.`;
    throw unverified(parts.settings.environment, what, "Run the tool by hand and see what it says, then");
  }
  throw unverified(
    parts.settings.environment,
    `${stored.location} was written with ${stored.sizeBytes} bytes (${stored.sha256.slice(0, 12)}) and reads back as ${sizeBytes} bytes (${sha256.slice(0, 12)}).`,
    `Check the disk of ${parts.backups.name}, then`,
  );
}

interface Rehearsed {
  readonly level: ProofLevel;
  readonly checks: readonly ProofCheck[];
  /** Why it is not the level that was asked for. */
  readonly reason: string | null;
}

async function rehearse(
  { database, dump, open, proof }: ProofRequest,
  reading: Reading,
  signal: AbortSignal,
): Promise<Rehearsed> {
  const level = proof.level === "equal" ? "equal" : "restored";
  const request = { format: dump.format, bytes: open(signal), level, reading } as const;
  const { facts, checks } = await database.rehearse(request, signal);
  const differing = tableDifferences(dump.facts.tables, facts.tables);
  if (differing.length > 0) {
    throw unverified(
      "",
      `Restored from its backup, ${database.name} is not what was dumped: ${differing.slice(0, 10).join(", ")}.`,
      "Take a new one, and look at who changed the scratch database",
    );
  }
  if (level !== "equal") return { level, checks, reason: null };
  const unknown = [...new Set([...unhashed(dump.facts.tables), ...unhashed(facts.tables)])];
  if (unknown.length === 0) return { level, checks, reason: null };
  const reason = `rows could only be counted, not hashed, in ${unknown.slice(0, 10).join(", ")}`;
  const missed: ProofCheck = { check: "rows hashed", outcome: "unavailable", detail: reason, tookMs: 0 };
  return { level: "restored", checks: [...checks, missed], reason };
}

/** One that cannot be trusted proves nothing, and must not keep a new one from being taken. */
const leftOut = (): void => undefined;

/** From the size of the database and the last proof; undefined where it fits, or where nothing is known yet. */
async function tooLongFor(
  parts: Parts,
  request: ProofRequest,
  startedAtMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!request.inBudget) return undefined;
  const { database, dump, proof } = request;
  const { environment } = parts.settings;
  const of = { environment, database: database.name, sizeBytes: dump.facts.sizeBytes };
  const expectedMs = expectedProofMs(await parts.backups.list(signal, leftOut), of, proof.level);
  const fits = expectedMs === undefined || expectedMs - (parts.clock.now() - startedAtMs) <= proof.budgetMs;
  return fits
    ? undefined
    : `it would take about ${humanDuration(Math.round(expectedMs))}, longer than ${humanDuration(proof.budgetMs)}`;
}

/** The older backup that stands in. Throws BACKUP_UNVERIFIED where there is none. */
async function leaning(
  parts: Parts,
  { database, proof }: ProofRequest,
  reason: string,
  signal: AbortSignal,
): Promise<NonNullable<BackupProof["short"]>> {
  const { environment } = parts.settings;
  const notBeforeMs = parts.clock.now() - proof.equalWithinMs;
  const of = { environment, database: database.name };
  const older = standIn(await trusted(parts, await parts.backups.list(signal, leftOut), signal), of, notBeforeMs);
  if (older) return { wanted: proof.level, reason, leansOn: { id: older.id, takenAtMs: older.takenAtMs } };
  throw unverified(
    environment,
    `The backup of ${database.name} was not proven ${proof.level}: ${reason}. No equal one is younger than ${humanDuration(proof.equalWithinMs)}.`,
    "Prove one by hand, which has no budget, or raise backup.proof.budget",
  );
}

/** A manifest that somebody wrote into the store must not let a deployment pass. */
async function trusted(
  { signer }: Parts,
  manifests: readonly BackupManifest[],
  signal: AbortSignal,
): Promise<readonly BackupManifest[]> {
  if (!signer?.signs) return manifests;
  const kept: BackupManifest[] = [];
  for (const manifest of manifests.filter(({ level }) => level === "equal")) {
    if ((await signer.check(manifest, signal)).kind === "trusted") kept.push(manifest);
  }
  return kept;
}

/** Undefined when the time was over first. What was begun has ended in either case. */
async function withinMs<T>(
  parts: Parts,
  limitMs: number | null,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  if (limitMs === null) return work(signal);
  await using limit = deadlineIn(limitMs, parts.clock, { signal });
  try {
    return await work(limit.signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!limit.passed) throw error;
    return undefined;
  }
}

const unverified = (environment: string, message: string, then: string): SluiceError =>
  new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: "stages.backup",
    message,
    hint: `Nothing was deployed. ${then}: sluice backup create ${environment || "<environment>"}`,
  });
