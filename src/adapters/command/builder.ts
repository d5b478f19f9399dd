/**
 * Builds a commit on this machine: its tree is exported, each component's commands run in it, and the digest of the whole
 * is what gets approved and deployed. All components share the one tree.
 *
 *     <artifacts folder>/<commit, 12 digits>-<hash of the commands>/<try>/tree    + digest.json, written last
 *
 * Every try has a folder of its own, so that a command that outlived a killed Sluice cannot write into a later try's tree.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import type { Artifact } from "../../domain/release.ts";
import { Secret } from "../../domain/secret.ts";
import type { Builder, BuildRequest } from "../../ports/builder.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Source } from "../../ports/source.ts";
import { readJson, writeDurably } from "../durable-file.ts";
import { withFileLock } from "../file-lock.ts";
import { type CommandEnvironment, runCommand, tailOf } from "../run-command.ts";
import { treeDigest } from "../tree-digest.ts";

export interface CommandBuilderOptions {
  readonly source: Source;
  /** Absolute. Environments may share it: the same commit built by the same commands is built once. */
  readonly artifactsFolder: string;
  readonly clock: Clock;
  /** What build commands see besides PATH, HOME, LANG, TMPDIR and NODE_ENV=production. */
  readonly environment: CommandEnvironment;
}

interface Finished {
  readonly digest: string;
  readonly commit: string;
  readonly finishedAtMs: number;
}

type Log = (component: string, line: string) => void;

/** Another deployment may be building the same commit; its result is then ours. */
const waitForOtherBuildMs = 60 * 60 * 1000;

export function commandBuilder(options: CommandBuilderOptions): Builder {
  const { artifactsFolder, clock } = options;
  return {
    kind: "command",
    async build(request, log, signal) {
      const place = join(
        artifactsFolder,
        `${request.commit.slice(0, 12)}-${commandsHash(request, options.environment)}`,
      );
      await mkdir(place, { recursive: true });
      const lock = { clock, signal, waitMs: waitForOtherBuildMs };
      return withFileLock(join(artifactsFolder, ".locks", lockName(place)), lock, async () => {
        const tree = (await finishedTree(place, signal)) ?? (await buildTree(place, request, options, log, signal));
        return request.components.map(({ name }) => artifactOf(name, tree));
      });
    },
  };
}

interface Tree {
  readonly location: string;
  readonly digest: string;
}

const artifactOf = (component: string, { location, digest }: Tree): Artifact => ({
  component,
  digest,
  kind: "tree",
  location,
});

const lockName = (place: string): string => createHash("sha256").update(place).digest("hex").slice(0, 16);

/** What decides over the result. Of secrets the names only: their values leave no trace, not even a hash. */
function commandsHash(request: BuildRequest, environment: CommandEnvironment): string {
  const components = request.components.map(({ name, build }) => [name, build]);
  const variables = Object.entries(environment).map(([name, value]) => [name, value instanceof Secret ? null : value]);
  const facts = JSON.stringify([request.commit, components, variables.toSorted()]);
  return createHash("sha256").update(facts).digest("hex").slice(0, 12);
}

/**
 * A finished try whose tree still has its digest. One that was changed since is left alone, since something may be running
 * in it; one that was never finished is thrown away.
 */
async function finishedTree(place: string, signal: AbortSignal): Promise<Tree | undefined> {
  for (const name of (await readdir(place)).toSorted()) {
    const folder = join(place, name);
    const finished = await readJson<Finished>(join(folder, "digest.json"));
    if (finished === undefined) {
      // A command that outlived its Sluice may still be writing there; what cannot be removed now goes next time.
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
      continue;
    }
    const location = join(folder, "tree");
    const digest = await treeDigest(location, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (digest === finished.digest) return { location, digest };
  }
  return undefined;
}

async function buildTree(
  place: string,
  request: BuildRequest,
  options: CommandBuilderOptions,
  log: Log,
  signal: AbortSignal,
): Promise<Tree> {
  const folder = join(place, randomBytes(6).toString("hex"));
  try {
    return await buildIn(folder, request, options, log, signal);
  } catch (error) {
    // The error that matters is the build's; what stays behind goes with the next build.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

async function buildIn(
  folder: string,
  request: BuildRequest,
  options: CommandBuilderOptions,
  log: Log,
  signal: AbortSignal,
): Promise<Tree> {
  const location = join(folder, "tree");
  await options.source.exportTree(request.commit, location, signal);
  for (const { name, build } of request.components) {
    for (const argv of build) await runBuildCommand({ component: name, argv, location, options, log, signal });
  }
  const digest = await treeDigest(location, signal);
  const finished: Finished = { digest, commit: request.commit, finishedAtMs: options.clock.now() };
  await writeDurably(join(folder, "digest.json"), `${JSON.stringify(finished, null, 2)}\n`);
  return { location, digest };
}

interface BuildCommand {
  readonly component: string;
  readonly argv: readonly string[];
  readonly location: string;
  readonly options: CommandBuilderOptions;
  readonly log: Log;
  readonly signal: AbortSignal;
}

async function runBuildCommand({ component, argv, location, options, log, signal }: BuildCommand): Promise<void> {
  const lines: string[] = [];
  const shown = argv.join(" ");
  log(component, `$ ${shown}`);
  const { exitCode } = await runCommand({
    argv,
    cwd: location,
    env: { NODE_ENV: "production", ...options.environment },
    signal,
    onLine: (line) => {
      lines.push(line);
      if (lines.length > 50) lines.shift();
      log(component, line);
    },
  });
  if (exitCode === 0) return;
  throw new SluiceError({
    code: "BUILD_FAILED",
    remedy: "operator",
    at: "adapters.command.builder",
    message: `The build of ${component} failed: "${shown}" ended with exit code ${exitCode}.`,
    hint: "Nothing was deployed. Correct the build, then try it alone: sluice build",
    evidence: tailOf(lines.join("\n")),
  });
}
