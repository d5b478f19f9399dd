/** The end of a log file, however long the file is. */
import { open } from "node:fs/promises";

const readAtMostBytes = 256 * 1024;

/** The last `lines` lines written at or after `fromByte`; empty where there is no file. */
export async function readLogTail(path: string, lines: number, fromByte = 0): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { size } = await file.stat();
    const start = Math.max(fromByte, size - readAtMostBytes);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    return buffer.toString("utf8", 0, bytesRead).trimEnd().split("\n").slice(-lines).join("\n");
  } finally {
    await file.close();
  }
}
