/**
 * Backups in a bucket of any S3 store. An object lies under `<prefix><key>`, its manifest beside it as `<key>.manifest.json`,
 * written last. An object becomes visible whole or not at all; what a killed process leaves is an unfinished upload, which nothing
 * but `leftOvers` shows.
 */
import { randomUUID } from "node:crypto";
import type { ServerSideEncryption } from "@aws-sdk/client-s3";
import type { BackupManifest } from "../../domain/backup.ts";
import type { BackupStore, Faulty } from "../../ports/backup-store.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  canNameBackup,
  cannotNameBackup,
  manifestRefused,
  manifestSuffix,
  manifestText,
  newestFirst,
  readManifest,
  tellFaulty,
} from "../backup-manifest.ts";
import { locationOf, type S3Place } from "./client.ts";
import { leftOversIn } from "./left-overs.ts";
import { requireLock } from "./lock.ts";
import { type Protection, put } from "./put.ts";
import { readObject } from "./read.ts";
import { type Bucket, bucketAt, headOf, removeObject, requireBucket, sizesIn, textOf } from "./requests.ts";
import { putWhole } from "./upload.ts";

export interface S3BackupStoreOptions extends Omit<S3Place, "idleMs" | "attempts"> {
  /** Nobody may delete or change what is stored for so long: `compliance` not even the owner of the bucket. */
  readonly objectLock: { readonly mode: "governance" | "compliance"; readonly days: number } | null;
  /** What the store encrypts with; null: whatever the bucket says. */
  readonly encryption: { readonly kind: "AES256" | "aws:kms"; readonly kmsKey: string | null } | null;
  readonly clock: Clock;
  readonly idleMs?: number;
  readonly attempts?: number;
  readonly partBytes?: number;
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * `put` under a key that has a manifest replaces that backup (a step that runs again), as the disk's store does. Where there was
 * none and another process was faster, it fails: one backup is never written over another.
 */
export function s3BackupStore(options: S3BackupStoreOptions): BackupStore {
  const { idleMs = 60_000, attempts = 3, partBytes = 16 * 1024 * 1024 } = options;
  const bucket = bucketAt({ ...options, idleMs, attempts });
  /** Which object this process wrote, by key and SHA-256: under its name another process may have put another one since. */
  const writings = new Map<string, string>();
  return {
    kind: "s3",
    name: locationOf(options, "").replace(/\/$/, ""),
    async put(key, bytes, signal) {
      requireName(bucket, key);
      const protection = protectionOf(options);
      const { writing, ...stored } = await put(bucket, { key, bytes, partBytes, protection }, signal);
      writings.set(`${key} ${stored.sha256}`, writing);
      return stored;
    },
    async *get(key, signal) {
      requireName(bucket, key);
      yield* readObject(bucket, key, signal);
    },
    async putManifest(manifest, signal) {
      const writing = writings.get(`${manifest.key} ${manifest.sha256}`);
      await putManifest(bucket, manifest, { writing, protection: protectionOf(options) }, signal);
    },
    list: async (signal, faulty) => (await listed(bucket, signal, faulty)).toSorted(newestFirst),
    remove: (id, signal) => remove(bucket, id, signal),
    async freeBytes(signal) {
      await requireBucket(bucket, signal);
      return undefined;
    },
    leftOvers: (beforeMs, signal) => leftOversIn(bucket, beforeMs, signal),
  };
}

function requireName({ place }: Bucket, key: string): void {
  if (!canNameBackup(key)) throw cannotNameBackup(place.bucket, key);
}

function protectionOf({ objectLock, encryption, clock }: S3BackupStoreOptions): Protection {
  return {
    lock: objectLock
      ? {
          ObjectLockMode: objectLock.mode === "governance" ? "GOVERNANCE" : "COMPLIANCE",
          ObjectLockRetainUntilDate: new Date(clock.now() + objectLock.days * dayMs),
        }
      : undefined,
    encryption: encryption
      ? {
          ServerSideEncryption: encryption.kind satisfies ServerSideEncryption,
          ...(encryption.kmsKey !== null && { SSEKMSKeyId: encryption.kmsKey }),
        }
      : undefined,
  };
}

interface Expected {
  /** Undefined: this process did not write the object, so that only its size can be told. */
  readonly writing: string | undefined;
  readonly protection: Protection;
}

/** Looked at before and after: between the two another process may have replaced the object. */
async function putManifest(
  bucket: Bucket,
  manifest: BackupManifest,
  { writing, protection }: Expected,
  signal: AbortSignal,
): Promise<void> {
  requireName(bucket, manifest.key);
  const refuseOther = async (): Promise<void> => {
    const head = await headOf(bucket, manifest.key, signal);
    const fault = faultOf(bucket, manifest, head, writing);
    if (fault !== undefined) throw manifestRefused(bucket.place.bucket, manifest.id, fault);
  };
  await refuseOther();
  const key = manifest.key + manifestSuffix;
  const object = { key, writing: randomUUID(), mustBeNew: false, contentType: "application/json", ...protection };
  await putWhole(bucket, object, Buffer.from(manifestText(manifest)), signal);
  await requireLock(bucket, key, protection.lock, signal);
  try {
    await refuseOther();
  } catch (error) {
    const still = await headOf(bucket, key, signal);
    if (still?.writing === object.writing) await removeObject(bucket, key, signal);
    throw error;
  }
}

function faultOf(
  { place }: Bucket,
  { key, sizeBytes }: BackupManifest,
  head: { readonly sizeBytes: number; readonly writing?: string | undefined } | undefined,
  writing: string | undefined,
): string | undefined {
  const location = locationOf(place, key);
  if (head === undefined) return `${location} is missing`;
  if (head.sizeBytes !== sizeBytes) return `${location} has ${head.sizeBytes} bytes instead of ${sizeBytes}`;
  const foreign = writing !== undefined && head.writing !== writing;
  return foreign ? `${location} was replaced by another process` : undefined;
}

async function listed(bucket: Bucket, signal: AbortSignal, faulty?: Faulty): Promise<readonly BackupManifest[]> {
  const entries = await manifestEntries(bucket, signal);
  const faults = entries.flatMap((entry) =>
    entry.kind === "faulty" ? [`${locationOf(bucket.place, entry.key)}: ${entry.fault}`] : [],
  );
  tellFaulty(bucket.place.bucket, locationOf(bucket.place, ""), faults, faulty);
  return entries.flatMap((entry) => (entry.kind === "sound" ? [entry.manifest] : []));
}

type Entry =
  | { readonly kind: "sound"; readonly key: string; readonly manifest: BackupManifest }
  | { readonly kind: "faulty"; readonly key: string; readonly fault: string };

const atOnce = 8;

async function manifestEntries(bucket: Bucket, signal: AbortSignal): Promise<readonly Entry[]> {
  const sizes = await sizesIn(bucket, signal);
  const keys = [...sizes.keys()].filter((key) => key.endsWith(manifestSuffix));
  const entries: Entry[] = [];
  for (let at = 0; at < keys.length; at += atOnce) {
    const some = keys.slice(at, at + atOnce).map((key) => readEntry(bucket, key, sizes, signal));
    for (const entry of await Promise.all(some)) if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** Larger ones are not ours: what they would take of the memory is bounded. */
const mostManifestBytes = 16 * 1024 * 1024;

/** Undefined: removed by another process while we looked. */
async function readEntry(
  bucket: Bucket,
  key: string,
  sizes: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<Entry | undefined> {
  const faulty = (fault: string): Entry => ({ kind: "faulty", key, fault });
  if ((sizes.get(key) ?? 0) > mostManifestBytes) return faulty(`it is larger than ${mostManifestBytes} bytes`);
  const text = await textOf(bucket, key, signal);
  if (text === undefined) return undefined;
  const read = readManifest(text);
  if (read.kind === "faulty") return faulty(read.fault);
  const { manifest } = read;
  if (manifest.key + manifestSuffix !== key) return faulty(`it describes another key, ${manifest.key}`);
  const sizeBytes = sizes.get(manifest.key);
  const fault = faultOf(bucket, manifest, sizeBytes === undefined ? undefined : { sizeBytes }, undefined);
  return fault === undefined ? { kind: "sound", key, manifest } : faulty(fault);
}

/** Removing what is not there is no error: a step that removes may run twice. */
async function remove(bucket: Bucket, id: string, signal: AbortSignal): Promise<void> {
  for (const entry of await manifestEntries(bucket, signal)) {
    if (entry.kind === "faulty" || entry.manifest.id !== id) continue;
    await removeObject(bucket, entry.key, signal);
    await removeObject(bucket, entry.manifest.key, signal);
  }
}
