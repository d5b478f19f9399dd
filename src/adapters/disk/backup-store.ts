/**
 * Backups in a folder. An object lies under its key, its manifest beside it as `<key>.manifest.json`, written last. Every
 * file is written under another name, brought to the disk with fsync, and renamed: after a power cut a name either has all
 * of its bytes or does not exist. What a killed process leaves behind lies in folders named `.incoming-…`.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { BackupManifest } from "../../domain/backup.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { BackupStore, Faulty, LeftOver, StoredObject } from "../../ports/backup-store.ts";
import {
  canNameBackup,
  cannotNameBackup,
  manifestRefused,
  manifestSuffix,
  manifestText,
  newestFirst,
  readManifest,
  tellFaulty,
  unknownBackup,
} from "../backup-manifest.ts";

export interface DiskBackupStoreOptions {
  readonly folder: string;
  readonly name: string;
}

/**
 * `put` under a key that has a manifest replaces that backup (a step that runs again): its manifest is withdrawn first, so
 * that no manifest ever describes other bytes. `list` throws BACKUP_UNVERIFIED, naming every faulty file, where a manifest
 * is unreadable or its object is missing or of another size: a list that leaves them out would say that they never were.
 */
export function diskBackupStore(options: DiskBackupStoreOptions): BackupStore {
  const store = { folder: resolve(options.folder), name: options.name, written: new Map<string, string>() };
  return {
    kind: "disk",
    name: options.name,
    put: (key, bytes, signal) => put(store, key, bytes, signal),
    get: (key, signal) => get(store, key, signal),
    putManifest: (manifest, signal) => putManifest(store, manifest, signal),
    list: async (signal, faulty) => (await listed(store, signal, faulty)).toSorted(newestFirst),
    remove: (id, signal) => remove(store, id, signal),
    freeBytes: (signal) => freeBytes(store, signal),
    leftOvers: (beforeMs, signal) => leftOvers(store, beforeMs, signal),
  };
}

const incoming = ".incoming-";

interface Store {
  readonly folder: string;
  readonly name: string;
  /** Which file this process wrote, by key and SHA-256: under its name another process may have put another one since. */
  readonly written: Map<string, string>;
}

async function put(
  store: Store,
  key: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<StoredObject> {
  const location = pathOf(store, key);
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let identity = "";
  const write = async (file: FileHandle) => {
    for await (const chunk of bytes) {
      signal.throwIfAborted();
      hash.update(chunk);
      sizeBytes += chunk.byteLength;
      await file.writeFile(chunk);
    }
    identity = identityOf(await file.stat({ bigint: true }));
  };
  await writeDurably(store, location, write, signal, () => withdrawManifest(store, location));
  // Written by another process while this one replaced the bytes below it: it would describe other bytes.
  await withdrawManifest(store, location);
  const sha256 = hash.digest("hex");
  store.written.set(`${key} ${sha256}`, identity);
  return { location, sizeBytes, sha256 };
}

async function withdrawManifest(store: Store, location: string): Promise<void> {
  await rm(manifestPath(location), { force: true });
  await syncFolder(store.folder);
}

async function* get(store: Store, key: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const location = pathOf(store, key);
  signal.throwIfAborted();
  try {
    for await (const chunk of createReadStream(location)) {
      signal.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    throw codeOf(error) === "ENOENT" ? unknownBackup(store.name, location) : error;
  }
}

async function putManifest(store: Store, manifest: BackupManifest, signal: AbortSignal): Promise<void> {
  const location = pathOf(store, manifest.key);
  const refuseOther = async (): Promise<void> => {
    const written = store.written.get(`${manifest.key} ${manifest.sha256}`);
    const fault = await objectFault(location, manifest.sizeBytes, written);
    if (fault !== undefined) throw manifestRefused(store.name, manifest.id, fault);
  };
  await refuseOther();
  const text = manifestText(manifest);
  const path = manifestPath(location);
  await writeDurably(store, path, (file) => file.writeFile(text), signal);
  // Looked at once more: between the two another process may have replaced the object.
  await refuseOther().catch(async (error: unknown) => {
    const still = await readFile(path, "utf8").catch(() => undefined);
    if (still === text) await rm(path, { force: true });
    throw error;
  });
}

async function listed(store: Store, signal: AbortSignal, faulty?: Faulty): Promise<readonly BackupManifest[]> {
  const entries = await manifestEntries(store, signal);
  const faults = entries.flatMap((entry) => (entry.kind === "faulty" ? [`${entry.path}: ${entry.fault}`] : []));
  tellFaulty(store.name, store.folder, faults, faulty);
  return entries.flatMap((entry) => (entry.kind === "sound" ? [entry.manifest] : []));
}

type Entry =
  | { readonly kind: "sound"; readonly path: string; readonly manifest: BackupManifest }
  | { readonly kind: "faulty"; readonly path: string; readonly fault: string };

async function manifestEntries(store: Store, signal: AbortSignal): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (const name of await namesIn(store)) {
    signal.throwIfAborted();
    const path = join(store.folder, name);
    const entry = await readEntry(store, path);
    // Removed by another process while we looked: gone, not faulty.
    if (entry.kind === "sound" || (await isThere(path))) entries.push(entry);
  }
  return entries;
}

async function namesIn(store: Store): Promise<readonly string[]> {
  try {
    const names = await readdir(store.folder);
    return names.filter((name) => name.endsWith(manifestSuffix) && !name.startsWith("."));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

async function readEntry(store: Store, path: string): Promise<Entry> {
  const faulty = (fault: string): Entry => ({ kind: "faulty", path, fault });
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    return faulty(error instanceof Error ? error.message : String(error));
  }
  const read = readManifest(text);
  if (read.kind === "faulty") return faulty(read.fault);
  const { manifest } = read;
  const location = join(store.folder, manifest.key);
  if (manifestPath(location) !== path) return faulty(`it describes another key, ${manifest.key}`);
  const fault = await objectFault(location, manifest.sizeBytes);
  return fault === undefined ? { kind: "sound", path, manifest } : faulty(fault);
}

/** Removing what is not there is no error: a step that removes may run twice. */
async function remove(store: Store, id: string, signal: AbortSignal): Promise<void> {
  for (const entry of await manifestEntries(store, signal)) {
    if (entry.kind === "faulty" || entry.manifest.id !== id) continue;
    await rm(entry.path, { force: true });
    await syncFolder(store.folder);
    await rm(join(store.folder, entry.manifest.key), { force: true });
  }
}

async function leftOvers(store: Store, beforeMs: number, signal: AbortSignal): Promise<readonly LeftOver[]> {
  signal.throwIfAborted();
  const names = await readdir(store.folder).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  });
  const found: LeftOver[] = [];
  for (const name of names.filter((one) => one.startsWith(incoming))) {
    const location = join(store.folder, name);
    const sinceMs = await lastWritten(location);
    if (sinceMs === undefined || sinceMs >= beforeMs) continue;
    found.push({ location, sinceMs, remove: () => rm(location, { recursive: true, force: true }) });
  }
  return found;
}

