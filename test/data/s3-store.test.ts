/** Backups in S3, on a real Ceph RADOS Gateway, and behind a proxy that lies. */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import * as s3 from "@aws-sdk/client-s3";
import { S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type S3BackupStoreOptions, s3BackupStore } from "../../src/adapters/s3/backup-store.ts";
import { hashOf } from "../../src/app/hashing.ts";
import type { BackupManifest } from "../../src/domain/backup.ts";
import { SluiceError } from "../../src/domain/errors.ts";
import { Secret } from "../../src/domain/secret.ts";
import { verifyStored } from "../../src/pipeline/stored-backup.ts";
import type { BackupStore, StoredObject } from "../../src/ports/backup-store.ts";
import { backupStoreContract } from "../../src/testing/backup-store-contract.ts";
import { refusingPort } from "../../src/testing/local-servers.ts";
import { realClock } from "../../src/testing/real-clock.ts";
import { missingOfCeph, type StoreUser, startCeph, type TestCeph } from "./ceph.ts";
import { type Asked, type Fault, type FaultyProxy, faultyProxy } from "./faulty-proxy.ts";

const missing = missingOfCeph();
if (missing !== undefined) console.warn(`skipped: ${missing}`);

const bucket = "backups";
/** The least that S3 allows for a part that is not the last. */
const partBytes = 5 * 1024 * 1024;
const signal = new AbortController().signal;

