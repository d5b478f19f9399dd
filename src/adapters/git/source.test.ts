/** Real repositories, made with the git binary, with the names that people and attackers give to refs. */
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SluiceError } from "../../domain/errors.ts";
import { checkedCommand } from "../run-command.ts";
import { gitSource } from "./source.ts";

const never = new AbortController().signal;
let folder = "";
let repository = "";
const sha = { first: "", second: "", third: "" };

async function git(...words: string[]): Promise<string> {
  const { stdoutTail } = await checkedCommand(
    {
      argv: ["git", "-C", repository, ...words],
      env: {
        GIT_AUTHOR_NAME: "Ada Löve",
        GIT_AUTHOR_EMAIL: "ada@example.org",
        GIT_COMMITTER_NAME: "CI",
        GIT_COMMITTER_EMAIL: "ci@example.org",
        GIT_COMMITTER_DATE: "2026-11-20T12:00:00Z",
        GIT_CONFIG_NOSYSTEM: "1",
      },
      signal: never,
    },
    { code: "INTERNAL", at: "test", what: "git failed", hint: "" },
  );
  return stdoutTail;
}

async function commit(message: string): Promise<string> {
  await git("add", "--all");
  await git("commit", "--quiet", "--allow-empty", "--message", message);
  return git("rev-parse", "HEAD");
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-git-"));
  repository = join(folder, "repository");
  await mkdir(join(repository, "bin"), { recursive: true });
  await git("init", "--quiet", "--initial-branch=main");
  await writeFile(join(repository, "a.txt"), "one");
  await writeFile(join(repository, ".gitattributes"), "kept.txt export-ignore\n");
  await writeFile(join(repository, "kept.txt"), "kept");
  await writeFile(join(repository, "bin", "run"), "#!/bin/sh\n");
  await chmod(join(repository, "bin", "run"), 0o755);
  await symlink("../a.txt", join(repository, "bin", "link"));
  sha.first = await commit("First: it begins\n\nWith a body.");
  await git("tag", "--annotate", "v1.0.0", "--message", "one");
  await writeFile(join(repository, "a.txt"), "two");
  sha.second = await commit("Second");
  await git("tag", "v1.1.0-rc.1");
  await git("branch", "release/1.1");
  sha.third = await commit("Third");
  // A branch that is named like an abbreviated commit must not be taken for it.
  await git("update-ref", `refs/heads/${sha.first.slice(0, 8)}`, sha.third);
  await git("update-ref", "refs/tags/main", sha.first);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const source = () => gitSource({ repository });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error: SluiceError) => error.failure?.code ?? String(error),
  );

test("T5 a tag gives its commit with author, date and message, also an annotated one", async () => {
  const found = await source().resolve({ kind: "tag", name: "v1.0.0" }, never);

  expect(found).toEqual({
    sha: sha.first,
    author: "Ada Löve",
    authorEmail: "ada@example.org",
    committedAtMs: Date.parse("2026-11-20T12:00:00Z"),
    subject: "First: it begins",
  });
});

test("T5 a tag that is not in the repository is not found, and a branch is no tag", async () => {
  expect(await source().resolve({ kind: "tag", name: "v9.9.9" }, never)).toBeUndefined();
  expect(await source().resolve({ kind: "tag", name: "release/1.1" }, never)).toBeUndefined();
  expect((await source().resolve({ kind: "branch", name: "release/1.1" }, never))?.sha).toBe(sha.second);
});

test("T5 a tag and a branch of one name are told apart", async () => {
  expect((await source().resolve({ kind: "tag", name: "main" }, never))?.sha).toBe(sha.first);
  expect((await source().resolve({ kind: "branch", name: "main" }, never))?.sha).toBe(sha.third);
});

test("T5 a tag of something that is no commit is not found", async () => {
  await git("tag", "a-tree", "HEAD^{tree}");

  expect(await source().resolve({ kind: "tag", name: "a-tree" }, never)).toBeUndefined();
});

test.for([
  "--upload-pack=touch /tmp/x",
  "-v1",
  "v1 v2",
  "v1..v2",
  "v1\n",
  "v1^{tree}",
  "v1~1",
  "HEAD@{1}",
  "../heads/main",
  "",
  "a:b",
  "v1.lock",
  "v*",
])("T1 %j is refused as a name before git sees it", async (name) => {
  expect(await codeOf(source().resolve({ kind: "tag", name }, never))).toBe("REF_INVALID");
});

