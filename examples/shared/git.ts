/**
 * git for the examples' repositories: real, and the same on every machine, since nothing is taken from the user's git
 * configuration, name or clock.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Tree } from "./edits.ts";

const run = promisify(execFile);
const firstCommitAtS = Date.parse("2026-11-02T09:00:00Z") / 1000;
const author = { name: "Ada Okafor", email: "ada@shop.example" };

export type Git = (...args: readonly string[]) => Promise<string>;

export function gitIn(folder: string): Git {
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

export async function writeTree(folder: string, tree: Tree, before: Tree | undefined): Promise<void> {
  for (const [path, content] of tree) {
    if (before?.get(path) === content) continue;
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

/** An example's sources, without what a build or a run leaves behind. */
export async function readTree(folder: string): Promise<Tree> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const paths = files.map((file) => file.slice(folder.length + 1).replaceAll("\\", "/")).sort();
  const sources = paths.filter((path) => !/^(dist|node_modules)\/|\.db(-\w+)?$/.test(path));
  return new Map(
    await Promise.all(sources.map(async (path) => [path, await readFile(join(folder, path), "utf8")] as const)),
  );
}
