/** Z3 B1–B4 B13: a backup is called what was proven of it, and every kind of harm is caught with its own words. */
import { execFileSync } from "node:child_process";
import { access, chmod, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ageSeal } from "../../src/adapters/age/backup-seal.ts";
import { postgresDatabase } from "../../src/adapters/postgres/database.ts";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { sshManifestSigner } from "../../src/adapters/ssh-signature/manifest-signer.ts";
import { restoreBackup } from "../../src/app/backups.ts";
import { Secret } from "../../src/domain/secret.ts";
import { backupWorld, failureOf, type HarmfulWorld, type WorldOptions } from "./backup-world.ts";

const binFolder = await serverBinaries();
const installed = (program: string, ...argv: string[]): boolean => {
  try {
    execFileSync(program, argv, { stdio: "ignore" });
    return true;
  } catch (thrown) {
    return (thrown as { code?: string }).code !== "ENOENT";
  }
};
const ageInstalled = installed("age", "--version");
if (binFolder === undefined)
  console.warn("SKIPPED: proven backups, because PostgreSQL is not installed (package postgresql)");
if (!ageInstalled)
  console.warn("SKIPPED: restoring an encrypted backup by hand, because age is not installed (package age)");

let server: TestServer;
let databases = 0;
const signal = new AbortController().signal;

const schema = `
  CREATE ROLE reader_%1;
  CREATE TABLE items (id int PRIMARY KEY, status varchar(9) NOT NULL CHECK (status IN ('new', 'it''s old')), at timestamptz);
  CREATE TABLE orders (id serial PRIMARY KEY, item int REFERENCES items, total numeric, doc jsonb DEFAULT '{}');
  CREATE INDEX ON orders USING gin (doc);
  CREATE VIEW open_orders AS SELECT * FROM orders WHERE total > 0;
  CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      -- Name: a comment of its own
      RETURN NEW;
    END $$;
  CREATE TRIGGER noted BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION noted();
  GRANT SELECT ON orders TO reader_%1;
  INSERT INTO items SELECT n, CASE WHEN n % 2 = 0 THEN 'new' ELSE 'it''s old' END, now() FROM generate_series(1, 50) n;
  INSERT INTO orders (item, total, doc) SELECT 1 + n % 50, n, jsonb_build_object('n', n, 'text', E'tab\\tline\\n--\\\\.') FROM generate_series(1, 2000) n;
  SELECT lo_from_bytea(0, decode(repeat('00ff', 40000), 'hex'));`;

/** Refreshed at the end of a restore, and only there does it do harm. */
const meddling = `
  CREATE FUNCTION public.meddle() RETURNS int LANGUAGE sql AS $$
    UPDATE public.orders SET total = total + 1 WHERE id = 7 AND current_database() LIKE 'sluice_rehearsal_%';
    SELECT 1 $$;
  CREATE MATERIALIZED VIEW public.meddled AS SELECT public.meddle()`;

async function newShop(): Promise<string> {
  const name = `proof_${++databases}`;
  await server.run("postgres", `CREATE DATABASE ${name}`);
  await server.run(name, schema.replaceAll("%1", name));
  return name;
}

async function inWorld(options: Omit<WorldOptions, "server" | "database"> & { readonly database?: string } = {}) {
  const database = options.database ?? (await newShop());
  const world = await backupWorld({ ...options, server, database });
  onTestFinished(world.dispose);
  return { ...world, name: database };
}

/** Rows and hashes of production, to show that a test did it no harm. */
async function contentOf(name: string): Promise<unknown> {
  const dump = await postgresDatabase({ name: "shop", url: server.urlOf(name) }).dump(signal);
  for await (const _ of dump.bytes);
  return dump.facts.tables;
}

const scratchLeft = () =>
  server.run("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'sluice_rehearsal_%'");

/** A backup that is refused: by code and words, with production as it was, no backup and no scratch database left. */
async function refused(world: HarmfulWorld & { readonly name: string }) {
  const before = await contentOf(world.name);
  const failure = await failureOf(world.take());
  expect(await world.store.list(signal)).toEqual([]);
  expect(await contentOf(world.name)).toEqual(before);
  expect(await scratchLeft()).toEqual([]);
  return failure;
}

