/**
 * The payload of the age format (c2sp.org/age, "Payload"): ChaCha20-Poly1305 in chunks of 64 KB, each numbered, the last one marked. By
 * Node's own cipher, since the library's is plain JavaScript and took a third of a dump's processor time; who may decrypt, the
 * header, stays the library's.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

const algorithm = "chacha20-poly1305";
const chunkBytes = 64 * 1024;
export const tagBytes = 16;
export const nonceBytes = 16;

export const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", fileKey, nonce, "payload", 32));

/** Eleven bytes of number, and one that says whether anything follows. */
function chunkNonce(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(number, 5, 6);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
}

/**
 * Chunks of exactly `size` bytes and the rest, which is empty only where there is nothing at all. One buffer for all of them: a
 * chunk is valid until the next is asked for, and memory does not grow with garbage.
 */
async function* inChunks(bytes: AsyncIterable<Uint8Array>, size: number) {
  const chunk = Buffer.alloc(size);
  let used = 0;
  for await (const piece of bytes) {
    for (let at = 0; at < piece.byteLength; ) {
      // A full one waits: only what follows shows that it is not the last.
      if (used === size) {
        yield { chunk, isLast: false };
        used = 0;
      }
      const taken = piece.subarray(at, at + size - used);
      chunk.set(taken, used);
      used += taken.byteLength;
      at += taken.byteLength;
    }
  }
  yield { chunk: chunk.subarray(0, used), isLast: true };
}

export async function* encryptedPayload(key: Uint8Array, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let number = 0;
  for await (const { chunk, isLast } of inChunks(bytes, chunkBytes)) {
    const cipher = createCipheriv(algorithm, key, chunkNonce(number++, isLast), { authTagLength: tagBytes });
    yield cipher.update(chunk);
    cipher.final();
    yield cipher.getAuthTag();
  }
}

/** Throws where a chunk was changed, moved, or is missing at the end. */
export async function* decryptedPayload(key: Uint8Array, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let number = 0;
  for await (const { chunk, isLast } of inChunks(bytes, chunkBytes + tagBytes)) {
    const end = chunk.length - tagBytes;
    if (end < 0 || (end === 0 && number > 0)) throw new Error(`chunk ${number} is incomplete`);
    const decipher = createDecipheriv(algorithm, key, chunkNonce(number++, isLast), { authTagLength: tagBytes });
    decipher.setAuthTag(chunk.subarray(end));
    const plain = decipher.update(chunk.subarray(0, end));
    // Throws where the chunk is not what was written; until then nobody gets any of it.
    decipher.final();
    yield plain;
  }
}
