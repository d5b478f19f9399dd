/** Commands about deployments: starting, following, deciding, looking back. */
import type { Command } from "commander";
import type { DeployOptions } from "../commands/deploy.ts";
import type { HistoryOptions } from "../commands/history.ts";
import type { LogsOptions } from "../commands/logs.ts";
import type { ReasonedOptions, VoteOptions } from "../commands/people.ts";
import type { ResumeOptions } from "../commands/resume.ts";
import type { RollbackOptions } from "../commands/rollback.ts";
import type { StandbyCommandOptions } from "../commands/standby.ts";
import type { Bind } from "./bind.ts";
import { examples } from "./examples.ts";

const idHelp = "a deployment's id, the start of one, or an environment (its latest)";

export function registerDeployments(program: Command, bind: Bind): void {
  registerStarting(program, bind);
  registerDeciding(program, bind);
  registerLooking(program, bind);
}

const running = (command: Command): Command =>
  command
    .option("--wait", "stay while it waits for people (default: leave with exit code 8)")
    .option("--detach", "start it and return")
    .option("--foreground", "run it in this process (the default in CI)")
    .option("--no-foreground", "run it in a process of its own, which outlives this one; also in CI");

function registerStarting(program: Command, bind: Bind): void {
  running(program.command("deploy <environment> <version>"))
    .description("deploy a release: a tag, or a branch where the environment allows it")
    .option("--approvals <n>", "ask for more approvals than the environment does")
    .option("--dry-run", "show the plan and change nothing")
    .addHelpText("after", examples("sluice deploy production v1.2.0", "sluice deploy staging main --json"))
    .action(
      bind(async (session, environment: string, version: string, options: DeployOptions) =>
        (await import("../commands/deploy.ts")).deployCommand(session, environment, version, options),
      ),
    );

  running(program.command("rollback <environment>"))
    .description("go back to the version before, or to one that served earlier")
    .option("--to <version>", "a version that served before")
    .option("--component <name>", "only this component")
    .option("--reason <text>", "why, for the audit trail")
    .option("--confirm <word>", "the typed word, where nobody can be asked")
    .option("--emergency", "also after the rollback window; audited")
    .option("--dry-run", "show what it would go back to")
    .addHelpText(
      "after",
      examples(
        "sluice rollback production --dry-run",
        'sluice rollback production --reason "errors at checkout" --confirm ROLLBACK',
      ),
    )
    .action(
      bind(async (session, environment: string, options: RollbackOptions) =>
        (await import("../commands/rollback.ts")).rollbackCommand(session, environment, options),
      ),
    );

  running(program.command("resume [deployment]"))
    .description("end a pause; or go on with what a dead process left: one deployment, or all of them")
    .option("--reason <text>", "why a pause ends, for the audit trail")
    .option("--dry-run", "show what would be resumed")
    .addHelpText("after", examples("sluice resume"))
    .action(
      bind(async (session, id: string | undefined, options: ResumeOptions) =>
        (await import("../commands/resume.ts")).resumeCommand(session, id, options),
      ),
    );

  program
    .command("standby")
    .description("stay, and go on with what a dead process leaves")
    .option("--until-idle", "leave when nothing is unfinished")
    .addHelpText("after", examples("sluice standby"))
    .action(
      bind(async (session, options: StandbyCommandOptions) =>
        (await import("../commands/standby.ts")).standbyCommand(session, options),
      ),
    );

  program
    .command("worker <deployment>", { hidden: true })
    .action(
      bind(async (session, deployment: string) =>
        (await import("../commands/worker.ts")).workerCommand(session, deployment),
      ),
    );
}

