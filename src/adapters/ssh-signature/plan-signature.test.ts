import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { signPlanDigest, verifyPlanDigest } from "./plan-signature.ts";

const run = promisify(execFile);
const digest = `sha256:${"ab".repeat(32)}`;
const alice = "alice@example.org";

function sshKeygenMissing(): boolean {
  try {
    execFileSync("ssh-keygen", ["-l", "-f", "/dev/null"], { stdio: "ignore" });
    return false;
  } catch (thrown) {
    return (thrown as { code?: string }).code === "ENOENT";
  }
}

const missing = sshKeygenMissing();
if (missing) console.warn("SKIPPED: the tests of SSH signatures need ssh-keygen (package openssh-client)");

describe.skipIf(missing)("SSH signatures over a plan's digest", () => {
  let folder: string;
  const keys: Record<string, { file: string; line: string; fingerprint: string }> = {};

  async function makeKey(name: string, ...type: string[]): Promise<void> {
    const file = join(folder, name);
    await run("ssh-keygen", ["-q", ...type, "-N", "", "-C", name, "-f", file]);
    const [kind, text] = (await readFile(`${file}.pub`, "utf8")).split(" ");
    const { stdout } = await run("ssh-keygen", ["-l", "-f", file]);
    keys[name] = { file, line: `${kind} ${text}`, fingerprint: stdout.split(" ")[1] ?? "" };
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-keys-"));
    await makeKey("alice", "-t", "ed25519");
    await makeKey("bob", "-t", "ecdsa");
  });
  afterAll(() => rm(folder, { recursive: true }));

  const key = (name: string) => keys[name]!;
  const allowed = () =>
    `# who may approve\n${alice} ${key("alice").line}\nbob@example.org,robert@* ${key("bob").line}\n`;
  const signedBy = async (name: string) => (await signPlanDigest({ digest, keyFile: key(name).file })).signature;

  test("P2 a signature by an allowed key over this digest holds and names the key", async () => {
    for (const [name, signerName] of [
      ["alice", alice],
      ["bob", "bob@example.org"],
      ["bob", "robert@home"],
    ] as const) {
      const signed = await signPlanDigest({ digest, keyFile: key(name).file });

      const verified = await verifyPlanDigest({
        digest,
        signature: signed.signature,
        signerName,
        allowedSigners: allowed(),
      });

      expect(verified).toEqual({ kind: "valid", keyFingerprint: key(name).fingerprint });
      expect(signed.keyFingerprint).toBe(key(name).fingerprint);
    }
  });

  test("P2 another digest, even by one character, is refused as such", async () => {
    const signature = await signedBy("alice");

    for (const other of [`${digest.slice(0, -1)}c`, `${digest}\n`, ` ${digest}`, ""]) {
      expect(
        await verifyPlanDigest({ digest: other, signature, signerName: alice, allowedSigners: allowed() }),
      ).toMatchObject({
        kind: "invalid",
        fault: "wrong-digest",
      });
    }
  });

  test("P2 a key that is another person's is refused as such", async () => {
    const signature = await signedBy("bob");

    const verified = await verifyPlanDigest({ digest, signature, signerName: alice, allowedSigners: allowed() });

    expect(verified).toMatchObject({
      kind: "invalid",
      fault: "wrong-key",
      message: expect.stringContaining(key("bob").fingerprint),
    });
  });

  test("P2 a name that is not allowed is refused as such, and so is one that is a pattern", async () => {
    const signature = await signedBy("alice");

    for (const signerName of ["mallory@example.org", "*", "alice@*", "", "-I", "a b", `${alice}\n`, `!${alice}`]) {
      expect(
        await verifyPlanDigest({ digest, signature, signerName, allowedSigners: allowed() }),
        signerName,
      ).toMatchObject({
        fault: "unknown-signer",
      });
    }
    expect(await verifyPlanDigest({ digest, signature, signerName: alice, allowedSigners: "" })).toMatchObject({
      fault: "unknown-signer",
    });
  });

  test("P2 a key whose time is over, or that is allowed for something else, is refused", async () => {
    const signature = await signedBy("alice");

    for (const option of ['valid-before="20200101"', 'namespaces="git"']) {
      const allowedSigners = `${alice} ${option} ${key("alice").line}\n`;

      expect(await verifyPlanDigest({ digest, signature, signerName: alice, allowedSigners }), option).toMatchObject({
        fault: "wrong-key",
      });
    }
  });

  test("P2 a signed rejection is no approval, and a signature made for git is neither", async () => {
    const rejection = await signPlanDigest({ digest, keyFile: key("alice").file, namespace: "sluice-rejection" });
    const check = (signature: string, namespace?: "sluice-rejection") =>
      verifyPlanDigest({
        digest,
        signature,
        signerName: alice,
        allowedSigners: allowed(),
        ...(namespace ? { namespace } : {}),
      });

    expect(await check(rejection.signature)).toMatchObject({ fault: "wrong-digest" });
    expect(await check(rejection.signature, "sluice-rejection")).toMatchObject({ kind: "valid" });
    expect(await check(await signedBy("alice"), "sluice-rejection")).toMatchObject({ fault: "wrong-digest" });
  });

  test("P2 what is no signature, or a damaged one, is refused", async () => {
    const signature = await signedBy("alice");
    const check = (text: string) =>
      verifyPlanDigest({ digest, signature: text, signerName: alice, allowedSigners: allowed() });
    const lines = signature.split("\n");
    const damaged = lines.with(2, [...(lines[2] ?? "")].reverse().join("")).join("\n");

    expect(await check("looks good to me")).toMatchObject({ fault: "malformed" });
    expect(await check("-----BEGIN SSH SIGNATURE-----\n")).toMatchObject({ kind: "invalid" });
    expect(await check(damaged)).toMatchObject({ kind: "invalid" });
  });

  test("a file that is no key fails with what to look at", async () => {
    const signing = signPlanDigest({ digest, keyFile: join(folder, "absent") });

    await expect(signing).rejects.toMatchObject({
      failure: { code: "COMMAND_FAILED", hint: expect.stringContaining("ssh-keygen -l") },
    });
  });

  test("K1 no file of a verification stays behind", async () => {
    const signature = await signedBy("alice");
    const own = await mkdtemp(join(folder, "tmp-"));
    vi.stubEnv("TMPDIR", own);

    await verifyPlanDigest({ digest: "other", signature, signerName: alice, allowedSigners: allowed() });
    vi.unstubAllEnvs();

    expect(await readdir(own)).toEqual([]);
  });
});
