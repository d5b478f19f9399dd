/** Where the backups of an environment lie. */

export interface S3StoreSettings {
  readonly kind: "s3";
  readonly bucket: string;
  /** Ends with `/`: what does not lie below it is not ours. */
  readonly prefix: string;
  /** Null: Amazon's own store of the region. */
  readonly endpoint: string | null;
  readonly region: string;
  readonly pathStyle: boolean;
  /** Null: where the AWS library looks by itself. */
  readonly credentials: {
    readonly accessKey: string | { readonly secret: string };
    readonly secretKey: { readonly secret: string };
  } | null;
  readonly objectLock: { readonly mode: "governance" | "compliance"; readonly days: number } | null;
  readonly encryption: { readonly kind: "AES256" | "aws:kms"; readonly kmsKey: string | null } | null;
}

export interface BackupPlace {
  /** Absolute. Used where there is no other store. */
  readonly folder: string;
  readonly store?: S3StoreSettings;
}

/** As a person finds it: a folder, or `s3://bucket/prefix`. */
export const placeOfBackups = ({ folder, store }: BackupPlace): string =>
  store === undefined ? folder : `s3://${store.bucket}/${store.prefix}`.replace(/\/$/, "");