function registerDeciding(program: Command, bind: Bind): void {
  for (const decision of ["approve", "reject"] as const) {
    program
      .command(`${decision} <deployment>`)
      .description(
        decision === "approve" ? "agree to a deployment's plan" : "refuse a deployment's plan, which ends it",
      )
      .option("--key <file>", "SSH key to sign with: the proof that it was you")
      .option("--plan <digest>", "only if this is its plan (the start of the digest is enough)")
      .option("--comment <text>", "what you want to say with it")
      .option("--dry-run", "check whether the vote would count")
      .addHelpText("after", examples(`sluice ${decision} production --as ada --key ~/.ssh/id_ed25519`))
      .action(
        bind(async (session, id: string, options: VoteOptions) =>
          (await import("../commands/people.ts")).voteCommand(session, decision, id, options),
        ),
      );
  }

  program
    .command("cancel <deployment>")
    .description("end a deployment; what it did is undone in reverse")
    .option("--reason <text>", "why, for the audit trail")
    .option("--release", "let go of a quarantined one, after looking at what it left")
    .option("--dry-run", "show what it would mean")
    .addHelpText("after", examples('sluice cancel production --reason "wrong tag"'))
    .action(
      bind(async (session, id: string, options: ReasonedOptions & { release?: boolean }) =>
        (await import("../commands/people.ts")).cancelCommand(session, id, options),
      ),
    );

  registerSteering(program, bind);

  program
    .command("note <deployment> <text...>")
    .description("leave a note on a deployment, for the record (- reads stdin)")
    .addHelpText("after", examples('sluice note production "restarted the queue by hand at 14:05"'))
    .action(
      bind(async (session, id: string, text: readonly string[]) =>
        (await import("../commands/people.ts")).noteCommand(session, id, text),
      ),
    );
}

function registerSteering(program: Command, bind: Bind): void {
  program
    .command("pause <deployment>")
    .description("hold a rollout at its weight, also beyond its bake, until `resume` or `promote`")
    .option("--reason <text>", "why, for the audit trail")
    .option("--dry-run", "show what it would mean")
    .addHelpText("after", examples('sluice pause production --reason "the campaign has just begun"'))
    .action(
      bind(async (session, id: string, options: ReasonedOptions) =>
        (await import("../commands/steer.ts")).pauseCommand(session, id, options),
      ),
    );

  program
    .command("promote <deployment>")
    .description("let a deployment go on: one that is held for a person, or a weight before its bake is over")
    .option("--reason <text>", "why, for the audit trail")
    .option("--dry-run", "show what it would mean")
    .addHelpText("after", examples('sluice promote production --reason "the failing check is a known one"'))
    .action(
      bind(async (session, id: string, options: ReasonedOptions) =>
        (await import("../commands/steer.ts")).promoteCommand(session, id, options),
      ),
    );
}

function registerLooking(program: Command, bind: Bind): void {
  program
    .command("status [what]")
    .description("what is where; an environment or a deployment in detail")
    .option("--watch", "stay, and show every change")
    .addHelpText("after", examples("sluice status", "sluice status production --watch"))
    .action(
      bind(async (session, words: string | undefined, options: { watch?: boolean }) =>
        (await import("../commands/status.ts")).statusCommand(session, words, options),
      ),
    );

  program
    .command("logs <deployment>")
    .description(`a deployment's story, or a file of its folder (${idHelp})`)
    .option("--follow", "stay until it ends; Ctrl-C only stops following")
    .option("--file [name]", "a file of its folder; without a name: which there are")
    .addHelpText("after", examples("sluice logs production --follow", "sluice logs production --file migration.log"))
    .action(
      bind(async (session, id: string, options: LogsOptions) =>
        (await import("../commands/logs.ts")).logsCommand(session, id, options),
      ),
    );

  program
    .command("history [environment]")
    .description("the deployments so far, newest first")
    .option("--limit <n>", "how many (20)")
    .option("--outcome <outcome>", "only those that ended so")
    .addHelpText("after", examples("sluice history production --outcome rolled-back"))
    .action(
      bind(async (session, environment: string | undefined, options: HistoryOptions) =>
        (await import("../commands/history.ts")).historyCommand(session, environment, options),
      ),
    );

  program
    .command("record <deployment>")
    .description("the record of a deployment; as it is kept with --json")
    .addHelpText("after", examples("sluice record production", "sluice record production --json"))
    .action(bind(async (session, id: string) => (await import("../commands/history.ts")).recordCommand(session, id)));
}
