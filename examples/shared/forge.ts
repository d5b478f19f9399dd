/**
 * A project at a SIMULATED GitHub (test/github): a real bare repository that people push to, a server that shows what GitHub would
 * show of it, and a CI that really runs the release's own commands on what was pushed. Only GitHub is not there.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Description, officialDescription } from "../../test/github/description.ts";
import { receivePush } from "../../test/github/push.ts";
import { type SimulatedGithub, simulatedGithub } from "../../test/github/simulated-github.ts";
import { checkOn, concludeCheck, emptyRepository, type SimulatedRepository } from "../../test/github/world.ts";
import { installed } from "../../test/heavy/installed.ts";
import { applyEdits, type Change, type Tree } from "./edits.ts";
import { type Git, gitIn, writeTree } from "./git.ts";
import type { ExamplePlace } from "./place.ts";

export interface Push extends Change {
  /** First line of the commit. */
  readonly subject: string;
  /** Whose sources it is made of: the first release's own, or those of an earlier tag. */
  readonly base?: string;
}

/** Name of a check → what it runs in the release's folder, with node. */
export type Jobs = Readonly<Record<string, readonly string[]>>;

export interface Pushed {
  readonly tag: string;
  readonly commit: string;
  /** When every job has ended: did all of them succeed? */
  readonly ci: Promise<boolean>;
}

export interface ExampleForge {
  readonly url: string;
  readonly token: string;
  readonly repository: SimulatedRepository;
  /** Is every request held against GitHub's own description? Not where npm could not install it. */
  readonly isJudged: boolean;
  /** Where requests or answers were not what the description allows; empty is what is promised. */
  readonly violations: readonly string[];
  /** `whenAsked`: CI's runners are busy until somebody has asked for the commit's checks once, so that there is a wait to be seen. */
  push(push: Push, ciBegins?: "at once" | "whenAsked"): Promise<Pushed>;
  close(): Promise<void>;
}

export interface ForgeOptions {
  readonly place: ExamplePlace;
  /** `acme/shop` */
  readonly name: string;
  /** The first release. */
  readonly sources: Tree;
  readonly jobs: Jobs;
  /** File names of the workflows that it has. */
  readonly workflows?: readonly string[];
}

export async function openForge({ place, name, sources, jobs, workflows = [] }: ForgeOptions): Promise<ExampleForge> {
  const [owner = "", project = ""] = name.split("/");
  const repository = emptyRepository(owner, project);
  repository.workflows.push(...workflows);
  const description = await descriptionOrNone();
  const github = await simulatedGithub({ description: description ?? allowsEverything, repository });
  const token = `ghp_${crypto.randomUUID().replaceAll("-", "")}`;
  github.tokens.set(token, { kind: "classic", login: "sluice-bot", scopes: ["repo"] });
  const bare = join(place.folder, "origin.git");
  const author = await makeRepositories(bare, place);
  const trees = new Map<string, Tree>();

  return {
    url: github.url,
    token,
    repository,
    isJudged: description !== undefined,
    violations: github.violations,
    async push(push, ciBegins = "at once") {
      const tree = applyEdits(trees.get(push.base ?? "") ?? sources, push);
      trees.set(push.tag, tree);
      const commit = await commitAndPush(author, tree, push);
      await receivePush(repository, bare);
      return { tag: push.tag, commit, ci: runJobs(github, { bare, place, jobs, tag: push.tag, commit, ciBegins }) };
    },
    close: async () => {
      github.violations.length = 0;
      await github[Symbol.asyncDispose]();
    },
  };
}

const allowsEverything: Description = { requestFaults: () => [], answerFaults: () => [], webhookFaults: () => [] };

async function descriptionOrNone(): Promise<Description | undefined> {
  const folder = await installed("github-openapi");
  return folder === undefined ? undefined : officialDescription(folder);
}

interface Author {
  readonly git: Git;
  readonly folder: string;
}

async function makeRepositories(bare: string, { folder }: ExamplePlace): Promise<Author> {
  const author = join(folder, "author");
  await mkdir(author);
  const git = gitIn(author);
  await git("init", "--quiet", "--template=", "--bare", "--initial-branch=main", bare);
  await git("init", "--quiet", "--template=", "--initial-branch=main");
  await git("remote", "add", "origin", bare);
  return { git, folder: author };
}

/** The tree becomes exactly this: what a release took away is gone. */
async function commitAndPush({ git, folder }: Author, tree: Tree, { tag, subject }: Push): Promise<string> {
  await git("rm", "--quiet", "-r", "--ignore-unmatch", ".");
  await writeTree(folder, tree, undefined);
  await git("add", "--all");
  await git("commit", "--quiet", "--message", subject);
  await git("tag", "--annotate", "--message", `${tag}: ${subject}`, tag);
  await git("push", "--quiet", "origin", "main", tag);
  return git("rev-parse", "HEAD");
}

interface CiRun {
  readonly bare: string;
  readonly place: ExamplePlace;
  readonly jobs: Jobs;
  readonly tag: string;
  readonly commit: string;
  readonly ciBegins: "at once" | "whenAsked";
}

const longestWaitMs = 60_000;

/** All checks are under way at once, and end one after the other, each by what its command said. */
async function runJobs({ repository, asked }: SimulatedGithub, run: CiRun): Promise<boolean> {
  const checks = Object.entries(run.jobs).map(([name, argv]) => {
    return { argv, check: checkOn(repository, run.commit, name, null) };
  });
  const before = asked.length;
  const endsAtMs = Date.now() + longestWaitMs;
  const isDue = () => run.ciBegins === "at once" || asked.slice(before).some((route) => route.endsWith("/check-runs"));
  while (!isDue() && Date.now() < endsAtMs) await pause(50);
  const folder = join(run.place.folder, `ci-${run.tag}`);
  await gitIn(run.place.folder)("clone", "--quiet", "--branch", run.tag, run.bare, folder);
  let isGreen = true;
  for (const { argv, check } of checks) {
    const succeeded = await runsWell(argv, folder);
    concludeCheck(repository, check, succeeded ? "success" : "failure");
    isGreen &&= succeeded;
  }
  await rm(folder, { recursive: true, force: true });
  return isGreen;
}

async function runsWell(argv: readonly string[], folder: string): Promise<boolean> {
  const child = spawn(process.execPath, argv, {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "" },
    stdio: "ignore",
    timeout: 60_000,
  });
  const [exitCode] = await once(child, "close");
  return exitCode === 0;
}
