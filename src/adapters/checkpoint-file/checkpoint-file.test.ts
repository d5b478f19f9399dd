import { execFile, execFileSync } from "node:child_process";
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Checkpoint } from "../../domain/audit.ts";
import { checkpointFile } from "./checkpoint-file.ts";

const run = promisify(execFile);
const { signal } = new AbortController();
const checkpoint: Checkpoint = {
  ledgerId: "8a1f",
  chain: { kind: "deployment", id: "1795000000-3f2a9c1b22aa" },
  seq: 7,
  hash: "ab".repeat(32),
  atMs: Date.UTC(2026, 10, 20),
};

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-audit-"));
  file = join(folder, "logs", "audit-checkpoints.jsonl");
});
afterEach(() => rm(folder, { recursive: true }));

const opened = (keyFile: string | null = null, allowedSigners: string | null = null) =>
  checkpointFile({ file, keyFile, allowedSigners });

test("Z4 where nothing was ever written there are no checkpoints", async () => {
  expect(await opened().list(signal)).toEqual({ checkpoints: [], unreadable: [] });
});

test("Z4 what is appended is listed, in order, each line readable without Sluice", async () => {
  await opened().append(checkpoint, signal);
  await opened().append({ ...checkpoint, seq: 8 }, signal);

  const { checkpoints } = await opened().list(signal);
  expect(checkpoints).toEqual([
    { checkpoint, signature: { kind: "none" }, line: 1 },
    { checkpoint: { ...checkpoint, seq: 8 }, signature: { kind: "none" }, line: 2 },
  ]);
  const [first] = (await readFile(file, "utf8")).split("\n");
  expect(JSON.parse(first ?? "")).toEqual({ at: "2026-11-20T00:00:00.000Z", checkpoint, signature: null });
});

test("Z4 many at once all arrive, each on its own line", async () => {
  const all = Array.from({ length: 40 }, (_, seq) => ({ ...checkpoint, seq }));

  await Promise.all(all.map((each) => opened().append(each, signal)));

  const { checkpoints, unreadable } = await opened().list(signal);
  expect(checkpoints.map(({ checkpoint: { seq } }) => seq).sort((a, b) => a - b)).toEqual(all.map(({ seq }) => seq));
  expect(unreadable).toEqual([]);
});

test("Z4 a line that a crash cut short is named, and does not swallow the next one", async () => {
  await opened().append(checkpoint, signal);
  await appendFile(file, '{"at":"2026');

  await opened().append(checkpoint, signal);

  const { checkpoints, unreadable } = await opened().list(signal);
  expect(checkpoints.map(({ line }) => line)).toEqual([1, 3]);
  expect(unreadable).toEqual([2]);
});

test("Z4 lines that are no checkpoint are named, not believed", async () => {
  await opened().append(checkpoint, signal);
  const line = JSON.parse(await readFile(file, "utf8")) as { checkpoint: object };
  const bad = [{ seq: -1 }, { seq: "7" }, { hash: "x" }, { chain: { kind: "user", id: "d" } }, { atMs: 1e300 }];
  const lines = bad.map((more) => JSON.stringify({ ...line, checkpoint: { ...line.checkpoint, ...more } }));
  await writeFile(file, ["null", "7", "[]", "nonsense", ...lines, ""].join("\n"));

  expect(await opened().list(signal)).toEqual({ checkpoints: [], unreadable: [1, 2, 3, 4, 5, 6, 7, 8, 9] });
});

test("Z4 a file that cannot be written or read says which and why", async () => {
  const inTheWay = checkpointFile({ file: folder, keyFile: null, allowedSigners: null });

  await expect(inTheWay.append(checkpoint, signal)).rejects.toMatchObject({
    failure: { code: "STATE_UNWRITABLE", message: expect.stringContaining("EISDIR") },
  });
  await expect(inTheWay.list(signal)).rejects.toMatchObject({ failure: { code: "STATE_UNWRITABLE" } });
});

function sshKeygenMissing(): boolean {
  try {
    execFileSync("ssh-keygen", ["-l", "-f", "/dev/null"], { stdio: "ignore" });
    return false;
  } catch (thrown) {
    return (thrown as { code?: string }).code === "ENOENT";
  }
}
const missing = sshKeygenMissing();
if (missing) console.warn("SKIPPED: signed checkpoints need ssh-keygen (package openssh-client)");