describe.skipIf(missing !== undefined)("backups in S3, on Ceph", () => {
  let ceph: TestCeph;
  let user: StoreUser;
  let proxy: FaultyProxy;
  let client: S3Client;
  let prefixes = 0;

  beforeAll(async () => {
    ceph = await startCeph();
    user = await ceph.newUser("sluice");
    proxy = await faultyProxy(ceph.port);
    client = clientOf(ceph, user);
    await client.send(new s3.CreateBucketCommand({ Bucket: bucket }));
  }, 90_000);

  afterAll(async () => {
    client?.destroy();
    await proxy?.[Symbol.asyncDispose]();
    await ceph?.[Symbol.asyncDispose]();
  });

  const freshPrefix = (): string => `test-${++prefixes}/`;

  const optionsOf = (changes: Partial<S3BackupStoreOptions> = {}): S3BackupStoreOptions => ({
    bucket,
    prefix: freshPrefix(),
    endpoint: ceph.endpoint,
    region: "default",
    pathStyle: true,
    credentials: { accessKey: user.accessKey, secretKey: new Secret("BACKUP_SECRET_KEY", user.secretKey) },
    objectLock: null,
    encryption: null,
    clock: realClock(),
    partBytes,
    ...changes,
  });

  const storeOf = (changes: Partial<S3BackupStoreOptions> = {}): BackupStore => s3BackupStore(optionsOf(changes));

  /** Fails so wherever `where` says, from now until the store is asked without a fault. */
  const behindProxy = (where: (asked: Asked) => Fault | undefined): BackupStore => {
    proxy.asked.length = 0;
    proxy.fault = where;
    return storeOf({ endpoint: proxy.url, idleMs: 1_000 });
  };

  const visibleIn = async (prefix: string): Promise<readonly string[]> => {
    const { Contents = [] } = await client.send(new s3.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    return Contents.map(({ Key = "" }) => Key);
  };

  const uploadsIn = async (prefix: string): Promise<readonly string[]> => {
    const { Uploads = [] } = await client.send(new s3.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix }));
    return Uploads.map(({ Key = "" }) => Key);
  };

  const nothingLeft = async (store: BackupStore): Promise<void> => {
    const prefix = `${store.name.slice(`s3://${bucket}/`.length)}/`;
    expect({ visible: await visibleIn(prefix), uploads: await uploadsIn(prefix) }).toEqual({
      visible: [],
      uploads: [],
    });
  };

  backupStoreContract("S3", async () => {
    const options = optionsOf();
    return {
      store: s3BackupStore(options),
      other: s3BackupStore(options),
      dispose: async () => expect(await uploadsIn(options.prefix)).toEqual([]),
    };
  });

  test("B2 forty megabytes in parts are read back byte for byte", async () => {
    const store = storeOf({ partBytes: 16 * 1024 * 1024 });
    const stored = await store.put("a.dump", megabytes(40), signal);
    await store.putManifest(manifestOf("a", stored), signal);

    await verifyStored({ backups: store, hashOf }, manifestOf("a", stored), signal);

    expect(stored.sizeBytes).toBe(40 * 1024 * 1024);
    const head = await client.send(new s3.HeadObjectCommand(placeOf(stored.location)));
    expect(head.ETag).toMatch(/-3"$/);
  });

  test("B2 a dump that is exactly so many parts long is whole", async () => {
    const store = storeOf();

    const stored = await store.put("a.dump", inChunks(Buffer.alloc(2 * partBytes, 7), 1_000_003), signal);

    await verifyStored({ backups: store, hashOf }, manifestOf("a", stored), signal);
    expect(stored.sizeBytes).toBe(2 * partBytes);
  });

  test("B1 a dump that breaks off between parts is withdrawn from the store", async () => {
    const store = storeOf();
    const broke = new Error("pg_dump was killed");
    async function* breaking() {
      yield* megabytes(12);
      throw broke;
    }

    await expect(store.put("a.dump", breaking(), signal)).rejects.toBe(broke);

    await nothingLeft(store);
  });

  test("B1 a cancel in the middle of the parts is heard, and what was sent is withdrawn", async () => {
    const store = storeOf();
    const stop = new AbortController();
    const reason = new Error("a person cancelled");
    async function* cancelled() {
      yield* megabytes(12);
      stop.abort(reason);
      yield* megabytes(12);
    }

    await expect(store.put("a.dump", cancelled(), stop.signal)).rejects.toBe(reason);

    await nothingLeft(store);
  });

  test("B5 what a killed process had sent is no backup, is found by a later prune, and is removed by it", async () => {
    const { prefix } = optionsOf();
    const place = { bucket, prefix, endpoint: ceph.endpoint, region: "default", pathStyle: true };
    const env = { ...process.env, STORE: JSON.stringify({ ...place, accessKey: user.accessKey, partBytes }) };
    const child = spawn(process.execPath, [join(import.meta.dirname, "s3-writer-process.ts")], {
      env: { ...env, SECRET_KEY: user.secretKey },
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
    const store = storeOf({ prefix });

    expect(await visibleIn(prefix)).toEqual([]);
    expect(await store.list(signal)).toEqual([]);
    expect(await store.leftOvers?.(Date.now() - 24 * 60 * 60 * 1000, signal)).toEqual([]);
    const found = (await store.leftOvers?.(Date.now() + 60_000, signal)) ?? [];
    expect(found.map(({ location }) => location)).toEqual([`s3://${bucket}/${prefix}a.dump`]);
    // Of a prefix that is not ours, nothing is touched.
    expect(await storeOf().leftOvers?.(Date.now() + 60_000, signal)).toEqual([]);
    for (const one of [...found, ...found]) await one.remove(signal);

    await nothingLeft(store);
  });

  describe("behind a proxy that lies", () => {
    const onPart = (fault: Fault) => (asked: Asked) => (isPart(asked) ? fault : undefined);

    test.each([
      ["one flipped bit in a part", { kind: "flip", where: "request" }, "refused the checksum"],
      [
        "half a part passed on as if it were all",
        { kind: "shorten" },
        "something between here and there changes requests",
      ],
      ["a connection cut in the middle of a part", { kind: "cut", where: "request" }, "cannot be reached"],
      ["a connection that falls silent", { kind: "silence" }, "fell silent"],
      ["503 again and again", { kind: "answer", status: 503, body: "busy" }, "goes on answering 503"],
      ["no room (507)", { kind: "answer", status: 507, body: "" }, "the store is full"],
    ] as const)(
      "B2 %s fails the backup in its own words, and nothing is left behind",
      async (_, fault, words) => {
        const store = behindProxy(onPart(fault));

        const error = await failureOf(store.put("a.dump", megabytes(12), signal));

        expect(error.message).toContain(words);
        expect(error.failure.hint).toMatch(/: (sluice|timedatectl)/);
        await nothingLeft(store);
      },
      30_000,
    );

    test("B2 one flipped bit in a small dump is refused by the store", async () => {
      const store = behindProxy(({ method }) => (method === "PUT" ? { kind: "flip", where: "request" } : undefined));

      const error = await failureOf(store.put("a.dump", inChunks(Buffer.from("a small dump")), signal));

      expect(error.message).toContain("refused the checksum");
      await nothingLeft(store);
    });

    test("B2 a store that says yes and stores nothing is not believed", async () => {
      const store = behindProxy(({ method }) =>
        method === "PUT" ? { kind: "answer", status: 200, body: "" } : undefined,
      );

      const error = await failureOf(store.put("a.dump", inChunks(Buffer.from("a small dump")), signal));

      expect(error.failure.code).toBe("BACKUP_FAILED");
      await nothingLeft(store);
    });

    test("B2 a 503 and a cut connection in passing are borne, and the backup is whole", async () => {
      const faults: Fault[] = [
        { kind: "answer", status: 503, body: "" },
        { kind: "cut", where: "request" },
      ];
      const store = behindProxy((asked) => (isPart(asked) ? faults.pop() : undefined));

      const stored = await store.put("a.dump", megabytes(12), signal);

      expect(faults).toEqual([]);
      await verifyStored({ backups: store, hashOf }, manifestOf("a", stored), signal);
    });

    test("Z1 an upload whose last answer is lost is looked for, not stored twice", async () => {
      let lost = 0;
      const store = behindProxy(({ method, path }) =>
        method === "POST" && path.includes("uploadId=") && ++lost === 1 ? { kind: "cut", where: "answer" } : undefined,
      );

      const stored = await store.put("a.dump", megabytes(12), signal);

      expect(lost).toBeGreaterThan(1);
      await verifyStored({ backups: store, hashOf }, manifestOf("a", stored), signal);
    });

    test("Z1 a small dump whose answer is lost is recognised as its own", async () => {
      let lost = 0;
      const store = behindProxy(({ method }) =>
        method === "PUT" && ++lost === 1 ? { kind: "cut", where: "answer" } : undefined,
      );

      const stored = await store.put("a.dump", inChunks(Buffer.from("a small dump")), signal);

      expect(lost).toBeGreaterThan(1);
      await verifyStored({ backups: store, hashOf }, manifestOf("a", stored), signal);
    });

    test("B2 one flipped bit on the way back is found by its checksum", async () => {
      const store = behindProxy(() => undefined);
      const stored = await store.put("a.dump", megabytes(12), signal);
      proxy.fault = ({ method }) => (method === "GET" ? { kind: "flip", where: "answer" } : undefined);

      const error = await failureOf(verifyStored({ backups: store, hashOf }, manifestOf("a", stored), signal));

      expect(error.failure.code).toBe("BACKUP_UNVERIFIED");
    });

    test("B7 a read that breaks off once goes on; one that always breaks off is told", async () => {
      const store = behindProxy(() => undefined);
      const stored = await store.put("a.dump", megabytes(12), signal);
      let broken = 0;
      proxy.fault = ({ method }) => (method === "GET" && ++broken === 2 ? { kind: "cut", where: "answer" } : undefined);
      await verifyStored({ backups: store, hashOf }, manifestOf("a", stored), signal);
      expect(broken).toBe(3);

      proxy.fault = ({ method }) => (method === "GET" ? { kind: "cut", where: "answer" } : undefined);
      const error = await failureOf(verifyStored({ backups: store, hashOf }, manifestOf("a", stored), signal));

      expect(error.failure.code).toBe("STORE_UNREACHABLE");
    });
  });

  describe("what is told", () => {
    const putSmall = (store: BackupStore) => failureOf(store.put("a.dump", inChunks(Buffer.from("x")), signal));

    test("B2 a wrong secret is told as such, and is not shown", async () => {
      const wrong = new Secret("BACKUP_SECRET_KEY", "not-the-secret-of-it");
      const store = storeOf({ credentials: { accessKey: user.accessKey, secretKey: wrong } });

      for (const error of [await putSmall(store), await failureOf(store.list(signal))]) {
        expect(error.failure.code).toBe("BACKUP_FAILED");
        expect(error.message).toMatch(/access key/);
        expect(JSON.stringify(error.failure)).not.toContain("not-the-secret");
      }
    });

    test("B2 a bucket that does not exist is named by every request", async () => {
      const store = storeOf({ bucket: "no-such-bucket" });

      const errors = [
        await putSmall(store),
        await failureOf(store.list(signal)),
        await failureOf(collect(store.get("a.dump", signal))),
        await failureOf(store.freeBytes(signal)),
      ];

      for (const error of errors) {
        expect(error.failure.code).toBe("BACKUP_FAILED");
        expect(error.message).toContain("s3://no-such-bucket");
        expect(error.message).toContain("the bucket does not exist");
      }
    });

    test("B2 a store that nobody runs is unreachable", async () => {
      const store = storeOf({ endpoint: `http://127.0.0.1:${await refusingPort()}`, attempts: 1 });

      const error = await failureOf(store.freeBytes(signal));

      expect(error.failure).toMatchObject({ code: "STORE_UNREACHABLE", remedy: "retry" });
      expect(error.message).toContain("ECONNREFUSED");
    });

    test("B2 a used-up quota is a full store, and nothing of the upload is left", async () => {
      const small = await ceph.newUser("small", 8 * 1024 * 1024);
      const own = clientOf(ceph, small);
      await own.send(new s3.CreateBucketCommand({ Bucket: "small" }));
      const credentials = { accessKey: small.accessKey, secretKey: new Secret("BACKUP_SECRET_KEY", small.secretKey) };
      const store = storeOf({ bucket: "small", credentials, partBytes: 16 * 1024 * 1024 });

      const error = await failureOf(store.put("a.dump", megabytes(40), signal));

      expect(error.failure.code).toBe("DISK_FULL");
      expect(error.message).toContain("quota");
      const { Uploads = [] } = await own.send(new s3.ListMultipartUploadsCommand({ Bucket: "small" }));
      expect(Uploads).toEqual([]);
      own.destroy();
    });
  });

  test("B7 more than a thousand objects are listed page by page, newest first", async () => {
    const options = optionsOf();
    const count = 510;
    const put = (key: string, Body: string) =>
      client.send(new s3.PutObjectCommand({ Bucket: bucket, Key: options.prefix + key, Body }));
    for (let at = 0; at < count; at += 15) {
      const ids = Array.from({ length: 15 }, (_, index) => `b${at + index}`);
      await Promise.all(ids.map((id) => put(`${id}.dump`, "x")));
      await Promise.all(
        ids.map((id) => {
          const stored = { location: `s3://${bucket}/${options.prefix}${id}.dump`, sizeBytes: 1, sha256: "0" };
          return put(
            `${id}.dump.manifest.json`,
            JSON.stringify({ ...manifestOf(id, stored), takenAtMs: Number(id.slice(1)) }),
          );
        }),
      );
    }

    const list = await s3BackupStore(options).list(signal);

    expect(list.map(({ takenAtMs }) => takenAtMs)).toEqual(Array.from({ length: count }, (_, at) => count - 1 - at));
  }, 60_000);

  test("B1 B2 B5 B7 the command line backs up into the bucket that sluice.yaml names, lists, prunes, and restores from it", async () => {
    const project = await mkdtemp(join(tmpdir(), "sluice-s3-"));
    try {
      const { prefix } = optionsOf();
      const live = new DatabaseSync(join(project, "shop.sqlite"));
      live.exec("CREATE TABLE users (id INTEGER PRIMARY KEY); INSERT INTO users VALUES (1), (2), (3)");
      live.close();
      await writeFile(join(project, "sluice.yaml"), configurationOf(ceph.endpoint, user.accessKey, prefix));
      const run = (...argv: readonly string[]) => sluice(project, user.secretKey, ...argv);

      const created = await run("backup", "create", "production");
      const [backup]: readonly BackupManifest[] = JSON.parse(await run("backup", "list")).backups;

      expect(backup?.location).toMatch(new RegExp(`^s3://${bucket}/${prefix}production-main-.*$`));
      expect(await visibleIn(prefix)).toHaveLength(2);
      const [unpack] = backup?.restoreCommands ?? [];
      expect(unpack).toContain(`aws s3 cp --endpoint-url ${ceph.endpoint} ${backup?.location} - | gunzip`);
      expect(JSON.parse(await run("backup", "prune", "production"))).toMatchObject({ prune: [], leftOvers: [] });
      const into = join(project, "restored.sqlite");
      await run("restore", backup?.id ?? "", "--into", into, "--confirm", "RESTORE");
      const restored = new DatabaseSync(into, { readOnly: true });
      expect(restored.prepare("SELECT count(*) AS rows FROM users").get()).toEqual({ rows: 3 });
      restored.close();
      expect(created + JSON.stringify(backup)).not.toContain(user.secretKey);
      await expect(sluice(project, "not the secret", "backup", "list")).rejects.toMatchObject({
        stdout: expect.stringContaining("the secret of the access key is wrong"),
      });
    } finally {
      await rm(project, { recursive: true, force: true });
    }
  }, 60_000);

  test.each([
    ["cut off", (path: string) => ({ key: path, body: '{"id": "a"' })],
    ["of another key", (path: string) => ({ key: path.replace("a.dump", "b.dump"), body: undefined })],
    ["with an object of another size", (path: string) => ({ key: path.replace(".manifest.json", ""), body: "longer" })],
  ])("B4 a manifest that is %s is reported by name, not left out", async (_, damage) => {
    const options = optionsOf();
    const store = s3BackupStore(options);
    const stored = await store.put("a.dump", inChunks(Buffer.from("a")), signal);
    await store.putManifest(manifestOf("a", stored), signal);
    const { key, body = JSON.stringify(manifestOf("a", stored)) } = damage(`${options.prefix}a.dump.manifest.json`);
    await client.send(new s3.PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));

    const error = await failureOf(store.list(signal));

    expect(error.failure.code).toBe("BACKUP_UNVERIFIED");
    expect(error.message).toContain(`s3://${bucket}/${options.prefix}`);
  });

  test("B2 with an object lock nobody removes what was stored before its time", async () => {
    await client.send(new s3.CreateBucketCommand({ Bucket: "locked", ObjectLockEnabledForBucket: true }));
    const store = storeOf({ bucket: "locked", objectLock: { mode: "compliance", days: 1 } });

    for (const [key, bytes] of [
      ["small.dump", inChunks(Buffer.from("x"))],
      ["large.dump", megabytes(12)],
    ] as const) {
      const stored = await store.put(key, bytes, signal);
      const head = await client.send(new s3.HeadObjectCommand(placeOf(stored.location)));
      expect(head.ObjectLockMode).toBe("COMPLIANCE");
      const removal = new s3.DeleteObjectCommand({ ...placeOf(stored.location), VersionId: head.VersionId });
      await expect(client.send(removal)).rejects.toMatchObject({ name: "AccessDenied" });
    }
  });
});

/** `backup list` and the like open no state; the others start the project's own PostgreSQL, and wait for its end. */
async function sluice(project: string, secretKey: string, ...argv: readonly string[]): Promise<string> {
  const main = join(import.meta.dirname, "../../src/cli/main.ts");
  const { BACKUP_SECRET_KEY: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...argv, "--json", "--project", project], {
    env: { ...env, BACKUP_SECRET_KEY: secretKey },
  });
  return stdout;
}

