import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BackupManifest } from "../../domain/backup.ts";
import { SluiceError } from "../../domain/errors.ts";
import { backupStoreContract } from "../../testing/backup-store-contract.ts";
import { diskBackupStore } from "./backup-store.ts";

const signal = new AbortController().signal;

backupStoreContract("disk", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-store-"));
  return {
    store: diskBackupStore({ folder: join(folder, "backups"), name: "local" }),
    other: diskBackupStore({ folder: join(folder, "backups"), name: "local" }),
    dispose: async () => {
      const left = (await readdir(join(folder, "backups")).catch(() => [])).filter((name) => name.startsWith("."));
      await rm(folder, { recursive: true });
      // Every test of the contract thereby proves that no half-written file is left.
      expect(left).toEqual([]);
    },
  };
});

describe("backups on disk", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-store-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("K1 only the owner may read what is stored", async () => {
    const backups = join(folder, "backups");
    await storeOne(backups, "a");

    expect((await stat(backups)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(backups)) expect((await stat(join(backups, name))).mode & 0o777).toBe(0o600);
  });

  test.each([
    ["cut off", (path: string) => truncate(path, 10)],
    ["of another shape", (path: string) => writeFile(path, JSON.stringify({ id: "a", sizeBytes: "many" }))],
    ["without its object", (path: string) => rm(path.replace(".manifest.json", ""))],
    ["with a changed size", (path: string) => truncate(path.replace(".manifest.json", ""), 1)],
  ])("B4 a manifest that is %s is reported by name, not left out", async (_what, damage) => {
    await storeOne(folder, "a");
    await storeOne(folder, "b");
    const path = join(folder, "a.dump.manifest.json");
    await damage(path);

    const error = await diskBackupStore({ folder, name: "local" })
      .list(signal)
      .catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(SluiceError);
    expect((error as SluiceError).failure.code).toBe("BACKUP_UNVERIFIED");
    expect((error as SluiceError).message).toContain(path);
    const faults: string[] = [];
    const others = await diskBackupStore({ folder, name: "local" }).list(signal, (fault) => void faults.push(fault));
    expect(others.map(({ id }) => id)).toEqual(["b"]);
    expect(faults).toEqual([expect.stringContaining(path)]);
  });

  test("B5 a faulty neighbour does not keep another backup from being removed", async () => {
    await storeOne(folder, "a");
    await storeOne(folder, "b");
    await truncate(join(folder, "a.dump.manifest.json"), 10);

    await diskBackupStore({ folder, name: "local" }).remove("b", signal);

    expect(await readdir(folder)).toEqual(["a.dump", "a.dump.manifest.json"]);
  });

  test("B5 what a killed process left behind is found when it is old enough, and removed", async () => {
    await storeOne(folder, "a");
    const left = join(folder, ".incoming-dead");
    await mkdir(left);
    await writeFile(join(left, "object"), "half a dump");
    await utimes(left, 1_000, 1_000);
    await utimes(join(left, "object"), 2_000, 2_000);
    const find = async (beforeMs: number) =>
      (await diskBackupStore({ folder, name: "local" }).leftOvers?.(beforeMs, signal)) ?? [];

    expect(await find(2_000_000)).toEqual([]);
    const found = await find(2_000_001);
    for (const one of found) await one.remove(signal);

    expect(found.map(({ location, sinceMs }) => ({ location, sinceMs }))).toEqual([
      { location: left, sinceMs: 2_000_000 },
    ]);
    expect(await readdir(folder)).toEqual(["a.dump", "a.dump.manifest.json"]);
  });

  test("B2 a full disk is named, and nothing is left behind", async ({ skip }) => {
    const small = join(folder, "small");
    await mkdir(small);
    if (!mountSmallDisk(small)) skip("mounting a small tmpfs needs root and `mount`");
    try {
      const store = diskBackupStore({ folder: join(small, "backups"), name: "local" });
      const free = (await store.freeBytes(signal)) ?? 0;

      const error = await store.put("a.dump", endless(), signal).catch((thrown: unknown) => thrown);

      expect((error as SluiceError).failure).toMatchObject({ code: "DISK_FULL", remedy: "operator" });
      expect((error as SluiceError).message).toContain("backups is full");
      expect(await readdir(join(small, "backups"))).toEqual([]);
      expect(await store.freeBytes(signal)).toBe(free);
    } finally {
      execFileSync("umount", [small]);
    }
  });
});

async function storeOne(folder: string, id: string): Promise<void> {
  const store = diskBackupStore({ folder, name: "local" });
  async function* bytes() {
    yield Buffer.from(`bytes of ${id}`);
  }
  const stored = await store.put(`${id}.dump`, bytes(), signal);
  const manifest: BackupManifest = {
    id,
    environment: "production",
    database: "shop",
    deploymentId: null,
    takenAtMs: 1,
    tookMs: 1,
    format: "pg_dump -Fc",
    key: `${id}.dump`,
    ...stored,
    source: { kind: "postgres", name: "shop", serverVersion: "15.18" },
    tables: [],
    level: "stored",
    restoreCommands: [],
  };
  await store.putManifest(manifest, signal);
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(65_536, 1);
}

/** A file system of one megabyte; false, and a visible skip, where this user may not mount one. */
function mountSmallDisk(at: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", at], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("SKIPPED: the full disk, because mounting a small tmpfs needs root and `mount`.");
    return false;
  }
}
