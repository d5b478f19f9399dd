/**
 * B13: the age format, by the library of its author, so that `age --decrypt` reads a backup where there is no Sluice. In
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
  yield* chunksOf(await encrypter.encrypt(ReadableStream.from(bytes)));
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
    yield* chunksOf(await decrypter.decrypt(ReadableStream.from(source.bytes())));
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

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let over = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      over = done;
      if (done) return;
      yield value;
    }
  } finally {
    // Lets go of the source when whoever reads us stops early.
    if (!over) await reader.cancel().catch(() => undefined);
  }
}

const cannotOpen = (reason: string): SluiceError =>
  new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: "backup.encryption",
    message: `The backup cannot be decrypted: ${reason}.`,
    hint: "Check backup.encryption.identity and where it is looked for: sluice check",
  });
