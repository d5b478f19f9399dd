/**
 * What a store of objects can answer besides what was asked, in words for the person who must act. The library's own message is
 * left out: a refused signature is explained there with what was signed.
 */
import type { ErrorCode } from "../../domain/error-codes.ts";
import { type Remedy, SluiceError } from "../../domain/errors.ts";
import type { S3Place } from "./client.ts";

interface Answer {
  /** Undefined: there was no answer. */
  readonly status: number | undefined;
  readonly name: string;
  /** Of the connection, e.g. ECONNREFUSED. */
  readonly cause: string;
}

interface Trouble {
  readonly when: (answer: Answer) => boolean;
  readonly code: ErrorCode;
  readonly remedy: Remedy;
  readonly says: (answer: Answer, place: S3Place) => string;
  readonly hint: string;
}

const named =
  (...names: readonly string[]) =>
  ({ name }: Answer): boolean =>
    names.includes(name);

const lookAgain = "look again with: sluice check <environment>";

/** The first that fits. A full store may answer 403, so what is named comes before what is only numbered. */
const troubles: readonly Trouble[] = [
  {
    when: named("CredentialsProviderError", "TokenProviderError"),
    code: "BACKUP_FAILED",
    remedy: "operator",
    says: () => "there is no access key, neither under backup.store nor where the AWS library looks for one",
    hint: `Name the secrets under backup.store (accessKey, secretKey), then ${lookAgain}`,
  },
  {
    when: ({ status }) => status === undefined,
    code: "STORE_UNREACHABLE",
    remedy: "retry",
    says: ({ cause }) => `it cannot be reached or fell silent (${cause})`,
    hint: `Check the endpoint and the network, then ${lookAgain}`,
  },
  {
    when: (answer) =>
      answer.status === 507 ||
      named("QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded")(answer),
    code: "DISK_FULL",
    remedy: "operator",
    says: ({ name }) => `the store is full, or its quota is used up (${name})`,
    hint: "Raise the quota or remove older backups with: sluice backup prune <environment> --yes",
  },
  {
    when: named("RequestTimeTooSkewed", "RequestExpired"),
    code: "BACKUP_FAILED",
    remedy: "operator",
    says: () => "its clock and this machine's differ by too much for a signature to hold",
    hint: "Set this machine's clock, and see whether it follows a time server with: timedatectl",
  },
  {
    when: named("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"),
    code: "BACKUP_FAILED",
    remedy: "operator",
    says: ({ name }) => `what arrived there is not what was sent: it refused the checksum (${name})`,
    hint: "Something between here and the store changes bytes. Nothing was stored; try again with: sluice backup create <environment>",
  },
  {
    when: named("NoSuchBucket"),
    code: "BACKUP_FAILED",
    remedy: "operator",
    says: () => "the bucket does not exist",
    hint: `Correct backup.store.bucket or make the bucket, then ${lookAgain}`,
  },
  {
    when: named("SignatureDoesNotMatch"),
    code: "BACKUP_FAILED",
    remedy: "operator",
    says: ({ name }) =>
      `the secret of the access key is wrong, or something between here and there changes requests (${name})`,
    hint: `Correct the secret that backup.store.secretKey names, then ${lookAgain}`,
  },
  {
    when: named("InvalidAccessKeyId", "InvalidToken", "ExpiredToken"),
    code: "BACKUP_FAILED",
    remedy: "operator",
    says: ({ name }) => `it does not accept the access key (${name})`,
    hint: `Correct the secrets that backup.store names, then ${lookAgain}`,
  },
  {
    when: ({ status }) => status === 401 || status === 403,
    code: "BACKUP_FAILED",
    remedy: "operator",
    says: ({ status, name }) => `the access key is unknown or may not do that (${status} ${name})`,
    hint: `Compare its rights with docs/how-to/keep-backups-in-s3.md, then ${lookAgain}`,
  },
  {
    when: ({ status, name }) =>
      status === 301 || ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocation"].includes(name),
    code: "BACKUP_FAILED",
    remedy: "operator",
    says: (_, { region }) => `the bucket is not in the region ${region}`,
    hint: `Correct backup.store.region, then ${lookAgain}`,
  },
  {
    when: ({ status = 0, name }) => status >= 500 || status === 429 || status === 408 || name === "RequestTimeout",
    code: "STORE_UNREACHABLE",
    remedy: "retry",
    says: ({ status, name }) => `it goes on answering ${status} ${name}`,
    hint: `Wait until the store is well, then ${lookAgain}`,
  },
];

const anythingElse: Trouble = {
  when: () => true,
  code: "BACKUP_FAILED",
  remedy: "operator",
  says: ({ status, name }) => `it answered ${status} ${name}`,
  hint: `See whether the store knows this request (docs/how-to/keep-backups-in-s3.md), then ${lookAgain}`,
};

/** `doing` continues "… did not let Sluice". What no store and no connection said is a fault of ours, and handed back as it is. */
export function storeTrouble(place: S3Place, doing: string, thrown: unknown): unknown {
  if (!isOfStore(thrown)) return thrown;
  const answer = answerOf(thrown);
  const { code, remedy, says, hint } = troubles.find(({ when }) => when(answer)) ?? anythingElse;
  const where = `s3://${place.bucket} at ${place.endpoint === null ? "Amazon S3" : new URL(place.endpoint).host}`;
  const message = `${where} did not let Sluice ${doing}: ${says(answer, place)}.`;
  return new SluiceError({ code, remedy, at: "backup.store", message, hint, cause: thrown });
}

interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly Code?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** The library marks what it throws; a broken connection is Node's own error, which has a code. */
function isOfStore(thrown: unknown): thrown is Thrown {
  if (!(thrown instanceof Error) || thrown instanceof SluiceError) return false;
  const { name, code, $metadata } = thrown as Thrown;
  const silent = ["TimeoutError", "CredentialsProviderError", "TokenProviderError"].includes(name);
  return silent || code !== undefined || $metadata !== undefined;
}

function answerOf({ name, message, Code, code, $metadata }: Thrown): Answer {
  const cause = code ?? (name === "TimeoutError" ? "no answer in time" : message);
  return { status: $metadata?.httpStatusCode, name: Code ?? name, cause };
}

export const statusOf = (thrown: unknown): number | undefined =>
  (thrown as Thrown | undefined)?.$metadata?.httpStatusCode;
