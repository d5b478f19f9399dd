/**
 * Z3 B3: a thousand random harms to stored backups, each looked at by what a restore and a proof look with. Seeded, so that a
 * harm that gets through can be done again: SLUICE_CORRUPTION_SEED=<n>.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ageSeal } from "../../src/adapters/age/backup-seal.ts";
import { diskBackupStore } from "../../src/adapters/disk/backup-store.ts";
import { postgresDatabase } from "../../src/adapters/postgres/database.ts";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { sqliteDatabase } from "../../src/adapters/sqlite/database.ts";
import { hashOf } from "../../src/app/hashing.ts";
import type { BackupManifest } from "../../src/domain/backup.ts";
import { SluiceError } from "../../src/domain/errors.ts";
import { verifyStored } from "../../src/pipeline/stored-backup.ts";
import type { BackupStore } from "../../src/ports/backup-store.ts";
import type { Database } from "../../src/ports/database.ts";

const binFolder = await serverBinaries();
if (binFolder === undefined)
  console.warn("SKIPPED: a thousand corruptions, because PostgreSQL is not installed (package postgresql)");

const signal = new AbortController().signal;
const firstSeed = Number(process.env.SLUICE_CORRUPTION_SEED ?? 1);
const inAll = 1_000;
/** So many of each kind are also given to the real decoder, as if somebody had made the checksum fit. */
const decodedOfEach = 4;

interface Stored {
  readonly name: string;
  readonly file: string;
  readonly bytes: Buffer;
  readonly manifest: BackupManifest;
  /** The reader that a proof decodes it with. */
  readonly decode: (bytes: Uint8Array) => Promise<unknown>;
}

let folder: string;
let server: TestServer;
let store: BackupStore;
const backups: Stored[] = [];

/** Mulberry32: small, and the same everywhere. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const harms = {
  "flipped bit": (bytes: Buffer, below: (n: number) => number) => {
    const at = below(bytes.length);
    const harmed = Buffer.from(bytes);
    harmed.writeUInt8(harmed.readUInt8(at) ^ (1 << below(8)), at);
    return harmed;
  },
  truncation: (bytes: Buffer, below: (n: number) => number) => bytes.subarray(0, below(bytes.length)),
  "swapped blocks": (bytes: Buffer, below: (n: number) => number) => {
    const size = 1 + below(4_096);
    const [one, other] = [below(bytes.length - size), below(bytes.length - size)];
    const harmed = Buffer.from(bytes);
    bytes.copy(harmed, one, other, other + size);
    bytes.copy(harmed, other, one, one + size);
    return harmed;
  },
  "another backup in its place": (_bytes: Buffer, below: (n: number) => number, others: readonly Buffer[]) =>
    others[below(others.length)] ?? Buffer.alloc(0),
} as const;
type Harm = keyof typeof harms;
const kinds = Object.keys(harms) as readonly Harm[];

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

/** False: it was taken for sound. Anything but our own refusal is an error of the test. */
async function isRefused(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    if (error instanceof SluiceError && error.failure.code === "BACKUP_UNVERIFIED") return true;
    throw error;
  }
}

async function keep(name: string, database: Database, encrypted: boolean): Promise<void> {
  const key = await generateX25519Identity();
  const seal = await ageSeal({ recipients: [await identityToRecipient(key)], identity: () => null }).begin();
  const dump = await database.dump(signal);
  const stored = await store.put(`${name}${dump.extension}`, encrypted ? seal.seal(dump.bytes) : dump.bytes, signal);
  const { kind, name: source, serverVersion, tables } = dump.facts;
  const manifest: BackupManifest = {
    id: name,
    environment: "production",
    database: database.name,
    deploymentId: null,
    takenAtMs: 1,
    tookMs: 1,
    format: dump.format,
    key: `${name}${dump.extension}`,
    ...stored,
    source: { kind, name: source, serverVersion },
    tables,
    level: "stored",
    restoreCommands: [],
  };
  const opened = (bytes: Uint8Array) => (encrypted ? seal.open(pieces(bytes)) : pieces(bytes));
  backups.push({
    name,
    file: stored.location,
    bytes: await readFile(stored.location),
    manifest,
    decode: (bytes) => database.readBack(dump.format, opened(bytes), signal),
  });
}

