/** P3 P4 with real SSH keys at the real command line: who counts, who does not, and what the waiting command's exit code is. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type JsonLine, jsonLines, type Ran, type TinyProject, tinyProject, told } from "./project.ts";

const people = ["ada", "bob", "carol", "mallory"] as const;
let keys: string;
let project: TinyProject;

const keyOf = (person: string): string => join(keys, person);
const last = (ran: Ran): JsonLine => jsonLines(ran).at(-1) ?? {};

beforeAll(async () => {
  keys = mkdtempSync(join(tmpdir(), "tiny-keys-"));
  for (const person of people) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", person, "-f", keyOf(person)]);
  }
  const signers = join(keys, "allowed_signers");
  const known = people.filter((person) => person !== "mallory");
  writeFileSync(signers, known.map((person) => `${person} ${readFileSync(`${keyOf(person)}.pub`, "utf8")}`).join(""));
  project = await tinyProject({
    environment: {
      approvals: `{ required: 2, approvers: [ada, bob, carol], allowedSigners: ${JSON.stringify(signers)}, wait: 0s, timeout: 5m }`,
    },
  });
});

afterAll(async () => {
  await project?.stop();
  if (keys) rmSync(keys, { recursive: true });
});

/** Started by ada; leaves with 8 while it waits. */
async function waiting(version: string): Promise<string> {
  const ran = await project.sluice("deploy", "production", version, "--json");
  expect(ran.exitCode, told(ran)).toBe(8);
  expect(last(ran)).toMatchObject({ type: "left", state: "waiting", exitCode: 8 });
  return last(ran).deployment ?? "";
}

const vote = (what: "approve" | "reject", id: string, person: string, key = keyOf(person)): Promise<Ran> =>
  project.sluiceAs(person, what, id, "--key", key, "--json");

test("P3 two approvers' signatures start it; starter, strangers and wrong keys do not count", {
  timeout: 120_000,
}, async () => {
  const id = await waiting("v1.0.0");

  for (const [person, key] of [
    ["ada", keyOf("ada")],
    ["mallory", keyOf("mallory")],
    ["bob", keyOf("mallory")],
    ["bob", keyOf("carol")],
  ] as const) {
    const refused = await vote("approve", id, person, key);
    expect(refused.exitCode, `${person} with ${key}: ${told(refused)}`).toBe(3);
    expect(last(refused).error?.code).toBe("APPROVAL_INVALID");
  }
  const declared = await project.sluiceAs("bob", "approve", id, "--json");
  expect(declared.exitCode, `a word without a signature: ${told(declared)}`).toBe(3);
  expect(await project.instances(), "nothing has started").toEqual([]);

  const first = await vote("approve", id, "bob");
  expect(first.exitCode, told(first)).toBe(0);
  const again = await vote("approve", id, "bob");
  expect([0, 3], told(again)).toContain(again.exitCode);
  const between = await project.sluice("resume", id, "--json");
  expect(between.exitCode, `bob counts once: ${told(between)}`).toBe(8);

  const second = await vote("approve", id, "carol");
  expect(second.exitCode, told(second)).toBe(0);
  const followed = await project.sluice("logs", id, "--follow", "--json");
  expect(followed.exitCode, told(followed)).toBe(0);
  expect((await project.ask())?.version).toBe("v1.0.0");
});

test("P3 a rejection ends it with 3, and nothing was touched", { timeout: 120_000 }, async () => {
  const id = await waiting("v1.1.0");

  const rejected = await vote("reject", id, "carol");
  expect(rejected.exitCode, told(rejected)).toBe(0);
  const followed = await project.sluice("logs", id, "--follow", "--json");

  expect(followed.exitCode, told(followed)).toBe(3);
  expect((await project.ask())?.version).toBe("v1.0.0");
  const late = await vote("approve", id, "bob");
  expect(late.exitCode, told(late)).toBe(3);
});

test("P4 a waiting deployment survives its worker; whoever goes on, resume ends with the final exit code", {
  timeout: 120_000,
}, async () => {
  const id = await waiting("v1.2.0");
  const worker = (await project.processes()).find(({ kind }) => kind === "worker");
  if (worker) process.kill(worker.pid, "SIGKILL");

  for (const person of ["bob", "carol"]) {
    const voted = await vote("approve", id, person);
    expect(voted.exitCode, told(voted)).toBe(0);
  }
  const resumed = await project.sluice("resume", id, "--wait", "--json");

  expect(resumed.exitCode, told(resumed)).toBe(4);
  expect(last(resumed)).toMatchObject({ outcome: "rolled-back", servesNow: "v1.0.0" });
});

test("P4 while it waits it can be cancelled (9), and no process of ours is left", { timeout: 120_000 }, async () => {
  const id = await waiting("v1.1.0");

  const cancelled = await project.sluice("cancel", id, "--reason", "wrong release", "--json");
  expect(cancelled.exitCode, told(cancelled)).toBe(0);
  const followed = await project.sluice("logs", id, "--follow", "--json");

  expect(followed.exitCode, told(followed)).toBe(9);
  await project.settled();
  expect((await project.processes()).map(({ kind }) => kind).sort()).toEqual(["instance", "router"]);
});

test("P3 P4 in CI, where the command runs it itself, it leaves with 8 too, and a later command goes on to the end", {
  timeout: 120_000,
}, async () => {
  const ran = await project.sluiceWith({ CI: "true" }, "deploy", "production", "v1.1.0", "--json");

  expect(ran.exitCode, told(ran)).toBe(8);
  const { deployment: id = "" } = last(ran);
  expect(last(ran)).toMatchObject({ type: "left", state: "waiting", exitCode: 8 });
  for (const person of ["bob", "carol"]) {
    const voted = await vote("approve", id, person);
    expect(voted.exitCode, told(voted)).toBe(0);
  }
  const later = await project.sluice("resume", id, "--wait", "--json");

  expect(later.exitCode, told(later)).toBe(0);
  expect((await project.ask())?.version).toBe("v1.1.0");
});
