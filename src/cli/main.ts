#!/usr/bin/env node
/** The command line: words to intent. Each command's code is loaded when it is used, so that `status` answers at once. */
import { Command } from "commander";
import type { Session } from "./session.ts";
import { openSession } from "./session.ts";
import { failWith } from "./output.ts";

const program = new Command("sluice")
  .description("Safe production deployments: validated, approved, backed up, shifted under watch, rolled back by itself.")
  .option("--project <folder>", "the project's folder (default: here)")
  .option("--config <file>", "configuration file (default: sluice.yaml)")
  .option("--as <person>", "who is asking, for the audit trail (default: the local user)")
  .option("--json", "one JSON object per line on stdout")
  .showHelpAfterError()
  .exitOverride();

/** Runs a command with a session, closes it, and turns whatever it throws into the contract's exit code. */
const run =
  <Args extends readonly unknown[]>(action: (session: Session, ...args: Args) => Promise<number>) =>
  async (...args: Args): Promise<void> => {
    const session = openSession(program.opts());
    let exitCode: number;
    try {
      exitCode = await action(session, ...args);
    } catch (thrown) {
      exitCode = failWith(session.output, thrown);
    }
    await session.close().catch(() => undefined);
    process.exitCode = exitCode;
  };

program
  .command("deploy <environment> <version>")
  .description("deploy a release: a tag, or a branch where the environment allows it")
  .option("--approvals <n>", "ask for more approvals than the environment does")
  .option("--wait", "stay while it waits for people")
  .option("--detach", "start it and return")
  .option("--foreground", "run it in this process (the default in CI)")
  .action(run(async (session, environment: string, version: string, options: object) => (await import("./commands/deploy.ts")).deployCommand(session, environment, version, options)));

program
  .command("worker <deployment>", { hidden: true })
  .action(run(async (session, deployment: string) => (await import("./commands/worker.ts")).workerCommand(session, deployment)));

try {
  await program.parseAsync();
} catch (thrown) {
  const { exitCode } = thrown as { readonly exitCode?: number };
  // Help and version end with 0; everything else that commander refuses is usage.
  process.exitCode = exitCode === 0 ? 0 : 2;
}
