/**
 * Reading an object in ranges. Who reads may be slow: a restore that waits for a lock would let one long answer die of idleness.
 * A range that breaks off is asked for again; one of another object than the first is refused.
 */

import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { SluiceError } from "../../domain/errors.ts";
import { unknownBackup } from "../backup-manifest.ts";
import { locationOf } from "./client.ts";
import type { Bucket } from "./requests.ts";
import { headOf, unquoted } from "./requests.ts";

const rangeBytes = 8 * 1024 * 1024;

export async function* readObject(bucket: Bucket, key: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const head = await headOf(bucket, key, signal);
  if (head === undefined) throw unknownBackup(bucket.place.bucket, locationOf(bucket.place, key));
  for (let from = 0; from < head.sizeBytes; from += rangeBytes) {
    const to = Math.min(from + rangeBytes, head.sizeBytes);
    const range = await readRange(bucket, key, { from, to }, signal);
    if (range.etag !== head.etag || range.bytes.byteLength !== to - from) throw replaced(bucket, key);
    yield range.bytes;
  }
}

interface Range {
  readonly etag: string;
  readonly bytes: Uint8Array;
}

async function readRange(
  bucket: Bucket,
  key: string,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<Range> {
  const { bucket: name, prefix, attempts } = bucket.place;
  return bucket.ask(`read ${key}`, signal, async ({ s3, client }, options) => {
    const request = new s3.GetObjectCommand({ Bucket: name, Key: prefix + key, Range: `bytes=${from}-${to - 1}` });
    // The library repeats a request that failed, not an answer that broke off.
    for (let left = attempts - 1; ; left--) {
      const answer = await client.send(request, options);
      const bytes = await wholeOf(answer, left > 0 && !signal.aborted);
      if (bytes !== undefined) return { etag: unquoted(answer.ETag ?? ""), bytes };
    }
  });
}

/** Undefined where it broke off and may be asked for again. */
async function wholeOf({ Body }: GetObjectCommandOutput, again: boolean): Promise<Uint8Array | undefined> {
  try {
    return (await Body?.transformToByteArray()) ?? new Uint8Array();
  } catch (broken) {
    if (again) return undefined;
    throw broken;
  }
}

const replaced = (bucket: Bucket, key: string): SluiceError =>
  new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: "backup.store",
    message: `${locationOf(bucket.place, key)} changed while it was read, or the store sent other bytes than were asked for.`,
    hint: "Somebody else writes under this prefix. Look at what is there with: sluice backup list",
  });
