/** A backup store in memory, for simulations and for tests of what stands above it. Passes `backupStoreContract`. */
import { createHash } from "node:crypto";
import type { BackupManifest } from "../domain/backup.ts";
import { SluiceError } from "../domain/errors.ts";
import type { BackupStore } from "../ports/backup-store.ts";

export interface MemoryBackupStoreOptions {
  readonly name?: string;
  /** Called at the beginning of every operation; what it throws is the operation's failure. */
  readonly fault?: (operation: "put" | "get" | "putManifest" | "list" | "remove" | "freeBytes") => void;
  /** Room in all; what does not fit is DISK_FULL. Unlimited without it. */
  readonly capacityBytes?: number;
}

export interface MemoryBackupStore extends BackupStore {
  /** The stored bytes by key; a test may damage them. */
  readonly objects: Map<string, Uint8Array>;
}

const manifestSuffix = ".manifest.json";
const keyShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

export function memoryBackupStore(options: MemoryBackupStoreOptions = {}): MemoryBackupStore {
  const name = options.name ?? "memory";
  const objects = new Map<string, Uint8Array>();
  const manifests = new Map<string, BackupManifest>();
  /** SHA-256 of what was written last; what a test damages afterwards is not this store's to notice. */
  const written = new Map<string, string>();
  const used = (except: string) =>
    [...objects].reduce((sum, [key, bytes]) => sum + (key === except ? 0 : bytes.byteLength), 0);
  const begin = (operation: Parameters<NonNullable<MemoryBackupStoreOptions["fault"]>>[0], signal: AbortSignal) => {
    signal.throwIfAborted();
    options.fault?.(operation);
  };
  return {
    kind: "memory",
    name,
    objects,
    async put(key, bytes, signal) {
      begin("put", signal);
      requireKey(name, key);
      const all = await collected(bytes, signal);
      if (used(key) + all.byteLength > (options.capacityBytes ?? Number.POSITIVE_INFINITY)) {
        throw failure(name, "DISK_FULL", `The store has no room for ${key}.`);
      }
      manifests.delete(key);
      objects.set(key, all);
      const sha256 = createHash("sha256").update(all).digest("hex");
      written.set(key, sha256);
      return { location: `memory://${name}/${key}`, sizeBytes: all.byteLength, sha256 };
    },
    async *get(key, signal) {
      begin("get", signal);
      requireKey(name, key);
      const bytes = objects.get(key);
      if (bytes === undefined) throw failure(name, "BACKUP_UNKNOWN", `There is no backup at memory://${name}/${key}.`);
      yield bytes;
    },
    async putManifest(manifest, signal) {
      begin("putManifest", signal);
      requireKey(name, manifest.key);
      const bytes = objects.get(manifest.key);
      if (bytes?.byteLength !== manifest.sizeBytes || written.get(manifest.key) !== manifest.sha256) {
        throw failure(name, "BACKUP_FAILED", `${manifest.key} is missing or is not what its manifest describes.`);
      }
      // A copy, as a real store makes one.
      manifests.set(manifest.key, structuredClone(manifest));
    },
    async list(signal) {
      begin("list", signal);
      return [...manifests.values()].toSorted((a, b) => b.takenAtMs - a.takenAtMs || (a.id < b.id ? 1 : -1));
    },
    async remove(id, signal) {
      begin("remove", signal);
      for (const manifest of [...manifests.values()].filter((one) => one.id === id)) {
        manifests.delete(manifest.key);
        objects.delete(manifest.key);
      }
    },
    async freeBytes(signal) {
      begin("freeBytes", signal);
      return options.capacityBytes === undefined ? undefined : options.capacityBytes - used("");
    },
  };
}

async function collected(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

function requireKey(name: string, key: string): void {
  if (keyShape.test(key) && !key.endsWith(manifestSuffix)) return;
  throw failure(name, "USAGE", `"${key}" cannot name a backup.`);
}

function failure(name: string, code: "DISK_FULL" | "BACKUP_UNKNOWN" | "BACKUP_FAILED" | "USAGE", message: string) {
  const hint = "See what is stored with: sluice backup list";
  return new SluiceError({ code, remedy: "operator", at: `backups.${name}`, message, hint });
}
