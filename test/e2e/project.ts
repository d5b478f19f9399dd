/**
 * A whole project on this machine for tests of the real thing: a git repository with releases of which some are bad, a
 * sluice.yaml with short waits, a background load, and the command line as people start it. Everything it starts carries
 * its folder in its command line, and is ended by pid when it is stopped.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { devNull, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "../../src/testing/router-world.ts";
import { endAll, eventually, processesOf } from "./processes.ts";
import { type TinyPlace, type TinyRelease, tinyConfiguration, tinyReleases, tinyTree } from "./tiny-release.ts";
import { ask, startTraffic, type Traffic } from "./traffic.ts";

const execute = promisify(execFile);
const mainFile = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface TinyOptions extends Partial<Pick<TinyPlace, "environment" | "more" | "component">> {
  readonly releases?: readonly TinyRelease[];
  /** With a SQLite database, migrations and backups. */
  readonly database?: boolean;
  /** Requests per second from the first; 0: no load. */
  readonly load?: number;
  /** Of every command; PATH and HOME are there. */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
}

/** One line of `--json`. */
export interface JsonLine {
  readonly type?: string;
  readonly deployment?: string;
  readonly outcome?: string;
  readonly exitCode?: number;
  readonly servesNow?: string | null;
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string };
  readonly failure?: { readonly code: string; readonly message: string; readonly hint: string } | null;
  readonly step?: string;
  readonly phase?: string;
  readonly title?: string;
  readonly attempt?: number;
  readonly detail?: Record<string, unknown>;
}

export type TinyProject = Awaited<ReturnType<typeof tinyProject>>;

export async function tinyProject(options: TinyOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), "tiny-"));
  // The database's account must get through where Sluice runs as root.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const databaseFile = options.database ? join(folder, "data", "main.sqlite") : undefined;
  if (databaseFile) makeDatabase(databaseFile);
  const { environment = {}, more = [], component = [], variables = {} } = options;
  const configure = (over: Readonly<Record<string, string>> = {}) =>
    tinyConfiguration({ folder, port, databaseFile, environment: { ...environment, ...over }, more, component });
  const git = gitIn(folder);
  await makeRepository(git, folder, options.releases ?? tinyReleases, configure());
  const traffic: Traffic | undefined = options.load === 0 ? undefined : startTraffic(port, options.load ?? 80);
  const children = new Set<ChildProcess>();

  const start = (args: readonly string[], given: Readonly<Record<string, string>> = {}): Running =>
    startSluice(children, [...args, "--project", folder], { ...variables, ...given });

  return {
    folder,
    port,
    git,
    traffic,
    databaseFile,
    stateFolder: join(folder, ".sluice"),
    logsFolder: join(folder, "deployment-logs"),
    start,
    sluice: (...args: string[]): Promise<Ran> => start(args).ended,
    sluiceAs: (person: string, ...args: string[]): Promise<Ran> => start([...args, "--as", person]).ended,
    sluiceWith: (given: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> => start(args, given).ended,
    ask: (path?: string) => ask(port, path),
    processes: () => processesOf(folder),
    /** The number of instances running now. */
    instances: async () => (await processesOf(folder)).filter(({ kind }) => kind === "instance"),
    /** Writes another sluice.yaml and commits it; tags stay where they are. */
    async configure(over: Readonly<Record<string, string>>) {
      writeFileSync(join(folder, "sluice.yaml"), configure(over));
      await git("commit", "--quiet", "--allow-empty", "--all", "--message", "Settings");
    },
    /** What is left of a deployment once everything ended: the router and the instances that serve. */
    settled: () => leftIdle(folder),
    /** Ends everything, then fails where something ran on that should have ended by itself. */
    async stop() {
      traffic?.stop();
      const leak = await leftIdle(folder).catch((thrown: unknown) => thrown);
      await endAll(folder);
      for (const child of children) child.unref();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
      if (leak instanceof Error) throw leak;
    },
  };
}

async function leftIdle(folder: string): Promise<void> {
  const busy = async () => (await processesOf(folder)).filter(({ kind }) => kind !== "router" && kind !== "instance");
  await eventually("", async () => (await busy()).length === 0, 40_000).catch(async () => {
    throw new Error(`left running: ${JSON.stringify(await busy(), null, 2)}`);
  });
}

function makeDatabase(file: string): void {
  mkdirSync(dirname(file));
  const database = new DatabaseSync(file);
  database.exec("create table guests (name text); insert into guests values ('Ada'), ('Grace')");
  database.close();
}

function startSluice(
  children: Set<ChildProcess>,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): Running {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [mainFile, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NO_COLOR: "1",
      SLUICE_USER: "ada",
      ...variables,
    },
  });
  children.add(child);
  const text = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text.stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text.stderr += chunk;
  });
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, by) => {
      children.delete(child);
      if (by !== null) text.stderr += `\nended by ${by}`;
      resolve({ exitCode: code ?? -1, ...text, tookMs: performance.now() - startedMs });
    });
  });
  return { child, ended };
}

/** Every line of stdout; throws where one is not a JSON object, since that breaks the contract. */
export function jsonLines({ stdout }: Pick<Ran, "stdout">): readonly JsonLine[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as JsonLine);
}

/** The whole story of a run that did not end as wanted, for the failure's text. */
export const told = ({ exitCode, stdout, stderr }: Ran): string => `exit ${exitCode}\n${brief(stdout)}\n${stderr}`;

/** The plan alone is a page. */
const brief = (text: string): string =>
  text
    .split("\n")
    .map((line) => (/"type":"event"/.test(line) ? (/"title":"[^"]*"/.exec(line)?.[0] ?? "") : line.slice(0, 2_000)))
    .join("\n");

/** All files below `folder`, relative, except those below `without`. */
export function filesIn(folder: string, without: readonly string[] = []): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .filter((path) => !without.some((each) => path.startsWith(each)));
  } catch {
    return [];
  }
}

/** All text that a project's state holds in files, for a search. */
export function textBelow(folder: string): string {
  return filesIn(folder)
    .map((path) => readFileSync(join(folder, path), "latin1"))
    .join("\n");
}

type Git = (...args: readonly string[]) => Promise<string>;

function gitIn(folder: string): Git {
  const own = [
    "user.name=Ada",
    "user.email=ada@tiny.example",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gc.auto=0",
  ];
  const options = [...own, `core.hooksPath=${devNull}`].flatMap((setting) => ["-c", setting]);
  const env = { PATH: process.env.PATH ?? "", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: devNull };
  return async (...args) => (await execute("git", [...options, ...args], { cwd: folder, env })).stdout.trim();
}

async function makeRepository(
  git: Git,
  folder: string,
  releases: readonly TinyRelease[],
  configuration: string,
): Promise<void> {
  await git("init", "--quiet", "--template=", "--initial-branch=main");
  for (const release of releases) {
    for (const own of ["migrations", "db"]) rmSync(join(folder, own), { recursive: true, force: true });
    for (const [path, content] of tinyTree(release, configuration)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    await git("add", "--all");
    await git("commit", "--quiet", "--message", `Release ${release.tag}: ${release.behaviour}`);
    await git("tag", "--annotate", "--message", release.tag, release.tag);
  }
}
