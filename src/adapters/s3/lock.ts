/** Object lock, looked at: a store may take the wish and forget it. Ceph 16 does so for every upload in parts. */
import type { ObjectLockMode } from "@aws-sdk/client-s3";
import { SluiceError } from "../../domain/errors.ts";
import { locationOf } from "./client.ts";
import { type Bucket, headOf } from "./requests.ts";

export interface Lock {
  readonly ObjectLockMode: ObjectLockMode;
  readonly ObjectLockRetainUntilDate: Date;
}

/** Asks for it once more where the store shows none; what then is not locked is not stored as was asked, and fails. */
export async function requireLock(
  bucket: Bucket,
  key: string,
  lock: Lock | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (lock === undefined || (await isLocked(bucket, key, lock, signal))) return;
  await bucket.ask(`lock ${key}`, signal, async ({ s3, client }, options) => {
    const { bucket: name, prefix } = bucket.place;
    const Retention = { Mode: lock.ObjectLockMode, RetainUntilDate: lock.ObjectLockRetainUntilDate };
    await client.send(new s3.PutObjectRetentionCommand({ Bucket: name, Key: prefix + key, Retention }), options);
  });
  if (await isLocked(bucket, key, lock, signal)) return;
  throw new SluiceError({
    code: "BACKUP_FAILED",
    remedy: "operator",
    at: "backup.store",
    message: `${locationOf(bucket.place, key)} is stored, but the store shows no lock on it, or one that ends too early.`,
    hint: "See that the bucket has object lock and that the key may read and set it (docs/how-to/keep-backups-in-s3.md), then: sluice check <environment>",
  });
}

/** Stores keep whole seconds. */
const toleratedMs = 1000;

async function isLocked(bucket: Bucket, key: string, lock: Lock, signal: AbortSignal): Promise<boolean> {
  const head = await headOf(bucket, key, signal);
  const untilMs = head?.lockedUntil?.getTime() ?? 0;
  return head?.lockMode === lock.ObjectLockMode && untilMs > lock.ObjectLockRetainUntilDate.getTime() - toleratedMs;
}