/** Of the folder or of what is in it, whichever is later: a long dump that is still being written is nothing left over. */
async function lastWritten(folder: string): Promise<number | undefined> {
  const times = await Promise.all([folder, join(folder, "object")].map((path) => stat(path).catch(() => undefined)));
  const known = times.flatMap((stats) => (stats ? [stats.mtimeMs] : []));
  return known.length === 0 ? undefined : Math.max(...known);
}

/** Free for an ordinary user, which is what counts when Sluice is not root. */
async function freeBytes(store: Store, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  await makeFolder(store);
  const { bavail, bsize } = await statfs(store.folder);
  return bavail * bsize;
}

/** Writes all of it under another name, then gives it its name. Whatever goes wrong, nothing is left behind. */
async function writeDurably(
  store: Store,
  path: string,
  write: (file: FileHandle) => Promise<void>,
  signal: AbortSignal,
  beforeRename: () => Promise<void> = async () => {},
): Promise<void> {
  signal.throwIfAborted();
  let own: string | undefined;
  try {
    await makeFolder(store);
    // A folder of its own: the same step may run twice at once, and neither may write into the other's file.
    own = await mkdtemp(join(store.folder, incoming));
    const temporary = join(own, "object");
    const file = await open(temporary, "wx", 0o600);
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    signal.throwIfAborted();
    await beforeRename();
    await rename(temporary, path);
    await syncFolder(store.folder);
  } catch (error) {
    throw ["ENOSPC", "EDQUOT"].includes(codeOf(error)) ? diskFull(store, path) : error;
  } finally {
    if (own !== undefined) await rm(own, { recursive: true, force: true });
  }
}

/** An existing folder keeps its mode; it may serve others too. The files in it are ours alone in any case. */
const makeFolder = (store: Store): Promise<unknown> => mkdir(store.folder, { recursive: true, mode: 0o700 });

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function objectFault(location: string, sizeBytes: number, written?: string): Promise<string | undefined> {
  try {
    const stats = await stat(location, { bigint: true });
    if (stats.size !== BigInt(sizeBytes)) return `${location} has ${stats.size} bytes instead of ${sizeBytes}`;
    const foreign = written !== undefined && written !== identityOf(stats);
    return foreign ? `${location} was replaced by another process` : undefined;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return `${location} is missing`;
    throw error;
  }
}

/** A number of an inode is given again; its file's time of writing is not. */
const identityOf = ({ ino, mtimeNs }: { readonly ino: bigint; readonly mtimeNs: bigint }): string =>
  `${ino} ${mtimeNs}`;

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const manifestPath = (location: string): string => `${location}${manifestSuffix}`;

function pathOf(store: Store, key: string): string {
  if (canNameBackup(key)) return join(store.folder, key);
  throw cannotNameBackup(store.name, key);
}

function diskFull(store: Store, path: string): SluiceError {
  return new SluiceError({
    code: "DISK_FULL",
    remedy: "operator",
    at: `backups.${store.name}`,
    message: `The disk of ${store.folder} is full; ${path} was not written and nothing of it is left behind.`,
    hint: `Free some space or prune older backups (sluice backup prune), then look again with: df -h ${store.folder}`,
  });
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException | undefined)?.code ?? "");
