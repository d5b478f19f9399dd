/** What every `BackupStore` must do, as a suite that each adapter runs, and that authors of further adapters run too. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { BackupManifest } from "../domain/backup.ts";
import type { ErrorCode } from "../domain/error-codes.ts";
import { SluiceError } from "../domain/errors.ts";
import type { BackupStore, StoredObject } from "../ports/backup-store.ts";

export interface BackupStoreWorld {
  /** Empty. */
  readonly store: BackupStore;
  /** The same place opened once more, as another process does; `store` itself where a place has one process only. */
  readonly other?: BackupStore;
  readonly dispose: () => Promise<void>;
}

export function backupStoreContract(name: string, newWorld: () => Promise<BackupStoreWorld>): void {
  const inWorld = (title: string, body: (store: BackupStore, other: BackupStore) => Promise<void>) =>
    test(title, { timeout: 30_000 }, async () => {
      const world = await newWorld();
      try {
        await body(world.store, world.other ?? world.store);
      } finally {
        await world.dispose();
      }
    });

  describe(`backup store contract: ${name}`, () => {
    inWorld("B2 gives back every byte, and says how many there were and their SHA-256", async (store) => {
      const bytes = Buffer.alloc(6_000_001, "deploy calmly ");

      const stored = await store.put("a.dump", chunks(bytes), untilTheEnd());

      expect(stored.sizeBytes).toBe(bytes.length);
      expect(stored.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
      expect(stored.location).toContain("a.dump");
      expect((await collect(store.get("a.dump", untilTheEnd()))).equals(bytes)).toBe(true);
    });

    inWorld("B2 stores an object without bytes", async (store) => {
      const stored = await store.put("empty.dump", chunks(Buffer.alloc(0)), untilTheEnd());

      expect(stored.sizeBytes).toBe(0);
      expect((await collect(store.get("empty.dump", untilTheEnd()))).length).toBe(0);
    });

    inWorld("B4 a backup without its manifest does not exist", async (store) => {
      expect(await store.list(untilTheEnd())).toEqual([]);
      const stored = await store.put("a.dump", chunks(Buffer.from("a")), untilTheEnd());
      expect(await store.list(untilTheEnd())).toEqual([]);

      await store.putManifest(manifestOf("a", stored), untilTheEnd());

      expect(await store.list(untilTheEnd())).toEqual([manifestOf("a", stored)]);
    });

    inWorld("B7 lists the newest first", async (store) => {
      for (const [id, takenAtMs] of [
        ["b", 200],
        ["c", 300],
        ["a", 100],
      ] as const) {
        const stored = await store.put(`${id}.dump`, chunks(Buffer.from(id)), untilTheEnd());
        await store.putManifest({ ...manifestOf(id, stored), takenAtMs }, untilTheEnd());
      }

      const ids = (await store.list(untilTheEnd())).map((manifest) => manifest.id);

      expect(ids).toEqual(["c", "b", "a"]);
    });

    inWorld("B4 refuses a manifest for bytes that are not there", async (store) => {
      const stored = await store.put("a.dump", chunks(Buffer.from("abc")), untilTheEnd());
      const longer = { ...manifestOf("a", stored), sizeBytes: 4 };

      expect(await codeOf(store.putManifest(longer, untilTheEnd()))).toBe("BACKUP_FAILED");
      expect(await codeOf(store.putManifest(manifestOf("b", stored), untilTheEnd()))).toBe("BACKUP_FAILED");
      expect(await store.list(untilTheEnd())).toEqual([]);
    });

    inWorld("B7 what does not exist cannot be read", async (store) => {
      expect(await codeOf(collect(store.get("never.dump", untilTheEnd())))).toBe("BACKUP_UNKNOWN");
    });

    inWorld("B1 a dump that breaks off leaves nothing behind, and its error is thrown as it is", async (store) => {
      const dumpBroke = new Error("pg_dump was killed");

      await expect(store.put("a.dump", breakingOff(dumpBroke), untilTheEnd())).rejects.toBe(dumpBroke);

      expect(await codeOf(collect(store.get("a.dump", untilTheEnd())))).toBe("BACKUP_UNKNOWN");
    });

    inWorld("B1 an aborted upload leaves nothing behind", async (store) => {
      const stop = new AbortController();
      const reason = new Error("a person cancelled");
      async function* cancelled() {
        yield Buffer.alloc(100_000);
        stop.abort(reason);
        yield Buffer.alloc(100_000);
      }

      await expect(store.put("a.dump", cancelled(), stop.signal)).rejects.toBe(reason);

      expect(await codeOf(collect(store.get("a.dump", untilTheEnd())))).toBe("BACKUP_UNKNOWN");
    });

    inWorld("Z1 a step that runs again replaces its backup, and no manifest describes other bytes", async (store) => {
      const first = await store.put("a.dump", chunks(Buffer.from("first")), untilTheEnd());
      await store.putManifest(manifestOf("a", first), untilTheEnd());

      const second = await store.put("a.dump", chunks(Buffer.from("other")), untilTheEnd());
      expect(await store.list(untilTheEnd())).toEqual([]);
      await store.putManifest(manifestOf("a", second), untilTheEnd());

      expect((await collect(store.get("a.dump", untilTheEnd()))).toString()).toBe("other");
      expect(await store.list(untilTheEnd())).toEqual([manifestOf("a", second)]);
    });

    inWorld("Z1 a repeated upload that fails leaves the backup that was there", async (store) => {
      const stored = await store.put("a.dump", chunks(Buffer.from("first")), untilTheEnd());
      await store.putManifest(manifestOf("a", stored), untilTheEnd());

      await expect(store.put("a.dump", breakingOff(new Error("broke")), untilTheEnd())).rejects.toThrow("broke");

      expect((await collect(store.get("a.dump", untilTheEnd()))).toString()).toBe("first");
      expect(await store.list(untilTheEnd())).toEqual([manifestOf("a", stored)]);
    });

    inWorld("B2 of two writers of one key, the bytes are those of the one that is listed", async (store, other) => {
      const writes = await Promise.all([codeOf(backUp(store, "first")), codeOf(backUp(other, "other"))]);
      expect(writes.filter((code) => code !== undefined && code !== "BACKUP_FAILED")).toEqual([]);

      const list = await store.list(untilTheEnd());

      const bytes = await collect(store.get("a.dump", untilTheEnd()));
      expect(list.map(({ sha256 }) => sha256)).toEqual([createHash("sha256").update(bytes).digest("hex")]);
    });

    inWorld("B4 refuses a manifest for bytes that another writer has replaced", async (store, other) => {
      const mine = await store.put("a.dump", chunks(Buffer.from("first")), untilTheEnd());
      await other.put("a.dump", chunks(Buffer.from("other")), untilTheEnd());

      expect(await codeOf(store.putManifest(manifestOf("a", mine), untilTheEnd()))).toBe("BACKUP_FAILED");

      expect(await store.list(untilTheEnd())).toEqual([]);
    });

    inWorld("B5 removes a backup with its manifest, once or twice, and no other", async (store) => {
      for (const id of ["a", "b"]) {
        const stored = await store.put(`${id}.dump`, chunks(Buffer.from(id)), untilTheEnd());
        await store.putManifest(manifestOf(id, stored), untilTheEnd());
      }

      await store.remove("a", untilTheEnd());
      await store.remove("a", untilTheEnd());

      expect((await store.list(untilTheEnd())).map((manifest) => manifest.id)).toEqual(["b"]);
      expect(await codeOf(collect(store.get("a.dump", untilTheEnd())))).toBe("BACKUP_UNKNOWN");
      expect((await collect(store.get("b.dump", untilTheEnd()))).toString()).toBe("b");
    });

    inWorld("K1 refuses keys that lead elsewhere", async (store) => {
      for (const key of hostileKeys) {
        expect(await codeOf(store.put(key, chunks(Buffer.from("x")), untilTheEnd())), key).toBe("USAGE");
        expect(await codeOf(collect(store.get(key, untilTheEnd()))), key).toBe("USAGE");
        const manifest = { ...manifestOf("x", { location: "x", sizeBytes: 1, sha256: "" }), key };
        expect(await codeOf(store.putManifest(manifest, untilTheEnd())), key).toBe("USAGE");
      }
    });

    inWorld("F4 tells its free bytes or that they cannot be known", async (store) => {
      const free = await store.freeBytes(untilTheEnd());

      expect(free === undefined || free > 0).toBe(true);
    });
  });
}

async function backUp(store: BackupStore, text: string): Promise<void> {
  const stored = await store.put("a.dump", chunks(Buffer.from(text)), untilTheEnd());
  await store.putManifest(manifestOf("a", stored), untilTheEnd());
}

const hostileKeys = [
  ...["../escaped", "..", "a/b", "/etc/passwd", "a\\b", "", ".hidden", "a\0b", "a b", "a\nb", "x.manifest.json"],
  ...["%2e%2e", "%2e%2e%2fescaped", "..%2fescaped", "a?versionId=1", "a#b", "é", "a".repeat(201)],
];

function manifestOf(id: string, { location, sizeBytes, sha256 }: StoredObject): BackupManifest {
  return {
    id,
    environment: "production",
    database: "shop",
    deploymentId: null,
    takenAtMs: 1_000,
    tookMs: 20,
    format: "pg_dump -Fc",
    key: `${id}.dump`,
    location,
    sizeBytes,
    sha256,
    source: { kind: "postgres", name: "shop", serverVersion: "15.18" },
    tables: [{ name: "public.users", rows: 3 }],
    level: "stored",
    restoreCommands: ["createdb shop_restored"],
  };
}

/** For what a test lets run to its end. */
const untilTheEnd = (): AbortSignal => new AbortController().signal;

async function* chunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function* breakingOff(error: Error): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(100_000);
  throw error;
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of bytes) parts.push(chunk);
  return Buffer.concat(parts);
}

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof SluiceError) return error.failure.code;
    throw error;
  }
}
