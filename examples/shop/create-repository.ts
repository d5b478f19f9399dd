/**
 * Makes the shop's git repository: a real one, with the releases as annotated tags. The same sources give the same
 * commit ids on every machine, since nothing is taken from the user's git configuration, name or clock.
 */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { applyEdits, type Tree } from "../shared/edits.ts";
import { type Git, gitIn, readTree, writeTree } from "../shared/git.ts";
import { type ShopRelease, shopReleases } from "./releases/releases.ts";

const sourceFolder = join(import.meta.dirname, "app");

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
