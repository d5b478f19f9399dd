/** The few requests that Sluice makes of a store of objects. What goes wrong is told in our words; an abort is its reason. */
import type { HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import { type OpenClient, openClient, type S3Place } from "./client.ts";
import { statusOf, storeTrouble } from "./trouble.ts";

export interface Bucket {
  readonly place: S3Place;
  /** `doing` continues "… did not let Sluice". */
  ask<T>(
    doing: string,
    signal: AbortSignal,
    request: (open: OpenClient, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T>;
}

export function bucketAt(place: S3Place): Bucket {
  let opened: Promise<OpenClient> | undefined;
  return {
    place,
    async ask(doing, signal, request) {
      signal.throwIfAborted();
      opened ??= openClient(place);
      try {
        return await request(await opened, { abortSignal: signal });
      } catch (thrown) {
        signal.throwIfAborted();
        throw storeTrouble(place, doing, thrown);
      }
    },
  };
}

export interface Head {
  readonly sizeBytes: number;
  readonly etag: string;
  /** What its writer called the writing of it; only objects of ours have one. */
  readonly writing: string | undefined;
  readonly lockMode: string | undefined;
  readonly lockedUntil: Date | undefined;
}

/** The header in which an object says which `put` wrote it: names can be written twice, this cannot. */
export const writingHeader = "sluice-writing";

/** Undefined where there is no such object. */
export function headOf(bucket: Bucket, key: string, signal: AbortSignal): Promise<Head | undefined> {
  return bucket.ask(`look at ${key}`, signal, async ({ s3, client }, options) => {
    const request = new s3.HeadObjectCommand({ Bucket: bucket.place.bucket, Key: bucket.place.prefix + key });
    try {
      return headFrom(await client.send(request, options));
    } catch (thrown) {
      if (statusOf(thrown) !== 404) throw thrown;
      // A missing bucket answers the same as a missing object, and without a word.
      await client.send(new s3.HeadBucketCommand({ Bucket: bucket.place.bucket }), options).catch(namingBucket(s3));
      return undefined;
    }
  });
}

const headFrom = ({ ContentLength = 0, ETag = "", Metadata, ...lock }: HeadObjectCommandOutput): Head => ({
  sizeBytes: ContentLength,
  etag: unquoted(ETag),
  writing: Metadata?.[writingHeader],
  lockMode: lock.ObjectLockMode,
  lockedUntil: lock.ObjectLockRetainUntilDate,
});

export const unquoted = (etag: string): string => etag.replaceAll('"', "");

const namingBucket =
  (s3: OpenClient["s3"]) =>
  (thrown: unknown): never => {
    if (statusOf(thrown) !== 404) throw thrown;
    throw new s3.NoSuchBucket({ message: "", $metadata: { httpStatusCode: 404 } });
  };

/** The bucket is there and lets itself be listed. */
export function requireBucket(bucket: Bucket, signal: AbortSignal): Promise<void> {
  return bucket.ask("look into the bucket", signal, async ({ s3, client }, options) => {
    await client.send(new s3.HeadBucketCommand({ Bucket: bucket.place.bucket }), options).catch(namingBucket(s3));
  });
}

/** Removing what is not there is no error. */
export function removeObject(bucket: Bucket, key: string, signal: AbortSignal): Promise<void> {
  return bucket.ask(`remove ${key}`, signal, async ({ s3, client }, options) => {
    const { bucket: name, prefix } = bucket.place;
    await client.send(new s3.DeleteObjectCommand({ Bucket: name, Key: prefix + key }), options);
  });
}

/** Every object directly below the prefix, by its key without the prefix. */
export async function sizesIn(bucket: Bucket, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const { bucket: name, prefix } = bucket.place;
  const sizes = new Map<string, number>();
  let next: string | undefined;
  do {
    const page = await bucket.ask("list the backups", signal, ({ s3, client }, options) =>
      client.send(
        new s3.ListObjectsV2Command({ Bucket: name, Prefix: prefix, Delimiter: "/", ContinuationToken: next }),
        options,
      ),
    );
    for (const { Key = "", Size = 0 } of page.Contents ?? []) sizes.set(Key.slice(prefix.length), Size);
    next = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (next !== undefined);
  return sizes;
}

/** Of something small. Undefined where there is no such object. */
export function textOf(bucket: Bucket, key: string, signal: AbortSignal): Promise<string | undefined> {
  return bucket.ask(`read ${key}`, signal, async ({ s3, client }, options) => {
    const { bucket: name, prefix } = bucket.place;
    try {
      const { Body } = await client.send(new s3.GetObjectCommand({ Bucket: name, Key: prefix + key }), options);
      return await Body?.transformToString();
    } catch (thrown) {
      if (thrown instanceof s3.NoSuchKey) return undefined;
      throw thrown;
    }
  });
}
