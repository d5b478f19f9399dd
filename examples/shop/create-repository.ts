/**
 * Makes the shop's git repository: a real one, with the releases as annotated tags. The same sources give the same
 * commit ids on every machine, since nothing is taken from the user's git configuration, name or clock.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { applyEdits, type ShopRelease, type Tree } from "./releases/release.ts";
import { shopReleases } from "./releases/releases.ts";

const run = promisify(execFile);
const sourceFolder = join(import.meta.dirname, "app");
const firstCommitAtS = Date.parse("2026-11-02T09:00:00Z") / 1000;
const author = { name: "Ada Okafor", email: "ada@shop.example" };

export interface ShopRepository {
  /** Tag → commit id. */
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Writes the repository into `folder`, which must be empty or missing. `extraFiles` (path → content) are committed with
 * the first release and so are in every one: a deployment's configuration must not make the tree dirty.
 */
export async function createShopRepository(
  folder: string,
  extraFiles: Readonly<Record<string, string>> = {},
): Promise<ShopRepository> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new Error(`The folder ${folder} is not empty.`);
  const git = gitIn(folder);
  await git("init", "--quiet", "--template=", "--initial-branch=main");

  const trees = new Map<string, Tree>();
  const source = new Map([...(await readTree(sourceFolder)), ...Object.entries(extraFiles)]);
  const tags: Record<string, string> = {};
  let head = "";
  for (const release of shopReleases) {
    const tree = applyEdits((release.base && trees.get(release.base)) || source, release);
    if (release.branch !== "main") await git("checkout", "--quiet", "-b", release.branch, `${release.base}^{commit}`);
    else if (release.base !== undefined && release.base !== head) await revertTo(git, release.base, head);
    await writeTree(folder, tree, trees.get(release.base ?? ""));
    tags[release.tag] = await commitAndTag(git, release);
    trees.set(release.tag, tree);
    head = release.tag;
  }
  // What is checked out in the end is main without its last bad release.
  await git("checkout", "--quiet", "main");
  await revertTo(git, "v1.3.0", "v1.6.0");
  return { tags };
}

type Git = (...args: readonly string[]) => Promise<string>;

function gitIn(folder: string): Git {
  let minutes = 0;
  return async (...args) => {
    const date = `${firstCommitAtS + 60 * minutes++} +0000`;
    const env = {
      PATH: process.env.PATH ?? "",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: devNull,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_DATE: date,
    };
    const settings = [`user.name=${author.name}`, `user.email=${author.email}`, `core.hooksPath=${devNull}`];
    const plain = ["core.autocrlf=false", "commit.gpgSign=false", "tag.gpgSign=false", "gc.auto=0"];
    const options = [...settings, ...plain].flatMap((setting) => ["-c", setting]);
    const { stdout } = await run("git", [...options, ...args], { cwd: folder, env });
    return stdout.trim();
  };
}

async function commitAndTag(git: Git, release: ShopRelease): Promise<string> {
  await git("add", "--all");
  await git("commit", "--quiet", "--message", release.subject);
  await git("tag", "--annotate", "--message", `Shop ${release.tag}: ${release.subject}`, release.tag);
  return git("rev-parse", "HEAD");
}

/** One commit that takes the faulty release away again. */
async function revertTo(git: Git, goodTag: string, badTag: string): Promise<void> {
  await git("read-tree", "-u", "--reset", `${goodTag}^{commit}`);
  await git("commit", "--quiet", "--message", `Revert ${badTag}, back to ${goodTag}`);
}

async function writeTree(folder: string, tree: Tree, before: Tree | undefined): Promise<void> {
  for (const [path, content] of tree) {
    if (before?.get(path) === content) continue;
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

/** The shop's sources, without what a build or a run leaves behind. */
async function readTree(folder: string): Promise<Tree> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const paths = files.map((file) => file.slice(folder.length + 1).replaceAll("\\", "/")).sort();
  const sources = paths.filter((path) => !/^(dist|node_modules)\/|\.db(-\w+)?$/.test(path));
  return new Map(
    await Promise.all(sources.map(async (path) => [path, await readFile(join(folder, path), "utf8")] as const)),
  );
}
