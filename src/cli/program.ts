/** The command line: words to intent. Each command's code is loaded when it is used, so that `status` answers at once. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { SluiceError } from "../domain/errors.ts";
import { exitCodes } from "../domain/outcome.ts";
import { failWith, openOutput } from "./output.ts";
import { registerAudit } from "./register/audit.ts";
import type { Bind } from "./register/bind.ts";
import { registerDeployments } from "./register/deployments.ts";
import { registerEnvironments } from "./register/environments.ts";
import { registerGithub } from "./register/github.ts";
import { registerLayers } from "./register/layers.ts";
import { registerReports } from "./register/reports.ts";
import { registerSchedules } from "./register/schedules.ts";
import { registerSimulation } from "./register/simulation.ts";
import { type GlobalOptions, openSession, type Session } from "./session.ts";

/** Reads the words, runs the command, returns its exit code. Tells every failure itself and never rejects. */
export async function run(words: readonly string[]): Promise<number> {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreGoneReader);
  let exitCode: number = exitCodes.succeeded;
  const program = programWith((action) => async (...args) => {
    exitCode = await withSession(program.opts<GlobalOptions>(), (session) => action(session, ...args));
  });
  try {
    await program.parseAsync([...words], { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    // Help and version were asked for; everything else that the parser refuses is usage.
    if (thrown.exitCode === 0) return exitCodes.succeeded;
    return failWith(openOutput({ json: words.includes("--json") }), usageOf(thrown, program, words));
  }
}

/** `sluice … | head` is no failure. */
function ignoreGoneReader(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

async function withSession(options: GlobalOptions, action: (session: Session) => Promise<number>): Promise<number> {
  const session = openSession(options);
  let exitCode: number;
  try {
    exitCode = await action(session);
  } catch (thrown) {
    exitCode = failWith(session.output, thrown);
  }
  await session.close().catch(() => undefined);
  return exitCode;
}

export function programWith(bind: Bind): Command {
  const program = new Command("sluice")
    .description(
      "Safe production deployments: validated, approved, backed up, shifted under watch, rolled back by itself.",
    )
    .version(version(), "-V, --version", "the version of Sluice")
    .option("--project <folder>", "the project's folder (default: here, or SLUICE_PROJECT)")
    .option("--config <file>", "configuration file (default: sluice.yaml)")
    .option("--as <person>", "who is asking, for the audit trail (default: SLUICE_USER, or the local user)")
    .option("--json", "one JSON object per line on stdout, failures too")
    .helpCommand("help [command]", "how a command is used")
    .addHelpText("after", firstSteps)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  registerDeployments(program, bind);
  registerEnvironments(program, bind);
  registerSimulation(program, bind);
  registerAudit(program, bind);
  registerLayers(program, bind);
  registerReports(program, bind);
  registerSchedules(program, bind);
  registerGithub(program, bind);
  for (const command of everyCommand(program)) command.exitOverride().configureOutput({ writeErr: () => undefined });
  return program;
}

const firstSteps = `
First steps:
  sluice init                        a commented configuration for this folder
  sluice plan production v1.2.0      everything it would do, before anything changes
  sluice simulate production         the whole way in seconds, nothing real touched
  sluice deploy production v1.2.0    do it; it rolls back by itself
  sluice status                      what is where

Exit codes: 0 succeeded · 1 failed · 2 usage or configuration · 3 refused by a gate · 4 rolled back · 5 rollback failed
  6 undecided or quarantined · 7 lock held · 8 waiting for approval · 9 cancelled · 130 following stopped`;

const everyCommand = (command: Command): readonly Command[] =>
  command.commands.flatMap((each) => [each, ...everyCommand(each)]);

function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { readonly version: string }).version;
}

/** The parser's words, without its prefix, and with a command that shows how it is meant. */
function usageOf(error: CommanderError, program: Command, words: readonly string[]): SluiceError {
  const path = commandPath(program, words);
  const asked = error.code === "commander.help";
  const said = error.message.replace(/^error: /, "").replaceAll("\n", " ");
  const message = asked
    ? `sluice${path.map((word) => ` ${word}`).join("")} needs a command after it.`
    : `${said.charAt(0).toUpperCase()}${said.slice(1)}${/[.)?]$/.test(said) ? "" : "."}`;
  return new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: "cli",
    message,
    hint: `See how it is used: sluice${path.map((word) => ` ${word}`).join("")} --help`,
    cause: error,
  });
}

/** The commands among the words, as far as they are known. */
function commandPath(program: Command, words: readonly string[]): readonly string[] {
  const path: string[] = [];
  let here = program;
  for (const word of words) {
    const next = here.commands.find((command) => command.name() === word);
    if (next === undefined) continue;
    path.push(word);
    here = next;
  }
  return path;
}