const isPart = ({ method, path }: Asked): boolean => method === "PUT" && path.includes("partNumber=");

const configurationOf = (endpoint: string, accessKey: string, prefix: string): string => `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
secrets: { BACKUP_SECRET_KEY: { env: BACKUP_SECRET_KEY } }
databases: { main: { kind: sqlite, file: shop.sqlite } }
environments:
  production:
    policy: basic
    backup:
      policy: verified
      store:
        kind: s3
        bucket: ${bucket}
        prefix: ${prefix}
        endpoint: ${endpoint}
        accessKey: ${accessKey}
        secretKey: { secret: BACKUP_SECRET_KEY }
`;

function clientOf(ceph: TestCeph, user: StoreUser): S3Client {
  return new S3Client({
    endpoint: ceph.endpoint,
    region: "default",
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    credentials: { accessKeyId: user.accessKey, secretAccessKey: user.secretKey },
  });
}

function placeOf(location: string): { readonly Bucket: string; readonly Key: string } {
  const { hostname, pathname } = new URL(location);
  return { Bucket: hostname, Key: pathname.slice(1) };
}

/** Every megabyte another one, so that parts in the wrong order are noticed. */
async function* megabytes(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++)
    yield createHash("shake256", { outputLength: 1024 * 1024 })
      .update(`${at}`)
      .digest();
}

async function* inChunks(bytes: Buffer, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of bytes) all.push(chunk);
  return Buffer.concat(all);
}

async function failureOf(work: Promise<unknown>): Promise<SluiceError> {
  const outcome = await work.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
  if (outcome instanceof SluiceError) return outcome;
  throw new Error("no failure of ours", { cause: outcome });
}

const manifestOf = (id: string, stored: StoredObject): BackupManifest => ({
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
});