async function flip(file: string): Promise<void> {
  const handle = await open(file, "r+");
  const at = Math.floor((await handle.stat()).size / 2);
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
  await handle.write(Buffer.from([buffer.readUInt8(0) ^ 1]), 0, 1, at);
  await handle.close();
}

describe.skipIf(binFolder === undefined)("proven backups of a real PostgreSQL", () => {
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });
  afterAll(() => server.stop());

  test("Z3 equal: restored, dumped again and compared, rows hashed, and the snapshot's facts beside it", async () => {
    const world = await inWorld();

    const manifest = await world.take();

    expect(manifest.level).toBe("equal");
    const checks = (manifest.proof?.checks ?? []).map(({ check, outcome }) => `${check}: ${outcome}`);
    expect(checks).toEqual([
      expect.stringMatching(/^room for a copy: (passed|unavailable)$/),
      "stored: passed",
      "readable: passed",
      "restored: passed",
      "rows counted and hashed: passed",
      "dumped again and compared: passed",
      "amcheck: passed",
    ]);
    expect(manifest.tables.every(({ hash }) => typeof hash === "string")).toBe(true);
    expect(manifest.snapshot).toMatchObject({
      lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
      systemIdentifier: expect.stringMatching(/^\d+$/),
      clientVersion: expect.stringMatching(/^pg_dump \d+$/),
      extensions: [{ name: "plpgsql", version: "1.0" }],
      largeObjects: 1,
      missing: [],
    });
    expect(manifest.snapshot?.roles?.some((line) => line.startsWith(`CREATE ROLE reader_${world.name}`))).toBe(true);
    expect(JSON.stringify(manifest)).not.toMatch(/PASSWORD|SCRAM-SHA/);
    expect(await scratchLeft()).toEqual([]);
  });

  test("Z3 one changed row in the scratch database is not equal, although every count fits", async () => {
    const world = await inWorld();
    await server.run(world.name, meddling);

    const { code, message } = await refused(world);

    expect(code).toBe("BACKUP_UNVERIFIED");
    expect(message).toMatch(/rows of public\.orders differ/);
  });

  test("B3 a server without room for a copy is found before anything is dumped; where nobody can tell, that is said", async () => {
    const name = await newShop();
    const { room: _, ...mute } = postgresDatabase({ name: "shop", url: server.urlOf(name) });

    const { code, message } = await refused(await inWorld({ database: name, roomForCopy: 1_000 }));
    const manifest = await (await inWorld({ database: name, parts: { databases: [mute] } })).take();

    expect(code).toBe("DISK_FULL");
    expect(message).toMatch(
      /^There is no room to restore shop: a copy takes about \S+ MB, and roomForCopy allows 1.0 kB/,
    );
    expect(manifest.proof?.checks[0]).toMatchObject({
      outcome: "unavailable",
      detail: "whether a copy fits is not known: postgres cannot tell",
    });
  });

  test("B1 a killed pg_dump leaves no backup", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-killed-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const real = join(binFolder!, "pg_dump");
    // Prints the first half of an archive, then is killed as if by the kernel.
    await fakeTool(folder, "pg_dump", `"${real}" "$@" | head -c 2000; kill -KILL $$`);
    const world = await inWorld({ binFolder: folder });

    const { code, message } = await refused(world);

    expect(code).toBe("BACKUP_FAILED");
    expect(message).toContain("SIGKILL");
  });

  test("B1 an empty dump is no backup, whatever the tool's exit code says", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-empty-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await fakeTool(folder, "pg_dump", "exit 0");
    const world = await inWorld({ binFolder: folder });

    const { code, message } = await refused(world);

    expect(code).toBe("BACKUP_UNVERIFIED");
    expect(message).toContain("is empty");
  });

  test("B1 a database that does not exist is unreachable, not an empty backup", async () => {
    const world = await inWorld({ database: "no_such_database" });

    const failure = await failureOf(world.take());

    expect(failure.code).toBe("DATABASE_UNREACHABLE");
    expect(await world.store.list(signal)).toEqual([]);
  });

  test("B3 a role that the server lost since is named", async () => {
    const name = await newShop();
    const world = await inWorld({
      database: name,
      afterPut: async () => void (await server.run(name, `DROP OWNED BY reader_${name}; DROP ROLE reader_${name}`)),
    });

    const failure = await failureOf(world.take());

    expect(failure.code).toBe("BACKUP_UNVERIFIED");
    expect(failure.hint).toContain(`the role reader_${name}`);
    expect(await world.store.list(signal)).toEqual([]);
    expect(await scratchLeft()).toEqual([]);
  });

  test("B3 one flipped bit in the store is caught by the checksum", async () => {
    const world = await inWorld({ afterPut: flip });

    const { code, message } = await refused(world);

    expect(code).toBe("BACKUP_UNVERIFIED");
    expect(message).toContain("reads back as");
  });

  test("B7 a swapped dump with commands of psql is refused and runs nothing, with a manifest that fits it too", async () => {
    const world = await inWorld();
    const manifest = await world.take();
    const touched = join(world.folder, "touched");
    const swapped = `\\! touch ${touched}\nSELECT 1;\n`;
    await writeFile(manifest.location, swapped);
    const fitting = { ...manifest, sizeBytes: swapped.length, sha256: world.parts.sha256(swapped) };

    const plain = await failureOf(restoreBackup(world.parts, manifest, "swapped_1", signal));
    const dressed = await failureOf(restoreBackup(world.parts, fitting, "swapped_2", signal));

    expect(plain).toMatchObject({ code: "BACKUP_UNVERIFIED" });
    expect(dressed).toMatchObject({ code: "RESTORE_FAILED" });
    await expect(access(touched)).rejects.toThrow("ENOENT");
    expect(await server.run("postgres", "SELECT FROM pg_database WHERE datname LIKE 'swapped%'")).toEqual([]);
  });

  test("Z3 an edited manifest, and one that was stripped of its signature, are not restored", async () => {
    const keys = await mkdtemp(join(tmpdir(), "sluice-proof-key-"));
    onTestFinished(() => rm(keys, { recursive: true }));
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(keys, "key")]);
    const [kind, text] = (await readFile(join(keys, "key.pub"), "utf8")).split(" ");
    const allowedSigners = `sluice namespaces="sluice-backup" ${kind} ${text}`;
    const signer = sshManifestSigner({ keyFile: join(keys, "key"), allowedSigners });
    const world = await inWorld({ parts: { signer } });

    const manifest = await world.take();
    const [stored] = await world.store.list(signal);
    const restore = (changes: object) =>
      failureOf(restoreBackup(world.parts, { ...manifest, ...changes }, "never_made", signal));

    expect(await signer.check(stored!, signal)).toEqual({ kind: "trusted" });
    expect((await restore({ takenAtMs: 1 })).message).toContain("changed after it was signed");
    expect((await restore({ signature: null })).message).toContain("not signed, although audit.key is configured");
    expect(await server.run("postgres", "SELECT FROM pg_database WHERE datname = 'never_made'")).toEqual([]);
  });

  test("Z3 what does not fit its budget goes on only beside a young equal one, and is never called more than it is", async () => {
    const name = await newShop();
    const hasty = await inWorld({ database: name, proof: { budgetMs: 1 } });

    const alone = await failureOf(hasty.take("production-1"));
    const byHand = await hasty.take();
    const leaning = await hasty.take("production-2");

    expect(alone).toMatchObject({ code: "BACKUP_UNVERIFIED" });
    expect(alone.message).toContain("No equal one is younger than 24 h");
    expect(byHand.level).toBe("equal");
    expect(leaning.level).toBe("readable");
    expect(leaning.proof?.short).toMatchObject({
      wanted: "equal",
      reason: expect.stringContaining("longer than 1 ms"),
      leansOn: { id: byHand.id },
    });
    expect(await scratchLeft()).toEqual([]);
  });

  test.skipIf(!ageInstalled).each([
    ["pg_restore", {}, "-Fc", ".dump.age"],
    ["tar and pg_restore", { jobs: 2 }, "-Fd", ".dump.tar.age"],
  ])(
    "B13 the printed commands restore an encrypted backup with age, %s alone",
    async (_what, how, layout, extension) => {
      const key = await generateX25519Identity();
      const seal = ageSeal({ recipients: [await identityToRecipient(key)], identity: () => null });
      const world = await inWorld({ ...how, parts: { seal } });

      const manifest = await world.take();

      expect(manifest).toMatchObject({ level: "equal", encryption: { format: "age" } });
      expect(manifest.format).toContain(layout);
      expect(manifest.location.endsWith(extension)).toBe(true);
      expect((await readFile(manifest.location)).subarray(0, 21).toString()).toBe("age-encryption.org/v1");
      const identity = join(world.folder, "identity");
      await writeFile(identity, `${key}\n`, { mode: 0o600 });
      const env = { PGPASSWORD: server.password, AGE_IDENTITY_FILE: identity };
      const cwd = await mkdtemp(join(world.folder, "elsewhere-"));
      for (const command of manifest.restoreCommands) {
        // As a person's shell runs it: exactly as printed.
        await execa("sh", ["-ec", command], { cwd, env });
      }
      expect(await contentOf("shop_restored")).toEqual(manifest.tables);
      expect(await readdir(cwd)).toEqual([]);
      await server.run("postgres", "DROP DATABASE shop_restored");
    },
  );

  test("Z3 by several processes: equal as well, and one flipped bit, half a file or a changed row is not", async () => {
    const name = await newShop();
    const sound = await inWorld({ database: name, jobs: 2 });
    const half = async (file: string) => truncate(file, Math.floor((await stat(file)).size / 2));

    const manifest = await sound.take();
    const flipped = await refused(await inWorld({ database: name, jobs: 2, afterPut: flip }));
    const cut = await refused(await inWorld({ database: name, jobs: 2, afterPut: half }));
    await server.run(name, meddling);
    const meddled = await refused(await inWorld({ database: name, jobs: 2 }));

    expect(manifest.level).toBe("equal");
    expect(manifest.proof?.checks.map(({ check }) => check)).toContain("dumped again and compared");
    expect([flipped, cut, meddled].map(({ code }) => code)).toEqual(Array(3).fill("BACKUP_UNVERIFIED"));
    expect(meddled.message).toMatch(/rows of public\.orders differ/);
    expect(await readdir(join(sound.folder, "scratch"))).toEqual([]);
  });

  test("B13 an encrypted backup is restored by whoever has the key, and refused with a wrong one", async () => {
    const [key, other] = [await generateX25519Identity(), await generateX25519Identity()];
    const recipients = [await identityToRecipient(key)];
    const withKey = (text: string) => ageSeal({ recipients, identity: () => new Secret("BACKUP_IDENTITY", text) });
    const world = await inWorld({ parts: { seal: withKey(key) } });
    const manifest = await world.take();

    const restored = await restoreBackup(world.parts, manifest, "with_key", signal);
    const wrong = await failureOf(
      restoreBackup({ ...world.parts, seal: withKey(other) }, manifest, "wrong_key", signal),
    );

    expect(restored.differing).toEqual([]);
    expect(wrong.code).toBe("BACKUP_UNVERIFIED");
    expect(wrong.message).toContain("other keys");
    expect(await server.run("postgres", "SELECT FROM pg_database WHERE datname = 'wrong_key'")).toEqual([]);
  });
});

/** A tool of that name which does `what`, beside links to the real ones. Shown as what it is: a script. */
async function fakeTool(folder: string, name: string, what: string): Promise<void> {
  for (const tool of await readdir(binFolder!)) {
    const lines = tool === name ? what : `exec "${join(binFolder!, tool)}" "$@"`;
    const version = `if [ "$1" = --version ]; then exec "${join(binFolder!, tool)}" --version; fi`;
    await writeFile(join(folder, tool), `#!/bin/bash\n${version}\n${lines}\n`);
    await chmod(join(folder, tool), 0o755);
  }
}
