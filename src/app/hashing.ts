/** SHA-256 of texts and streams, hex. */
import { createHash } from "node:crypto";

export const sha256Of = (text: string): string => createHash("sha256").update(text).digest("hex");

export async function hashOf(
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}
