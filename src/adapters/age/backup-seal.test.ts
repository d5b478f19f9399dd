import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, test } from "vitest";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import { ageSeal } from "./backup-seal.ts";

function ageMissing(): boolean {
  try {
    execFileSync("age", ["--version"], { stdio: "ignore" });
    return false;
  } catch {
    return true;
  }
}

const missing = ageMissing();
if (missing) console.warn("SKIPPED: that the tool reads what we encrypt, because age is not installed (package age)");

const key = await generateX25519Identity();
const recipient = await identityToRecipient(key);
const identity = new Secret("BACKUP_KEY", `# created: today\n# public key: ${recipient}\n${key}\n`);
const text = Buffer.alloc(300_000, "what nobody else may read\n");

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function failureOf(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SluiceError) return error.failure;
  throw new Error("It did not fail with a SluiceError.", { cause: error });
}

describe("B13 backups in the age format", () => {
  test("what a deployer without the key has sealed it can open itself, for the proof, and so can the key", async () => {
    const one = await ageSeal({ recipients: [recipient], identity: () => null }).begin();

    const stored = await all(one.seal(pieces(text)));

    expect(stored.includes("nobody else")).toBe(false);
    expect((await all(one.open(pieces(stored)))).equals(text)).toBe(true);
    const keeper = ageSeal({ recipients: [recipient], identity: () => identity });
    expect((await all(keeper.open(pieces(stored)))).equals(text)).toBe(true);
  });

  test("without an identity, with another's and with something else it is not opened, and no key is told", async () => {
    const one = await ageSeal({ recipients: [recipient], identity: () => null }).begin();
    const stored = await all(one.seal(pieces(text)));
    const open = (secret: Secret | null) =>
      failureOf(all(ageSeal({ recipients: [recipient], identity: () => secret }).open(pieces(stored))));
    const other = await generateX25519Identity();

    const failures = [await open(null), await open(new Secret("KEY", other)), await open(new Secret("KEY", "hunter2"))];

    expect(failures.map(({ code }) => code)).toEqual(Array(3).fill("BACKUP_UNVERIFIED"));
    expect(failures[0]?.message).toContain(recipient);
    expect(failures[1]?.message).toContain("other keys");
    expect(JSON.stringify(failures)).not.toMatch(/AGE-SECRET-KEY-1|hunter2/);
  });

  test("a flipped bit and a missing end are noticed, wherever they are", async () => {
    const one = await ageSeal({ recipients: [recipient], identity: () => null }).begin();
    const stored = await all(one.seal(pieces(text)));

    for (const at of [10, 200, 70_000, stored.length - 1]) {
      const flipped = Buffer.from(stored);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      expect((await failureOf(all(one.open(pieces(flipped))))).code, `at ${at}`).toBe("BACKUP_UNVERIFIED");
      expect((await failureOf(all(one.open(pieces(stored.subarray(0, at)))))).code).toBe("BACKUP_UNVERIFIED");
    }
  });

  test("what goes wrong at the source is told as it is, in both directions", async () => {
    const one = await ageSeal({ recipients: [recipient], identity: () => null }).begin();
    const broke = new Error("the store broke off");
    async function* breaking(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 100_000);
      throw broke;
    }
    const stored = await all(one.seal(pieces(text)));

    await expect(all(one.seal(breaking(text)))).rejects.toBe(broke);
    await expect(all(one.open(breaking(stored)))).rejects.toBe(broke);
  });

  test("whatever the length, the library of the format reads what we wrote, and we read what it wrote", async () => {
    const keeper = ageSeal({ recipients: [recipient], identity: () => identity });

    for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000]) {
      const plain = Buffer.alloc(length, 7);
      const [decrypter, encrypter] = [new Decrypter(), new Encrypter()];
      decrypter.addIdentity(key);
      encrypter.addRecipient(recipient);
      const ours = await all((await keeper.begin()).seal(pieces(plain)));
      const theirs = await encrypter.encrypt(plain);

      expect(Buffer.from(await decrypter.decrypt(ours)).equals(plain), `${length} bytes of ours`).toBe(true);
      expect((await all(keeper.open(pieces(theirs)))).equals(plain), `${length} bytes of theirs`).toBe(true);
    }
  });

  test.skipIf(missing)("the tool age decrypts it with nothing but the key", async () => {
    const one = await ageSeal({ recipients: [recipient], identity: () => null }).begin();
    const folder = await mkdtemp(join(tmpdir(), "sluice-age-"));
    await writeFile(join(folder, "key"), identity.reveal(), { mode: 0o600 });
    await writeFile(join(folder, "stored.age"), one.seal(pieces(text)));

    const argv = ["--decrypt", "--identity", join(folder, "key"), join(folder, "stored.age")];
    const decrypted = execFileSync("age", argv, { maxBuffer: 1_000_000 });
    await rm(folder, { recursive: true });

    expect(decrypted.equals(text)).toBe(true);
  });
});
