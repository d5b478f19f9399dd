/** The backup stage with a real database (PostgreSQL, or one of the test's own) and a real folder, and places to do harm in between. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diskBackupStore } from "../../src/adapters/disk/backup-store.ts";
import { postgresDatabase } from "../../src/adapters/postgres/database.ts";
import type { TestServer } from "../../src/adapters/postgres/test-server.ts";
import { hashOf, sha256Of } from "../../src/app/hashing.ts";
import type { BackupManifest, ProofSettings } from "../../src/domain/backup.ts";
import { type Failure, SluiceError } from "../../src/domain/errors.ts";
import { redactor } from "../../src/domain/redactor.ts";
import { alone } from "../../src/pipeline/alone.ts";
import type { Parts } from "../../src/pipeline/parts.ts";
import { backup } from "../../src/pipeline/stages/backup.ts";
import type { BackupStore } from "../../src/ports/backup-store.ts";
import type { Database } from "../../src/ports/database.ts";
import { realClock } from "../../src/testing/real-clock.ts";

export interface HarmfulWorld {
  readonly folder: string;
  readonly store: BackupStore;
  readonly database: Database;
  readonly parts: Parts;
  /** Asked for by hand; `deploymentId` makes it a deployment's, which has a budget. */
  readonly take: (deploymentId?: string) => Promise<BackupManifest>;
  readonly dispose: () => Promise<void>;
}

export interface WorldOptions {
  /** In place of PostgreSQL. */
  readonly source?: Database;
  readonly server?: Pick<TestServer, "urlOf">;
  /** The server's name for it. */
  readonly database?: string;
  /** Of another world, whose backups this one sees. */
  readonly folder?: string;
  readonly binFolder?: string;
  /** Dumped and restored by that many processes, whatever its size. */
  readonly jobs?: number;
  /** What a copy may take, in bytes. */
  readonly roomForCopy?: number;
  readonly proof?: Partial<ProofSettings>;
  /** Parts that a test has of its own. */
  readonly parts?: Partial<Parts>;
  /** After the dump was stored and before anybody looks at it again. */
  readonly afterPut?: (file: string) => Promise<void>;
}

export async function backupWorld(options: WorldOptions): Promise<HarmfulWorld> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "sluice-proof-")));
  const disk = diskBackupStore({ folder, name: folder });
  const store: BackupStore = {
    ...disk,
    async put(key, bytes, signal) {
      const stored = await disk.put(key, bytes, signal);
      await options.afterPut?.(stored.location);
      return stored;
    },
  };
  const database = options.source ?? postgresOf(folder, options);
  const parts = { ...partsOf(folder, options), backups: store, databases: [database], ...options.parts };
  const take = async (deploymentId?: string) => {
    const intent = { environment: "production", policy: "verified", takenAtMs: Date.now() } as const;
    const around = { parts, name: "backup", version: "", signal: new AbortController().signal, tell: () => undefined };
    const [manifest] = await alone(backup, { ...intent, deploymentId: deploymentId ?? null }, around);
    if (manifest === undefined) throw new Error("No backup was taken.");
    return manifest;
  };
  return { folder, store, database, parts, take, dispose: () => rm(folder, { recursive: true, force: true }) };
}

function postgresOf(folder: string, { server, database, ...options }: WorldOptions): Database {
  if (server === undefined || database === undefined)
    throw new Error("There is neither a server nor another database.");
  return postgresDatabase({
    name: "shop",
    url: server.urlOf(database),
    ...(options.binFolder === undefined ? {} : { binFolder: options.binFolder }),
    ...(options.roomForCopy !== undefined && { roomForCopy: options.roomForCopy }),
    ...(options.jobs && { parallel: { fromBytes: 1, jobs: options.jobs, folder: join(folder, "scratch") } }),
  });
}

/** What the backup stage uses of a deployment's parts, and nothing else: anything more fails loudly. */
function partsOf(folder: string, { proof }: WorldOptions): Parts {
  const used = {
    settings: {
      environment: "production",
      backup: {
        policy: "verified",
        folder,
        nameTemplate: "{environment}-{database}-{time}-{deployment}",
        proof: { level: "equal", budgetMs: 600_000, equalWithinMs: 86_400_000, ...proof },
        keepNewest: 10,
        keepRecordedDays: 365,
      },
      disk: { minFreeBytes: 0 },
      rollout: { unattendedMs: 1_000 },
    },
    clock: realClock(),
    ledger: { id: "none" },
    routers: new Map(),
    runFolder: () => ({ write: async () => undefined, append: async () => undefined }),
    redactor: redactor([]),
    sha256: sha256Of,
    hashOf,
  };
  return used as unknown as Parts;
}

export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SluiceError) return error.failure;
  throw new Error("It did not fail with a SluiceError.", { cause: error });
}
