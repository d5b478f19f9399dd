/**
 * The GitHub Action: starts an exact version of Sluice, follows what it does, and says at the end how it went: by the step's exit
 * code, its outputs, annotations and summary. It decides nothing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { exitCodes } from "../../src/domain/outcome.ts";
import { gatherArtifacts } from "./artifacts.ts";
import { deploys, type Inputs, Misuse, readInputs, type Variables, wordsFor } from "./inputs.ts";
import { openRunner, type Runner } from "./runner.ts";
import { chooseStarter, type Starter } from "./starter.ts";
import { codeWords, deploymentSummary, endingAnnotation, textSummary } from "./summary.ts";
import { openTeller, outcomeWord, type Story } from "./told.ts";

interface Job {
  readonly inputs: Inputs;
  readonly variables: Variables;
  readonly starter: Starter;
  readonly runner: Runner;
}

async function main(variables: Variables): Promise<number> {
  const runner = openRunner(variables, console.log);
  try {
    const inputs = readInputs(variables);
    const words = wordsFor(inputs);
    const starter = chooseStarter(inputs, variables);
    const job = { inputs, variables, starter, runner };
    return await (deploys(inputs) ? deployment(job, words) : shortCommand(job, words));
  } catch (thrown) {
    if (!(thrown instanceof Misuse)) throw thrown;
    const story: Story = { trouble: { code: "USAGE", message: thrown.message, hint: "See the inputs: action.yml" } };
    runner.log(`✗ ${thrown.message}`);
    return finish(runner, story, exitCodes.usage, undefined);
  }
}

async function deployment(job: Job, words: readonly string[]): Promise<number> {
  const { inputs, runner, variables } = job;
  for (const line of firstLines(job)) runner.log(line);
  let cancelNow = () => undefined as unknown;
  const teller = openTeller(runner, () => cancelNow());
  const following = start(job, words, { out: teller.hear, err: runner.log });
  const onSignals = signalsOf(job, following.child, () => teller.story().deployment);
  cancelNow = onSignals.deploymentIsKnown;
  const code = await following.ended;
  onSignals.close();
  const story = teller.story();
  const folder = story.folder && story.deployment;
  const to = join(variables["RUNNER_TEMP"] ?? ".", "sluice-artifacts", story.deployment ?? "");
  runner.log(`${codeWords(code)}${story.next ? ` Next: ${story.next}` : ""}`);
  if (story.trouble) runner.log(`✗ ${story.trouble.message} (${story.trouble.code})\n  ${story.trouble.hint}`);
  if (code === exitCodes.waitingForApproval)
    runner.log(`To go on later: run ${inputs.command} with deployment: ${story.deployment}`);
  return finish(runner, story, code, folder ? gathered(runner, story.folder ?? "", to) : undefined);
}

/** That files could not be copied changes nothing about how the deployment ended. */
function gathered(runner: Runner, folder: string, to: string): string | undefined {
  try {
    return gatherArtifacts(folder, to);
  } catch (thrown) {
    runner.annotate({
      kind: "warning",
      title: "Sluice: no artifacts",
      message: `${folder} could not be copied: ${thrown}`,
    });
    return undefined;
  }
}

function finish(runner: Runner, story: Story, code: number, artifacts: string | undefined): number {
  const last = endingAnnotation(story, code);
  runner.finish({
    outputs: {
      deployment: story.deployment ?? "",
      outcome: outcomeWord(story, code),
      version: story.version ?? "",
      code: String(code),
      artifacts: artifacts ?? "",
    },
    summary: deploymentSummary(story, code),
    ...(last && { last }),
  });
  return code;
}

