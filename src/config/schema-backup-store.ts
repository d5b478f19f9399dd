/** Where backups lie: a folder of this machine, or a bucket of any S3 store. */
import { z } from "zod";
import { count, file, httpUrl, key, line, say, secretName, shown, valueOrSecret } from "./schema-values.ts";

const bucketName = () =>
  z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, {
    error: ({ input }) =>
      say(`${shown(input)} cannot name a bucket`, "use 3 to 63 lower-case letters, digits, - and dots"),
  });

const prefix = () =>
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*\/?$/, {
    error: ({ input }) =>
      say(`${shown(input)} is no prefix`, "write names with / between them, as in backups/shop, never an empty one"),
  });

const ObjectLock = z.strictObject({
  mode: key(
    z.enum(["governance", "compliance"]),
    "governance: who has the right to may lift it; compliance: nobody, not even the owner of the bucket.",
    "governance",
  ),
  days: key(count(1, 36_500), "For this many days nobody may change or delete what was stored.", 30),
});

const Encryption = z.strictObject({
  kind: key(z.enum(["AES256", "aws:kms"]), "What the store is asked to encrypt with.", "AES256"),
  kmsKey: key(line().optional(), "With aws:kms: which key; otherwise the account's own.", "alias/backups"),
});

export const BackupStoreSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: key(z.literal("disk"), "A folder of this machine.", "disk"),
    folder: key(file(), "Relative to the project; the same as `backup.folder`.", ".sluice/backups"),
  }),
  z.strictObject({
    kind: key(z.literal("s3"), "A bucket of Amazon S3, or of a store that speaks its language.", "s3"),
    bucket: key(bucketName(), "The bucket; it is not made by Sluice.", "shop-backups"),
    prefix: key(
      prefix().default("sluice"),
      "What stands before every key. Unfinished uploads below it are taken for our own: nothing else may write there.",
      "sluice/shop",
    ),
    endpoint: key(httpUrl().optional(), "Address of the store; left out: Amazon S3.", "https://s3.example.com"),
    region: key(
      line().default("us-east-1"),
      "Region of the bucket; other stores than Amazon's seldom care.",
      "eu-central-1",
    ),
    pathStyle: key(
      z.boolean().optional(),
      "The bucket stands in the path of the address, not in its host. True with an endpoint, false without, unless said otherwise.",
      true,
    ),
    accessKey: key(
      valueOrSecret().optional(),
      "The access key; left out with `secretKey`: where the AWS library looks (variables, shared files, role of the machine).",
      { secret: "BACKUP_ACCESS_KEY" },
    ),
    secretKey: key(
      z.strictObject({ secret: key(secretName(), "Name of a secret.", "BACKUP_SECRET_KEY") }).optional(),
      "Its secret.",
      { secret: "BACKUP_SECRET_KEY" },
    ),
    objectLock: key(ObjectLock.optional(), "Asked for with every object; the bucket must allow it.", {
      mode: "governance",
      days: 30,
    }),
    encryption: key(Encryption.optional(), "Asked for with every object; left out: what the bucket says.", {
      kind: "AES256",
    }),
  }),
]);
