/**
 * The project's git repository through the git binary, read only. Names of refs come from people and webhooks: they are
 * checked here, always given fully qualified, and never where git could take them for an option. The repository's hooks
 * and the system's configuration play no part.
 */
import { mkdir, mkdtemp, rename, rm, rmdir, statfs } from "node:fs/promises";
import { resolve as absolute, dirname, join } from "node:path";
import { diskFull, SluiceError } from "../../domain/errors.ts";
import type { Commit, Source } from "../../ports/source.ts";
import { type CommandResult, runCommand } from "../run-command.ts";

const hexId = /^[0-9a-f]{40}([0-9a-f]{24})?$/;
const shortHexId = /^[0-9a-f]{7,64}$/;
/** The safe part of git's own rules (git-check-ref-format) and a little less. */
const refName = /^(?!-)(?!.*\.\.)(?!.*@\{)(?!.*\/\/)(?!\/)[^\s\p{Cc}~^:?*[\\]+(?<![/.])$/u;
const commitFormat = "--format=%H%x00%an%x00%ae%x00%ct%x00%s";
const isolation = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.quotePath", "false"],
  ["protocol.ext.allow", "never"],
  ["log.showSignature", "false"],
].flatMap(([key, value]) => ["-c", `${key}=${value}`]);
const environment = { GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" };

type Git = (words: readonly string[], signal: AbortSignal, more?: GitOptions) => Promise<GitResult>;

interface GitOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that are answers; only 0 by default. */
  readonly accept?: readonly number[];
}

interface GitResult extends CommandResult {
  readonly lines: readonly string[];
}

/** Reads `repository`, the folder of a work tree or of a bare repository. Errors: REF_INVALID, REPOSITORY_UNREADABLE. */
export function gitSource({ repository }: { readonly repository: string }): Source {
  const git: Git = (words, signal, more = {}) => runGit(repository, words, signal, more);

  return {
    async resolve({ kind, name }, signal) {
      if (!refName.test(name) || name.endsWith(".lock")) throw invalidRef(kind, name);
      const folder = kind === "tag" ? "refs/tags" : "refs/heads";
      const sha = await peel(git, `${folder}/${name}`, signal);
      return sha === undefined ? undefined : readCommit(git, sha, signal);
    },
    async commit(sha, signal) {
      const full = await fullCommitId(git, sha.toLowerCase(), signal);
      return full === undefined ? undefined : readCommit(git, full, signal);
    },
    async changes(from, to, limit, signal) {
      const ids = [to, ...(from === undefined ? [] : [from])].map(requireFullId);
      const range = from === undefined ? [to] : [to, `^${from}`];
      if (limit < 1) return [];
      await Promise.all(ids.map((id) => requireCommit(git, repository, id, signal)));
      const { lines } = await git(["log", commitFormat, `--max-count=${limit}`, "--end-of-options", ...range], signal);
      return lines.map(parseCommit);
    },
    async dirtyPaths(signal) {
      const words = ["status", "--porcelain=v1", "--untracked-files=all", "--no-renames", "--ignore-submodules=none"];
      const { lines } = await git(words, signal);
      return lines.map((line) => line.slice(3));
    },
    async exportTree(sha, folder, signal) {
      const id = requireFullId(sha);
      await requireCommit(git, repository, id, signal);
      await exportWhole(git, repository, id, absolute(folder), signal);
    },
  };
}

async function runGit(
  repository: string,
  words: readonly string[],
  signal: AbortSignal,
  more: GitOptions,
): Promise<GitResult> {
  const lines: string[] = [];
  const result = await runCommand({
    argv: ["git", "-C", repository, ...isolation, ...words],
    env: { ...environment, ...more.env },
    signal,
    onLine: (line, stream) => {
      if (stream === "stdout") lines.push(line);
    },
  });
  if ((more.accept ?? [0]).includes(result.exitCode)) return { ...result, lines };
  const command = words[0] === "-C" ? words[2] : words[0];
  throw unreadable(repository, `git ${command} ended with exit code ${result.exitCode}`, result.stderrTail);
}

/** The commit that a full name stands for, tags peeled; undefined where there is none (git's exit code 1, said quietly). */
async function peel(git: Git, name: string, signal: AbortSignal): Promise<string | undefined> {
  const words = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`];
  const { exitCode, lines } = await git(words, signal, { accept: [0, 1] });
  return exitCode === 0 ? lines[0] : undefined;
}

/**
 * Looked up among objects only: `rev-parse` would take a branch that is named like an abbreviation for the commit.
 * An abbreviation of several commits is REF_INVALID.
 */
async function fullCommitId(git: Git, sha: string, signal: AbortSignal): Promise<string | undefined> {
  if (!shortHexId.test(sha)) throw invalidRef("commit", sha);
  if (hexId.test(sha)) return peel(git, sha, signal);
  const { lines } = await git(["rev-parse", `--disambiguate=${sha}`], signal);
  const peeled = await Promise.all(lines.map((id) => peel(git, id, signal)));
  const commits = lines.filter((id, index) => peeled[index] === id);
  if (commits.length > 1) throw invalidRef("commit", sha, `it stands for ${commits.length} commits; give more digits`);
  return commits[0];
}

async function readCommit(git: Git, sha: string, signal: AbortSignal): Promise<Commit> {
  const { lines } = await git(["log", commitFormat, "--max-count=1", "--end-of-options", sha], signal);
  return parseCommit(lines[0] ?? "");
}

function parseCommit(line: string): Commit {
  const [sha = "", author = "", authorEmail = "", seconds = "0", subject = ""] = line.split("\0");
  return { sha, author, authorEmail, committedAtMs: Number(seconds) * 1000, subject };
}

/**
 * Writes the tree beside `folder` and renames it there, so that it is whole or absent. Everything that is committed is
 * written: other than `git archive`, this leaves nothing out that `.gitattributes` says not to export.
 */
async function exportWhole(
  git: Git,
  repository: string,
  sha: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const workshop = await mkdtemp(`${folder}.partial-`);
  const tree = join(workshop, "tree");
  const env = { GIT_INDEX_FILE: join(workshop, "index"), GIT_WORK_TREE: tree };
  try {
    await mkdir(tree);
    const { lines: gitFolder } = await git(["rev-parse", "--absolute-git-dir"], signal);
    const inTree = { env: { ...env, GIT_DIR: gitFolder[0] ?? "" } };
    const inside: Git = (words, aborted) => git(["-C", tree, ...words], aborted, inTree);
    await inside(["read-tree", "--end-of-options", sha], signal);
    await refuseSubmodules(inside, repository, signal);
    await inside(["checkout-index", "--all"], signal);
    await replaceEmpty(tree, folder);
  } catch (thrown) {
    // git says which file it could not write, never why.
    if (await isFull(workshop)) throw new SluiceError(diskFull("adapters.git", `${folder} could not be written.`));
    throw thrown;
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

const fullBelowBytes = 256 * 1024;

async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < fullBelowBytes;
}

async function refuseSubmodules(git: Git, repository: string, signal: AbortSignal): Promise<void> {
  const { lines } = await git(["ls-files", "--stage"], signal);
  const submodules = lines.filter((line) => line.startsWith("160000 ")).map((line) => line.split("\t")[1]);
  if (submodules.length === 0) return;
  throw unreadable(
    repository,
    `the commit has submodules (${submodules.join(", ")}), whose files it does not hold`,
    "",
  );
}

async function replaceEmpty(tree: string, folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await rename(tree, folder);
}

function requireFullId(sha: string): string {
  if (hexId.test(sha)) return sha;
  throw invalidRef("commit", sha, "all its digits are needed here");
}

async function requireCommit(git: Git, repository: string, sha: string, signal: AbortSignal): Promise<void> {
  if ((await peel(git, sha, signal)) === sha) return;
  throw unreadable(repository, `it has no commit ${sha}; a shallow clone lacks older ones`, "");
}

function invalidRef(kind: string, name: string, why = "the name cannot be one"): SluiceError {
  return new SluiceError({
    code: "REF_INVALID",
    remedy: "operator",
    at: "adapters.git",
    message: `${JSON.stringify(name.slice(0, 100))} is not a ${kind}: ${why}.`,
    hint: "List what there is: git tag --list; git branch --list",
  });
}

function unreadable(repository: string, why: string, stderr: string): SluiceError {
  return new SluiceError({
    code: "REPOSITORY_UNREADABLE",
    remedy: "operator",
    at: "adapters.git",
    message: `The repository ${repository} cannot be read: ${why}.`,
    hint: `Try it by hand: git -C ${repository} status; complete a shallow clone with: git fetch --unshallow --tags`,
    ...(stderr === "" ? {} : { evidence: stderr }),
  });
}
