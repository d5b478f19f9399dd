/** Which changes a tree's digest notices, and which it must not. */
import { createHash } from "node:crypto";
import { chmod, cp, mkdir, mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { treeDigest } from "./tree-digest.ts";

const never = new AbortController().signal;
let folder = "";
let tree = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-digest-"));
  tree = join(folder, "tree");
  await mkdir(join(tree, "bin"), { recursive: true });
  await mkdir(join(tree, "empty"));
  await writeFile(join(tree, "a.txt"), "one");
  await writeFile(join(tree, "bin", "run"), "two", { mode: 0o755 });
  await writeFile(join(tree, "large"), "");
  await truncate(join(tree, "large"), 3 * 1024 * 1024);
  await symlink("../a.txt", join(tree, "bin", "link"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("U1 the digest can be computed by anyone from the documented form", async () => {
  const sha256 = (text: string | Buffer) => createHash("sha256").update(text).digest("hex");
  const lines = [
    `f - ${sha256("one")} "a.txt"`,
    `d "bin"`,
    `l "bin/link" -> "../a.txt"`,
    `f x ${sha256("two")} "bin/run"`,
    `d "empty"`,
    `f - ${sha256(Buffer.alloc(3 * 1024 * 1024))} "large"`,
  ];

  expect(await treeDigest(tree, never)).toBe(`sha256:${sha256(lines.map((line) => `${line}\n`).join(""))}`);
});

test("U1 a copy elsewhere, at another time and with other permissions, has the same digest", async () => {
  const copy = join(folder, "copy");
  await cp(tree, copy, { recursive: true, verbatimSymlinks: true });
  await utimes(join(copy, "a.txt"), 1, 1);
  await chmod(join(copy, "a.txt"), 0o600);

  expect(await treeDigest(copy, never)).toBe(await treeDigest(tree, never));
});

test.for<[string, () => Promise<unknown>]>([
  ["a changed byte", () => writeFile(join(tree, "a.txt"), "onE")],
  ["a byte more in a large file", () => truncate(join(tree, "large"), 3 * 1024 * 1024 + 1)],
  ["another name", () => rename(join(tree, "a.txt"), join(tree, "b.txt"))],
  ["an executable bit", () => chmod(join(tree, "a.txt"), 0o755)],
  [
    "a link to elsewhere",
    async () => {
      await rm(join(tree, "bin", "link"));
      await symlink("../large", join(tree, "bin", "link"));
    },
  ],
  ["an empty folder gone", () => rm(join(tree, "empty"), { recursive: true })],
  ["a file more", () => writeFile(join(tree, "empty", "new"), "")],
])("T9 %s gives another digest", async ([, change]) => {
  const before = await treeDigest(tree, never);

  await change();

  expect(await treeDigest(tree, never)).not.toBe(before);
});

test("what cannot be copied is an error, not left out", async () => {
  const server = createServer().listen(join(tree, "socket"));
  await new Promise((resolve) => server.once("listening", resolve));

  await expect(treeDigest(tree, never)).rejects.toThrow("socket is neither a file, a folder nor a symbolic link");

  server.close();
});
