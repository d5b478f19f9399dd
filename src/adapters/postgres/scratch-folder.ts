/**
 * A folder of this machine for archives that lie in many files: a parallel dump is written there before it is sent, and unpacked
 * there before it is restored. Gone afterwards; what a killed process left is removed by the next one of the same machine.
 */
import { mkdir, mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { humanBytes } from "../../domain/duration.ts";
import { SluiceError } from "../../domain/errors.ts";
import { identify } from "../process-identity.ts";
import { watched } from "../tool-output.ts";
import type { Connection } from "./connection.ts";
import { type Unpacking, unpackTar } from "./tar.ts";

/** With the machine's name: the folder may be shared, and a process of another machine cannot be asked after. */
const prefix = (): string => `sluice-archive-${hostname()}-`;

export async function inScratchFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await newScratchFolder(parent);
  try {
    return await work(folder);
  } finally {
    await removeScratchFolder(folder);
  }
}

export async function newScratchFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await removeAbandoned(parent);
  return mkdtemp(join(parent, `${prefix()}${process.pid}-`));
}

export const removeScratchFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of (await readdir(parent)).filter((entry) => entry.startsWith(prefix()))) {
    const pid = Number(/^(\d+)-/.exec(name.slice(prefix().length))?.[1]);
    if (pid > 0 && (await identify(pid)) === undefined) await removeScratchFolder(join(parent, name));
  }
}

/** Free for an ordinary user. The folder is made where it is missing. */
export async function freeBytesIn(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Errors: DISK_FULL, before anything is written. */
export async function requireFree(
  connection: Connection,
  folder: string,
  neededBytes: number,
  what: string,
): Promise<void> {
  const free = await freeBytesIn(folder);
  if (free >= neededBytes) return;
  throw scratchFull(
    connection,
    folder,
    `${what} needs up to ${humanBytes(neededBytes)}, and ${humanBytes(free)} are free`,
  );
}

/** An archive's files, for as long as the work takes. Errors: `fault` for damaged bytes, DISK_FULL, what the source throws. */
export async function withUnpacked<T>(
  connection: Connection,
  parent: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  fault: Unpacking["fault"],
  work: (folder: string) => Promise<T>,
): Promise<T> {
  return inScratchFolder(parent, async (folder) => {
    const before = (name: string, size: number) => requireFree(connection, parent, size, `${name} of the archive`);
    await unpackTar(watched(bytes, signal).bytes(), folder, { before, fault }).catch((error: unknown) => {
      throw isFull(error) ? scratchFull(connection, parent, "it filled up while the archive was unpacked") : error;
    });
    return work(folder);
  });
}

const isFull = (error: unknown): boolean =>
  ["ENOSPC", "EDQUOT"].includes(String((error as NodeJS.ErrnoException | undefined)?.code));

function scratchFull(connection: Connection, folder: string, reason: string): SluiceError {
  return new SluiceError({
    code: "DISK_FULL",
    remedy: "operator",
    at: `databases.${connection.name}`,
    message: `The archive of ${connection.database} (${connection.name}) does not fit into ${folder}: ${reason}.`,
    hint: `Nothing of it is left there. Make room, choose another backup.parallel.folder, or dump in one stream with backup.parallel.from: 0; then look: df -h ${folder}`,
  });
}