describe.skipIf(missing)("Z4 signed checkpoints", () => {
  async function makeKey(name: string, passphrase = ""): Promise<{ key: string; signer: string }> {
    const key = join(folder, name);
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", key]);
    return { key, signer: `${name} ${await readFile(`${key}.pub`, "utf8")}` };
  }
  const signatures = async (signers: string | null) =>
    (await opened(null, signers).list(signal)).checkpoints.map(({ signature }) => signature);

  test("Z4 a signature by a trusted key holds; without one to trust it is unproven; another key is no proof", async () => {
    const [ours, other] = [await makeKey("ours"), await makeKey("other")];
    await opened(ours.key).append(checkpoint, signal);
    await opened().append(checkpoint, signal);

    expect(await signatures(`${other.signer}${ours.signer}`)).toEqual([
      { kind: "trusted", by: "ours" },
      { kind: "none" },
    ]);
    expect((await signatures(null))[0]).toMatchObject({ kind: "unproven", reason: expect.stringContaining("SHA256:") });
    expect((await signatures(other.signer))[0]).toMatchObject({
      kind: "invalid",
      reason: expect.stringContaining("not among the trusted keys"),
    });
  });

  test("Z4 any change of a signed line is found", async () => {
    const { key, signer } = await makeKey("ours");
    await opened(key).append(checkpoint, signal);
    const line = JSON.parse(await readFile(file, "utf8")) as { checkpoint: Checkpoint };
    const changes: Partial<Checkpoint>[] = [
      { seq: 6 },
      { hash: "cd".repeat(32) },
      { ledgerId: "other" },
      { atMs: 1 },
      { chain: { kind: "environment", id: checkpoint.chain.id } },
    ];
    const changed = changes.map((more) => ({ ...line, checkpoint: { ...line.checkpoint, ...more } }));
    await writeFile(file, changed.map((each) => `${JSON.stringify(each)}\n`).join(""));

    for (const trusted of [signer, null]) {
      const found = await signatures(trusted);
      expect(found).toHaveLength(changes.length);
      for (const signature of found)
        expect(signature).toEqual({ kind: "invalid", reason: "it was changed after it was signed" });
    }
  });

  test("Z4 what is signed can be checked without Sluice, and a key for something else is not taken", async () => {
    const { key, signer } = await makeKey("ours");
    await opened(key).append(checkpoint, signal);
    const line = JSON.parse(await readFile(file, "utf8")) as { checkpoint: object; signature: string };
    await writeFile(join(folder, "sig"), line.signature);
    await writeFile(join(folder, "signers"), signer);
    const text = JSON.stringify(line.checkpoint);

    const verified = execFileSync(
      "ssh-keygen",
      ["-Y", "verify", "-f", "signers", "-I", "ours", "-n", "sluice-checkpoint", "-s", "sig"],
      { cwd: folder, input: text, encoding: "utf8" },
    );

    expect(verified).toContain('Good "sluice-checkpoint" signature');
    expect((await signatures(signer.replace("ours ", 'ours namespaces="git" ')))[0]?.kind).toBe("invalid");
  });

  test("Z4 a key that is absent, not ours to read or has a passphrase fails with what to look at, and asks nobody", async () => {
    const locked = await makeKey("locked", "secret words");
    const open = await makeKey("open");
    await chmod(open.key, 0o644);

    for (const key of [join(folder, "absent"), locked.key, open.key]) {
      await expect(opened(key).append(checkpoint, signal), key).rejects.toMatchObject({
        failure: { code: "COMMAND_FAILED", hint: expect.stringContaining("ssh-keygen -l -f") },
      });
    }
    expect((await opened().list(signal)).checkpoints).toEqual([]);
  });

  test("Z4 where ssh-keygen is absent a signature is unproven, not good and not bad", async () => {
    const { key, signer } = await makeKey("ours");
    await opened(key).append(checkpoint, signal);
    const empty = join(folder, "logs");
    vi.stubEnv("PATH", empty);

    const found = await signatures(signer).finally(() => vi.unstubAllEnvs());

    expect(found[0]).toMatchObject({ kind: "unproven", reason: expect.stringContaining("cannot be checked here") });
    expect(await readdir(empty)).toEqual(["audit-checkpoints.jsonl"]);
  });
});
