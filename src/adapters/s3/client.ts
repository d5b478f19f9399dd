/**
 * The client of an S3 store. The library is loaded when the first request is made: most commands never make one. The settings
 * that differ between Amazon's store and all others are decided here, once.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import type { Secret } from "../../domain/secret.ts";

export interface S3Place {
  readonly bucket: string;
  /** Ends with `/`. */
  readonly prefix: string;
  /** Null: Amazon's own, by the region. */
  readonly endpoint: string | null;
  readonly region: string;
  /** `https://host/bucket/key`, not `https://bucket.host/key`. */
  readonly pathStyle: boolean;
  /** Null: the usual chain of the library (variables, shared files, the role of the machine). */
  readonly credentials: { readonly accessKey: string | Secret; readonly secretKey: Secret } | null;
  /** A connection on which nothing moves for this long is given up. */
  readonly idleMs: number;
  /** How often a request is made before its trouble is reported. */
  readonly attempts: number;
}

export type S3 = typeof import("@aws-sdk/client-s3");

export interface OpenClient {
  readonly s3: S3;
  readonly client: S3Client;
}

/** Amazon's store checks SHA-256 of what it is sent; others know Content-MD5 for certain, and some no more than that. */
export const isAmazon = ({ endpoint }: Pick<S3Place, "endpoint">): boolean =>
  endpoint === null || /(^|\.)amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);

export async function openClient(place: S3Place): Promise<OpenClient> {
  const s3 = await import("@aws-sdk/client-s3");
  // With the library's own default, checksums in the trailer, stores other than Amazon's refuse the bytes or store the framing too.
  const checksums = isAmazon(place) ? "WHEN_SUPPORTED" : "WHEN_REQUIRED";
  const client = new s3.S3Client({
    region: place.region,
    forcePathStyle: place.pathStyle,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    maxAttempts: place.attempts,
    requestHandler: { connectionTimeout: Math.min(10_000, place.idleMs), socketTimeout: place.idleMs },
    ...(place.endpoint !== null && { endpoint: place.endpoint }),
    ...(place.credentials && { credentials: revealed(place.credentials) }),
  });
  return { s3, client };
}

const revealed =
  ({ accessKey, secretKey }: NonNullable<S3Place["credentials"]>) =>
  async () => ({
    accessKeyId: typeof accessKey === "string" ? accessKey : accessKey.reveal(),
    secretAccessKey: secretKey.reveal(),
  });

export const locationOf = ({ bucket, prefix }: Pick<S3Place, "bucket" | "prefix">, key: string): string =>
  `s3://${bucket}/${prefix}${key}`;
