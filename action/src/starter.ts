/**
 * How Sluice is started on this runner: the one place that knows. Today that is the command line with a ledger in PostgreSQL; what
 * asks a server instead would be another starter, and nothing else of the launcher would notice.
 *
 * The program lies in the runner's tool cache, not in its temporary folder: a deployment's own process outlives the job, and
 * runners empty that folder between jobs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Inputs, Misuse, type Variables } from "./inputs.ts";

export interface Starter {
  /** The program and the words that stand before a command's own. */
  readonly argv: readonly [string, ...string[]];
  readonly variables: NodeJS.ProcessEnv;
}

export function chooseStarter({ version, command }: Inputs, variables: Variables): Starter {
  const ownFolder = variables["RUNNER_TOOL_CACHE"];
  if (!ownFolder) throw new Misuse("RUNNER_TOOL_CACHE is not set: this runs as a step of a GitHub job.");
  if (command !== "validate" && command !== "check-workflows") refuseForgetful(variables);
  const folder = join(ownFolder, "sluice", version, process.arch);
  const done = `${folder}.complete`;
  if (!existsSync(done)) {
    install(version, folder, variables);
    writeFileSync(done, "");
  }
  return {
    argv: [nodeFor(variables), mainOf(join(folder, "node_modules", "sluice"), version)],
    variables: ownOf(variables),
  };
}

/** A ledger on a machine that is thrown away holds no lock, no approval and no version to go back to. */
function refuseForgetful({ RUNNER_ENVIRONMENT, SLUICE_DATABASE_URL }: Variables): void {
  if (RUNNER_ENVIRONMENT !== "github-hosted" || SLUICE_DATABASE_URL) return;
  throw new Misuse(
    "This runner is thrown away after the job, and with it a ledger of its own. Give the step SLUICE_DATABASE_URL, from a secret, " +
      "with the URL of a PostgreSQL database that stays; or use a runner of your own.",
  );
}

function install(version: string, folder: string, variables: Variables): void {
  const started = Date.now();
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  writeFileSync(join(fresh, "package.json"), '{ "private": true }\n');
  const words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--", `sluice@${version}`];
  try {
    execFileSync("npm", words, { cwd: fresh, env: ownOf(variables), stdio: ["ignore", "ignore", "pipe"] });
  } catch (thrown) {
    rmSync(fresh, { recursive: true, force: true });
    const said = String((thrown as { readonly stderr?: unknown }).stderr ?? thrown).slice(-1_000);
    throw new Misuse(`sluice@${version} could not be installed from npm: ${said}`);
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(fresh, folder);
  console.log(`installed sluice ${version} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** What was installed must be what was asked for. */
function mainOf(folder: string, version: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly version?: string;
    readonly bin?: Readonly<Record<string, string>>;
  };
  const main = manifest.bin?.["sluice"];
  if (manifest.version !== version || main === undefined)
    throw new Misuse(
      `${folder} holds sluice ${manifest.version}, not ${version}. Remove that folder, and run it again.`,
    );
  return join(folder, main);
}

/** The job's own Node where it is new enough: that of the runner is replaced whenever the runner updates itself. */
function nodeFor(variables: Variables): string {
  try {
    const script = "console.log(process.execPath + ' ' + process.versions.node)";
    const said = execFileSync("node", ["-e", script], { encoding: "utf8", env: { PATH: variables["PATH"] } }).trim();
    const [, path, major, minor] = /^(.*) (\d+)\.(\d+)\./.exec(said) ?? [];
    if (path !== undefined && Number(major) * 100 + Number(minor) >= 2218) return path;
  } catch {
    // There is none: the runner's own it is.
  }
  return process.execPath;
}

/**
 * Without the mark by which a runner ends everything a job has left, the deployed processes first of all; and without what only
 * the runner and this launcher are to write to or to sign with.
 */
function ownOf(variables: Variables): NodeJS.ProcessEnv {
  const kept = Object.entries(variables).filter(([name]) => !/^(INPUT_|ACTIONS_)|^RUNNER_TRACKING_ID$/.test(name));
  const files = ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];
  const person = variables["GITHUB_TRIGGERING_ACTOR"] || variables["GITHUB_ACTOR"];
  return {
    ...Object.fromEntries(kept.filter(([name]) => !files.includes(name))),
    NO_COLOR: "1",
    ...(person ? { SLUICE_USER: person } : {}),
  };
}