describe.skipIf(binFolder === undefined)("stored backups that were changed", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-corruptions-"));
    store = diskBackupStore({ folder: join(folder, "backups"), name: "local" });
    server = await startTestServer(binFolder!);
    await server.run("postgres", "CREATE DATABASE shop");
    await server.run("shop", "CREATE TABLE users (id serial PRIMARY KEY, email text)");
    await server.run("shop", "INSERT INTO users (email) SELECT md5(n::text) FROM generate_series(1, 3000) n");
    const file = join(folder, "shop.sqlite");
    const small = new DatabaseSync(file);
    small.exec("CREATE TABLE users (id INTEGER PRIMARY KEY, email BLOB)");
    small.exec(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO users (email) SELECT randomblob(40) FROM n",
    );
    small.close();
    await mkdir(join(folder, "tmp"));
    const postgres = postgresDatabase({ name: "shop", url: server.urlOf("shop") });
    await keep("postgres", postgres, false);
    await keep("postgres-encrypted", postgres, true);
    const sqlite = sqliteDatabase({ name: "small", file, temporaryFolder: join(folder, "tmp") });
    await keep("sqlite", sqlite, false);
    await keep("sqlite-encrypted", sqlite, true);
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });

  test("Z3 of a thousand random flips, truncations and swaps a thousand are caught", { timeout: 300_000 }, async () => {
    const tally = new Map<string, Tally>();
    const missed: string[] = [];
    for (let at = 0; at < inAll; at++) {
      const { backup, kind, bytes } = harmOf(at);
      await writeFile(backup.file, bytes);
      const caught = await isRefused(verifyStored({ backups: store, hashOf }, backup.manifest, signal));
      if (!caught) missed.push(`${backup.name}: ${kind}, seed ${firstSeed + at}`);
      await askDecoder(tally, backup, kind, bytes);
    }
    for (const { file, bytes } of backups) await writeFile(file, bytes);

    console.log(
      [`${inAll} corruptions, ${inAll - missed.length} caught (seeds from ${firstSeed})`, ...rowsOf(tally)].join("\n"),
    );
    expect(missed).toEqual([]);
    // Encrypted, every chunk has a checksum of its own: the decoder needs no manifest to see it.
    const encrypted = [...tally].filter(([what]) => what.includes("encrypted"));
    expect(encrypted.filter(([, { asked, caught }]) => caught !== asked)).toEqual([]);
    for (const { manifest } of backups) await verifyStored({ backups: store, hashOf }, manifest, signal);
  });
});

interface Tally {
  readonly asked: number;
  readonly caught: number;
}

const rowsOf = (tally: ReadonlyMap<string, Tally>): readonly string[] =>
  [...tally].map(([what, { asked, caught }]) => `  by the decoder alone, ${what}: ${caught} of ${asked}`);

function harmOf(at: number): { readonly backup: Stored; readonly kind: Harm; readonly bytes: Buffer } {
  const below = random(firstSeed + at);
  const backup = backups[at % backups.length] as Stored;
  const kind = kinds[Math.floor(at / backups.length) % kinds.length] as Harm;
  const others = backups.filter((each) => each !== backup).map(({ bytes }) => bytes);
  const harmed = harms[kind](backup.bytes, below, others);
  // Two equal blocks swapped, for example: nothing was harmed, so a bit is flipped instead.
  const bytes = harmed.equals(backup.bytes) ? harms["flipped bit"](backup.bytes, below) : harmed;
  return { backup, kind, bytes };
}

/** A sample, since each costs a process. Another sound backup is no harm that a decoder could see. */
async function askDecoder(tally: Map<string, Tally>, backup: Stored, kind: Harm, bytes: Buffer): Promise<void> {
  const what = `${backup.name}, ${kind}`;
  const { asked, caught } = tally.get(what) ?? { asked: 0, caught: 0 };
  if (kind === "another backup in its place" || asked >= decodedOfEach) return;
  tally.set(what, { asked: asked + 1, caught: caught + Number(await isRefused(backup.decode(bytes))) });
}
