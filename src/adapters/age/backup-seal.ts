/**
 * B13: the age format, its header by the library of its author, so that `age --decrypt` reads a backup where there is no Sluice. In
 * chunks of 64 KB each with its own checksum: memory is bounded, and a flipped bit or a missing end is noticed.
 */
import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import { SluiceError } from "../../domain/errors.ts";
import type { Secret } from "../../domain/secret.ts";
import type { BackupSeal } from "../../ports/backup-seal.ts";
import { watchedBytes } from "../watched-bytes.ts";
import { decryptedPayload, encryptedPayload, nonceBytes, payloadKey, tagBytes } from "./payload.ts";

export interface AgeSealOptions {
  /** `age1…`, each of which will be able to decrypt. */
  readonly recipients: readonly string[];
  /** `AGE-SECRET-KEY-…`, also with the comments of a key file; needed to restore, not to back up. */
  readonly identity: () => Secret | null;
}

export function ageSeal({ recipients, identity }: AgeSealOptions): BackupSeal {
  return {
    encryption: { format: "age", recipients },
    async begin() {
      // The format refuses to mix post-quantum recipients with others: the weakest would decide.
      const hybrid = recipients.every((recipient) => recipient.startsWith("age1pq1"));
      const ephemeral = hybrid ? await generateHybridIdentity() : await generateX25519Identity();
      const ours = await identityToRecipient(ephemeral);
      return {
        seal: (bytes) => sealed(bytes, [...recipients, ours]),
        open: (bytes) => opened(bytes, [ephemeral]),
      };
    },
    open: (bytes) => openedBy(identity(), recipients, bytes),
  };
}

async function* sealed(bytes: AsyncIterable<Uint8Array>, recipients: readonly string[]): AsyncGenerator<Uint8Array> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  let fileKey = new Uint8Array();
  // A recipient that adds nothing to the header and learns the key of the file.
  encrypter.addRecipient({
    wrapFileKey: (key) => {
      fileKey = Uint8Array.from(key);
      return [];
    },
  });
  // Of an empty file: the header, the nonce, and one empty chunk, which nobody ever sees.
  const empty = await encrypter.encrypt(new Uint8Array());
  const head = empty.subarray(0, -tagBytes);
  yield head;
  yield* encryptedPayload(payloadKey(fileKey, head.subarray(-nonceBytes)), bytes);
}

async function* openedBy(
  identity: Secret | null,
  recipients: readonly string[],
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const keys =
    identity === null
      ? []
      : identity
          .reveal()
          .split(/\r?\n/)
          .filter((line) => line.startsWith("AGE-SECRET-KEY-"));
  if (keys.length === 0) {
    throw cannotOpen(
      identity === null
        ? `it is encrypted for ${recipients.join(", ")}, and no identity is configured here`
        : `${identity.name} holds no AGE-SECRET-KEY`,
    );
  }
  yield* opened(bytes, keys);
}

async function* opened(bytes: AsyncIterable<Uint8Array>, keys: readonly string[]): AsyncGenerator<Uint8Array> {
  const source = watchedBytes(bytes);
  try {
    const decrypter = new Decrypter();
    for (const key of keys) decrypter.addIdentity(key);
    const { header, nonce, payload } = await partsOf(source.bytes());
    yield* decryptedPayload(payloadKey(await decrypter.decryptHeader(header), nonce), payload);
  } catch (error) {
    const broken = source.broken();
    if (broken) throw broken.error;
    throw cannotOpen(wordsOf(error));
  }
}

/** The words of the library, never a key. */
function wordsOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  if (/no identity matched/.test(words)) return "it was encrypted for other keys than the configured identity";
  return `it was changed or cut off (${words.replaceAll(/AGE-SECRET-KEY-\S+/g, "[identity]")})`;
}

/** A header is a few hundred bytes for each recipient. */
const longestHeader = 1_000_000;
/** Its last line: the code that proves it, of 32 bytes. */
const headerEnd = /\n--- [A-Za-z0-9+/]{43}\n/;

async function partsOf(bytes: AsyncGenerator<Uint8Array>) {
  let begin = Buffer.alloc(0);
  for (;;) {
    const end = headerEnd.exec(begin.toString("latin1"));
    const headerBytes = end ? end.index + end[0].length : Number.POSITIVE_INFINITY;
    if (begin.length >= headerBytes + nonceBytes) {
      const [header, nonce] = [begin.subarray(0, headerBytes), begin.subarray(headerBytes, headerBytes + nonceBytes)];
      return { header, nonce, payload: following(begin.subarray(headerBytes + nonceBytes), bytes) };
    }
    const next = await bytes.next();
    if (next.done || begin.length > longestHeader) throw new Error("it does not begin like a file of age");
    begin = Buffer.concat([begin, next.value]);
  }
}

async function* following(first: Uint8Array, bytes: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.byteLength > 0) yield first;
  yield* bytes;
}

const cannotOpen = (reason: string): SluiceError =>
  new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: "backup.encryption",
    message: `The backup cannot be decrypted: ${reason}.`,
    hint: "Check backup.encryption.identity and where it is looked for: sluice check",
  });