test("T5 a commit is found by its id, whole or abbreviated, and never by a branch named like it", async () => {
  expect((await source().commit(sha.first, never))?.sha).toBe(sha.first);
  expect((await source().commit(sha.first.slice(0, 8), never))?.sha).toBe(sha.first);
  expect((await source().commit(sha.second.toUpperCase(), never))?.sha).toBe(sha.second);
  expect(await source().commit("0".repeat(40), never)).toBeUndefined();
  expect(await source().commit("0000000", never)).toBeUndefined();
  expect(await codeOf(source().commit("main", never))).toBe("REF_INVALID");
});

test("P1 the change list is newest first, bounded, and without what was there before", async () => {
  const subjects = async (from: string | undefined, limit: number) =>
    (await source().changes(from, sha.third, limit, never)).map((each) => each.subject);

  expect(await subjects(sha.first, 10)).toEqual(["Third", "Second"]);
  expect(await subjects(undefined, 2)).toEqual(["Third", "Second"]);
  expect(await subjects(sha.third, 10)).toEqual([]);
  expect(await codeOf(source().changes("f".repeat(40), sha.third, 10, never))).toBe("REPOSITORY_UNREADABLE");
});

test("F7 uncommitted changes are listed by path", async () => {
  expect(await source().dirtyPaths(never)).toEqual([]);
  await writeFile(join(repository, "a.txt"), "three");
  await mkdir(join(repository, "new"));
  await writeFile(join(repository, "new", "größe.txt"), "");

  expect(await source().dirtyPaths(never)).toEqual(["a.txt", "new/größe.txt"]);

  await git("checkout", "--quiet", "a.txt");
  await rm(join(repository, "new"), { recursive: true });
});

test("T9 an exported tree is exactly what was committed, whatever the work tree holds", async () => {
  const target = join(folder, "exports", "first");
  await writeFile(join(repository, "a.txt"), "uncommitted");

  await source().exportTree(sha.first, target, never);

  expect((await readdir(target)).toSorted()).toEqual([".gitattributes", "a.txt", "bin", "kept.txt"]);
  expect(await readFile(join(target, "a.txt"), "utf8")).toBe("one");
  expect((await lstat(join(target, "bin", "run"))).mode & 0o111).not.toBe(0);
  expect(await readlink(join(target, "bin", "link"))).toBe("../a.txt");
  expect(await readdir(join(folder, "exports"))).toEqual(["first"]);
  expect(await source().dirtyPaths(never)).toEqual(["a.txt"]);
  await git("checkout", "--quiet", "a.txt");
});

test("T9 an export goes into an empty folder, and never over files", async () => {
  const target = join(folder, "taken");
  await mkdir(target);
  await source().exportTree(sha.first, target, never);

  await expect(source().exportTree(sha.second, target, never)).rejects.toThrow("ENOTEMPTY");

  expect(await readFile(join(target, "a.txt"), "utf8")).toBe("one");
  expect((await readdir(folder)).filter((name) => name.includes("partial"))).toEqual([]);
});

test("a bare repository serves as well", async () => {
  const bare = join(folder, "bare.git");
  await git("clone", "--quiet", "--bare", repository, bare);
  const fromBare = gitSource({ repository: bare });

  await fromBare.exportTree(sha.second, join(folder, "from-bare"), never);

  expect(await readFile(join(folder, "from-bare", "a.txt"), "utf8")).toBe("two");
});

test("a commit with a submodule is refused rather than exported without it", async () => {
  await git("update-index", "--add", "--cacheinfo", `160000,${sha.first},vendor/lib`);
  const tree = await git("write-tree");
  const withSubmodule = await git("commit-tree", tree, "-m", "submodule");
  await git("reset", "--quiet");

  expect(await codeOf(source().exportTree(withSubmodule, join(folder, "sub"), never))).toBe("REPOSITORY_UNREADABLE");
});

test("a folder that is no repository is an error, never 'no such tag'", async () => {
  const nowhere = gitSource({ repository: join(folder, "exports") });

  expect(await codeOf(nowhere.resolve({ kind: "tag", name: "v1.0.0" }, never))).toBe("REPOSITORY_UNREADABLE");
  expect(await codeOf(nowhere.dirtyPaths(never))).toBe("REPOSITORY_UNREADABLE");
});
