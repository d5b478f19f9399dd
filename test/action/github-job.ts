/**
 * A job of GitHub as the Action meets it, on this machine: the variables and files that a runner sets, a tool cache that already has
 * this checkout as its version of Sluice, and the launcher as a child process. The runner itself is not here: what it would take
 * for a command is found by the rules of its own parser.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "../..");
const launcher = join(root, "action/launcher.cjs");

export interface JobEnd {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  /** Everything, for a failure's text. */
  readonly told: string;
}

export interface GithubMachine {
  readonly toolCache: string;
  /** Starts the Action with these inputs, and variables of the step. */
  begin(inputs: Readonly<Record<string, string>>, variables?: Readonly<Record<string, string>>): RunningJob;
  run(inputs: Readonly<Record<string, string>>, variables?: Readonly<Record<string, string>>): Promise<JobEnd>;
  remove(): void;
}

export interface RunningJob {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  readonly ended: Promise<JobEnd>;
}

/** @param script of the installed program; this checkout's command line unless it is given. */
export function githubMachine(
  script = `import ${JSON.stringify(pathToFileURL(join(root, "src/cli/main.ts")).href)};\n`,
): GithubMachine {
  const folder = mkdtempSync(join(tmpdir(), "sluice-job-"));
  const toolCache = join(folder, "tools");
  cacheSluice(toolCache, script);
  let count = 0;
  const begin: GithubMachine["begin"] = (inputs, variables = {}) => {
    count += 1;
    const place = join(folder, String(count));
    mkdirSync(place);
    return startJob(place, { RUNNER_TOOL_CACHE: toolCache, ...inputVariables(inputs), ...variables });
  };
  return {
    toolCache,
    begin,
    run: (...asked) => begin(...asked).ended,
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

function cacheSluice(toolCache: string, script: string): void {
  const place = join(toolCache, "sluice", "0.1.0", process.arch);
  const own = join(place, "node_modules", "sluice");
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "package.json"), JSON.stringify({ version: "0.1.0", bin: { sluice: "main.mjs" } }));
  writeFileSync(join(own, "main.mjs"), script);
  writeFileSync(`${place}.complete`, "");
}

const inputVariables = (inputs: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries({ version: "0.1.0", ...inputs }).map(([name, text]) => [`INPUT_${name.toUpperCase()}`, text]),
  );

function startJob(place: string, variables: Readonly<Record<string, string>>): RunningJob {
  const files = { output: join(place, "output"), summary: join(place, "summary") };
  for (const file of Object.values(files)) writeFileSync(file, "");
  const child = spawn(process.execPath, [launcher], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_ACTOR: "ada",
      GITHUB_OUTPUT: files.output,
      GITHUB_STEP_SUMMARY: files.summary,
      GITHUB_SERVER_URL: "https://github.example.com",
      GITHUB_REPOSITORY: "acme/tiny",
      GITHUB_RUN_ID: "4711",
      RUNNER_ENVIRONMENT: "self-hosted",
      RUNNER_TEMP: place,
      RUNNER_TRACKING_ID: "github_of_this_job",
      ...variables,
    },
  });
  let text = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  const linesOf = () => text.split("\n").slice(0, -1);
  const ended = new Promise<JobEnd>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      const [output, summary] = [files.output, files.summary].map((file) => readFileSync(file, "utf8"));
      const told = `exit ${code}\n${text}\n${errors}\n${output}`;
      resolve({ code, lines: linesOf(), outputs: outputsIn(output ?? ""), summary: summary ?? "", told });
    });
  });
  return {
    child,
    get lines() {
      return linesOf();
    },
    ended,
  };
}

/** As a runner reads the file: a name, a mark, and everything up to that mark. */
export function outputsIn(text: string): Readonly<Record<string, string>> {
  const found = text.matchAll(/^([\w-]+)<<(\S+)\n([\s\S]*?)\n\2$/gm);
  return Object.fromEntries([...found].map(([, name, , value]) => [name, value]));
}

/** What a runner would obey: it trims a line before it looks for `::`, finds `##[` anywhere, and obeys nothing while it is stopped. */
export function commandsIn(lines: readonly string[]): readonly string[] {
  let stopped: string | undefined;
  return lines.filter((line) => {
    const command = line.trimStart();
    if (stopped !== undefined) {
      if (command === `::${stopped}::`) stopped = undefined;
      return false;
    }
    stopped = /^::stop-commands::(.+)$/.exec(command)?.[1];
    return stopped === undefined && (command.startsWith("::") || command.includes("##["));
  });
}

/** What would be a command if somebody forgot to stop them. */
export const wouldBeCommands = (lines: readonly string[]): readonly string[] =>
  lines
    .filter((line) => !/^::(stop-commands::)?[\w-]{36}(::)?$/.test(line))
    .filter((line) => line.trimStart().startsWith("::") || line.includes("##["));