/** Who asked, and what becomes of it without this job. */
function firstLines({ inputs, variables }: Job): readonly string[] {
  const { version, command, environment, release, deployment: id, cancel } = inputs;
  const what = id === "" ? `${command} ${environment} ${release}`.trim() : `go on with ${id}`;
  const who = variables["GITHUB_TRIGGERING_ACTOR"] || variables["GITHUB_ACTOR"] || "somebody";
  const stays = variables["RUNNER_ENVIRONMENT"] !== "github-hosted";
  return [
    `Sluice ${version}: ${what}, asked for by ${who}`,
    stays
      ? `Runs in a process of its own on ${hostname()}, which stays: should this job or its runner be lost, it goes on. Follow it there: sluice logs ${environment || id} --follow`
      : "This runner is thrown away after the job: should it be lost, nobody goes on with the deployment until somebody types `sluice resume` beside the same ledger; an unattended router goes back by itself.",
    cancel === "cancel"
      ? "Cancelling this job cancels the deployment: what it did is undone in reverse."
      : "Cancelling this job only ends the following; the deployment goes on where its process lives.",
  ];
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number>;
}

interface Listeners {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

function start({ starter, inputs }: Job, words: readonly string[], { out, err }: Listeners): Started {
  const [program, ...before] = starter.argv;
  const child = spawn(program, [...before, ...words], {
    cwd: inputs.project,
    env: starter.variables,
    stdio: ["ignore", "pipe", "pipe"],
  });
  createInterface({ input: child.stdout }).on("line", out);
  createInterface({ input: child.stderr }).on("line", err);
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (thrown) =>
      reject(new Misuse(`${program} could not be started in ${inputs.project}: ${thrown.message}`)),
    );
    child.once("close", (code) => resolve(code ?? exitCodes.followingStopped));
  });
  return { child, ended };
}

/**
 * GitHub sends SIGINT when a job is cancelled, SIGTERM 7.5 s later, and kills another 2.5 s later: the first one is obeyed as
 * configured, at the second one it is time to leave. The deployment's own process gets neither.
 */
function signalsOf(job: Job, following: ChildProcess, deploymentId: () => string | undefined) {
  const { inputs, runner, variables } = job;
  let received = 0;
  const run = [
    variables["GITHUB_SERVER_URL"],
    variables["GITHUB_REPOSITORY"],
    "actions/runs",
    variables["GITHUB_RUN_ID"],
  ].join("/");
  const cancel = () => {
    const id = deploymentId();
    if (id === undefined) return;
    const words = ["cancel", "--json", `--reason=The job was cancelled: ${run}`, "--", id];
    start(job, words, { out: () => undefined, err: runner.log }).ended.catch((thrown: unknown) =>
      runner.log(String(thrown)),
    );
  };
  const onSignal = () => {
    received += 1;
    const leaves = inputs.cancel === "detach" || received > 1;
    runner.log(
      leaves ? "This job was cancelled; it follows no more." : "This job was cancelled; so is the deployment.",
    );
    if (leaves) following.kill("SIGINT");
    else cancel();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    /** It was cancelled before it had a name. */
    deploymentIsKnown: () => (received === 1 && inputs.cancel === "cancel" ? cancel() : undefined),
    close: () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal),
  };
}

/** Something that says what it has to say and leaves. */
async function shortCommand(job: Job, words: readonly string[]): Promise<number> {
  const { runner, inputs } = job;
  const lines: string[] = [];
  const hear = (line: string) => {
    lines.push(line);
    runner.log(line);
  };
  const running = start(job, words, { out: hear, err: hear });
  const stop = () => void running.child.kill("SIGTERM");
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const code = await running.ended;
  const failed = {
    kind: "error",
    title: `sluice ${inputs.command}: exit code ${code}`,
    message: lines.slice(-20).join("\n"),
  } as const;
  runner.finish({
    outputs: {
      deployment: "",
      outcome: code === exitCodes.succeeded ? "succeeded" : "error",
      version: "",
      code: String(code),
      artifacts: "",
    },
    summary: textSummary(inputs.command, code, lines.join("\n")),
    ...(code === exitCodes.succeeded ? {} : { last: failed }),
  });
  return code;
}

async function run(): Promise<void> {
  process.exitCode = await main(process.env);
}

// A fault of the launcher itself ends the step, with what Node says of it.
void run();
