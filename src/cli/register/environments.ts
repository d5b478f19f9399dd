/** Commands about the configuration, the plan, and who holds an environment. */
import type { Command } from "commander";
import type { InitOptions } from "../commands/init.ts";
import type { LockOptions } from "../commands/lock.ts";
import type { PlanOptions } from "../commands/plan.ts";
import type { WorkflowsOptions } from "../commands/workflows.ts";
import type { Bind } from "./bind.ts";
import { examples } from "./examples.ts";

export function registerEnvironments(program: Command, bind: Bind): void {
  program
    .command("init")
    .description("write a commented sluice.yaml for this folder")
    .option("--force", "replace the one that is there")
    .option("--dry-run", "show it and write nothing")
    .addHelpText("after", examples("sluice init", "sluice init --dry-run"))
    .action(
      bind(async (session, options: InitOptions) =>
        (await import("../commands/init.ts")).initCommand(session, options),
      ),
    );

  program
    .command("validate [environment]")
    .description("check the configuration, and show what an environment comes to")
    .addHelpText("after", examples("sluice validate", "sluice validate production"))
    .action(
      bind(async (session, environment: string | undefined) =>
        (await import("../commands/validate.ts")).validateCommand(session, environment),
      ),
    );

  program
    .command("workflows")
    .description("write the GitHub workflows that the configuration comes to")
    .option("--check", "only compare; 1: one of them has drifted")
    .option("--out <folder>", "where they go (.github/workflows); the Action goes to ../actions/sluice beside it")
    .option("--dry-run", "show what would be written")
    .addHelpText("after", examples("sluice workflows", "sluice workflows --check"))
    .action(
      bind(async (session, options: WorkflowsOptions) =>
        (await import("../commands/workflows.ts")).workflowsCommand(session, options),
      ),
    );

  program
    .command("plan <environment> <version>")
    .description("everything a deployment would do, before anything changes")
    .option("--no-build", "do not build; the plan then names no digest")
    .option("--all-changes", "every commit of the change list")
    .addHelpText(
      "after",
      examples("sluice plan production v1.2.0", "sluice plan production v1.2.0 --json | jq .plan.risk"),
    )
    .action(
      bind(async (session, environment: string, version: string, options: PlanOptions) =>
        (await import("../commands/plan.ts")).planCommand(session, environment, version, options),
      ),
    );

  registerLock(program.command("lock").description("who holds which environment; take it, give it back"), bind);
}

function registerLock(lock: Command, bind: Bind): void {
  const reasoned = (command: Command): Command =>
    command.option("--reason <text>", "why, for the audit trail").option("--dry-run", "show what it would do");

  lock
    .command("list", { isDefault: true })
    .description("which environments are locked, by whom, since when")
    .addHelpText("after", examples("sluice lock list"))
    .action(bind(async (session) => (await import("../commands/lock.ts")).lockListCommand(session)));

  reasoned(lock.command("take <environment>"))
    .description("nothing is deployed there until it is released")
    .addHelpText("after", examples('sluice lock take production --reason "incident 4711"'))
    .action(
      bind(async (session, environment: string, options: LockOptions) =>
        (await import("../commands/lock.ts")).lockTakeCommand(session, environment, options),
      ),
    );

  reasoned(lock.command("release <environment>"))
    .description("give it back; that of a deployment only by --force")
    .option("--force", "also a deployment's; whoever held it can no longer act")
    .addHelpText("after", examples('sluice lock release production --reason "incident 4711 is over"'))
    .action(
      bind(async (session, environment: string, options: LockOptions) =>
        (await import("../commands/lock.ts")).lockReleaseCommand(session, environment, options),
      ),
    );

  reasoned(lock.command("take-over <environment>"))
    .description("make targets that belong to another ledger obey this one; audited")
    .addHelpText("after", examples('sluice lock take-over production --reason "the old deploy host is gone"'))
    .action(
      bind(async (session, environment: string, options: LockOptions) =>
        (await import("../commands/lock.ts")).lockTakeOverCommand(session, environment, options),
      ),
    );
}
