/**
 * Where the control socket is, and the record by which others find it. A socket's path may have 107 bytes at most
 * (104 on macOS), so a deep state folder gets its socket in a short run-time folder instead.
 */
import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, readFile, realpath, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { SluiceError } from "../../domain/errors.ts";
import { replaceFile } from "./state-file.ts";

const socketPathMaxBytes = 100;

const RouterRecord = z.strictObject({ pid: z.int().min(1), socket: z.string(), startedMs: z.number() });
/** The running router: its process, its control socket, and when it started. */
export type RouterRecord = z.output<typeof RouterRecord>;

export const recordPath = (folder: string): string => join(folder, "router.json");
export const logPath = (folder: string): string => join(folder, "router.log");

export const writeRecord = (folder: string, record: RouterRecord): Promise<void> =>
  replaceFile(recordPath(folder), `${JSON.stringify(record)}\n`);

/** Undefined when there is none, or none that can be read. The process it names may be dead. */
export async function readRecord(folder: string): Promise<RouterRecord | undefined> {
  const text = await readFile(recordPath(folder), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return RouterRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** A path for the socket in a folder that only this user can enter. The state folder itself must be there. */
export async function chooseSocket(folder: string): Promise<string> {
  const home = await realpath(folder);
  const near = join(home, "control", "socket");
  if (Buffer.byteLength(near) <= socketPathMaxBytes) {
    await privateFolder(join(home, "control"));
    return near;
  }
  const short = join(await realpath(tmpdir()), `sluice-${process.getuid?.() ?? "user"}`);
  await privateFolder(short);
  return join(short, createHash("sha256").update(home).digest("hex").slice(0, 16));
}

/** Others could have made it beforehand in a shared folder, to read along or to answer in our name. */
async function privateFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const facts = await lstat(path);
  const ours = facts.isDirectory() && (process.getuid === undefined || facts.uid === process.getuid());
  if (ours) return chmod(path, 0o700);
  throw new SluiceError({
    code: "STATE_UNWRITABLE",
    remedy: "operator",
    at: "builtin-router.socket",
    message: `${path} is not a folder of this user; the router's control socket would not be safe in it.`,
    hint: `Find out who made it and remove it: ls -ld ${path}`,
  });
}

/** The instance lock is held, so a socket that is there already is a dead one's. */
export async function listenOn(server: Server, socket: string): Promise<void> {
  await rm(socket, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, () => resolve());
  });
  await chmod(socket, 0o600);
}
