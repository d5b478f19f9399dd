/**
 * Bytes of unknown length into one object, in parts of one size. Three buffers and no more, whatever the size: two parts on their
 * way, one being filled. An object appears when its last request is answered, never before, and a failed upload is withdrawn.
 */
import { createHash } from "node:crypto";
import type { CompletedPart, ServerSideEncryption } from "@aws-sdk/client-s3";
import { SluiceError } from "../../domain/errors.ts";
import { isAmazon, locationOf } from "./client.ts";
import type { Lock } from "./lock.ts";
import { type Bucket, writingHeader } from "./requests.ts";
import { statusOf } from "./trouble.ts";

export interface ObjectToWrite {
  readonly key: string;
  readonly writing: string;
  /** There was no such object: another writer's must not be written over. */
  readonly mustBeNew: boolean;
  readonly contentType: string;
  readonly lock: Lock | undefined;
  readonly encryption:
    | { readonly ServerSideEncryption: ServerSideEncryption; readonly SSEKMSKeyId?: string }
    | undefined;
}

const inFlight = 2;
/** What S3 allows. */
const mostParts = 10_000;

/** The bytes of a part are its taker's until three more are asked for; by then `sendParts` has sent it. */
export async function* partsOf(bytes: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Uint8Array> {
  const buffers: Uint8Array[] = [];
  let part = 0;
  let filled = 0;
  const current = (): Uint8Array => {
    const at = part % (inFlight + 1);
    buffers[at] ??= new Uint8Array(partBytes);
    return buffers[at];
  };
  for await (const chunk of bytes) {
    for (let from = 0; from < chunk.byteLength; ) {
      if (filled === partBytes) {
        yield current();
        part += 1;
        filled = 0;
      }
      const piece = chunk.subarray(from, from + partBytes - filled);
      current().set(piece, filled);
      filled += piece.byteLength;
      from += piece.byteLength;
    }
  }
  yield current().subarray(0, filled);
}

/** One request: what fits into one part needs no more. */
export function putWhole(bucket: Bucket, object: ObjectToWrite, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  return bucket.ask(`store ${object.key}`, signal, async ({ s3, client }, options) => {
    const request = new s3.PutObjectCommand({
      ...headersOf(bucket, object),
      ...checksumOf(bucket, bytes),
      Body: bytes,
      ContentLength: bytes.byteLength,
      ...(object.mustBeNew && { IfNoneMatch: "*" }),
    });
    await client.send(request, options).catch(unlessTaken(bucket, object));
  });
}

const headersOf = ({ place }: Bucket, { key, writing, contentType, lock, encryption }: ObjectToWrite) => ({
  Bucket: place.bucket,
  Key: place.prefix + key,
  ContentType: contentType,
  Metadata: { [writingHeader]: writing },
  ...lock,
  ...encryption,
});

/** What the store must find in what it received. */
const checksumOf = ({ place }: Bucket, bytes: Uint8Array) =>
  isAmazon(place)
    ? { ChecksumSHA256: createHash("sha256").update(bytes).digest("base64") }
    : { ContentMD5: createHash("md5").update(bytes).digest("base64") };

/** A repeated request may meet what the first one wrote; whose it is, is looked at afterwards (`writing`). */
const unlessTaken =
  ({ place }: Bucket, { key, mustBeNew }: ObjectToWrite) =>
  (thrown: unknown): void => {
    if (mustBeNew && [409, 412].includes(statusOf(thrown) ?? 0)) return;
    throw thrown instanceof Error ? thrown : new Error(`${locationOf(place, key)} was not written.`);
  };

/** Nothing is visible until `completeUpload`. */
export const beginUpload = (bucket: Bucket, object: ObjectToWrite, signal: AbortSignal): Promise<string> =>
  bucket.ask(`begin to store ${object.key}`, signal, async ({ s3, client }, options) => {
    const checksum = isAmazon(bucket.place) ? { ChecksumAlgorithm: "SHA256" as const } : {};
    const request = new s3.CreateMultipartUploadCommand({ ...headersOf(bucket, object), ...checksum });
    const { UploadId } = await client.send(request, options);
    if (UploadId === undefined) throw new Error("The store began an upload and did not name it.");
    return UploadId;
  });

export async function sendParts(
  bucket: Bucket,
  key: string,
  uploadId: string,
  parts: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<readonly CompletedPart[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const sending: Promise<CompletedPart>[] = [];
  const sent: CompletedPart[] = [];
  try {
    for await (const bytes of parts) {
      if (sending.length === inFlight) sent.push(await (sending.shift() as Promise<CompletedPart>));
      const number = sent.length + sending.length + 1;
      if (number > mostParts) throw tooLarge(bucket, key, bytes.byteLength);
      const part = sendPart(bucket, key, { uploadId, number, bytes }, either);
      part.catch(() => undefined);
      sending.push(part);
    }
    return [...sent, ...(await Promise.all(sending))];
  } catch (error) {
    failed.abort(error);
    // A part that arrives after its upload was withdrawn would stay there, unseen and paid for.
    await Promise.allSettled(sending);
    throw error;
  }
}

interface Part {
  readonly uploadId: string;
  readonly number: number;
  readonly bytes: Uint8Array;
}

function sendPart(bucket: Bucket, key: string, part: Part, signal: AbortSignal): Promise<CompletedPart> {
  return bucket.ask(`store part ${part.number} of ${key}`, signal, async ({ s3, client }, options) => {
    const checksum = checksumOf(bucket, part.bytes);
    const request = new s3.UploadPartCommand({
      Bucket: bucket.place.bucket,
      Key: bucket.place.prefix + key,
      UploadId: part.uploadId,
      PartNumber: part.number,
      Body: part.bytes,
      ContentLength: part.bytes.byteLength,
      ...checksum,
    });
    const { ETag } = await client.send(request, options);
    const sha256 = "ChecksumSHA256" in checksum ? checksum : {};
    return { PartNumber: part.number, ETag, ...sha256 };
  });
}

export const completeUpload = (
  bucket: Bucket,
  object: ObjectToWrite,
  uploadId: string,
  parts: readonly CompletedPart[],
  signal: AbortSignal,
): Promise<void> =>
  bucket.ask(`finish ${object.key}`, signal, async ({ s3, client }, options) => {
    const request = new s3.CompleteMultipartUploadCommand({
      Bucket: bucket.place.bucket,
      Key: bucket.place.prefix + object.key,
      UploadId: uploadId,
      MultipartUpload: { Parts: [...parts] },
      ...(object.mustBeNew && { IfNoneMatch: "*" }),
    });
    await client.send(request, options).catch(unlessTaken(bucket, object));
  });

const withdrawMs = 15_000;

/** Not bound to the caller's signal, which may be why. What cannot be withdrawn now is left for `removeLeftOvers`. */
export async function withdrawUpload(bucket: Bucket, key: string, uploadId: string): Promise<void> {
  await bucket
    .ask(`withdraw the upload of ${key}`, AbortSignal.timeout(withdrawMs), ({ s3, client }, options) => {
      const { bucket: name, prefix } = bucket.place;
      const request = new s3.AbortMultipartUploadCommand({ Bucket: name, Key: prefix + key, UploadId: uploadId });
      return client.send(request, options);
    })
    .catch(() => undefined);
}

const tooLarge = ({ place }: Bucket, key: string, partBytes: number): SluiceError =>
  new SluiceError({
    code: "BACKUP_FAILED",
    remedy: "operator",
    at: "backup.store",
    message: `${locationOf(place, key)} would be larger than ${mostParts} parts of ${partBytes} bytes, the most that S3 takes.`,
    hint: "A database of this size needs archiving by its own means. See what is stored with: sluice backup list",
  });
