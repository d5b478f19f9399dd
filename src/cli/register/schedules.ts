/** Commands about what happens by itself, and drills. */
import type { Command } from "commander";
import type { DryRunOption } from "../commands/layers.ts";
import type { RollbackDrillOptions } from "../commands/rollback-drill.ts";
import type { CallerOptions } from "../commands/schedule.ts";
import type { Bind } from "./bind.ts";
import { examples } from "./examples.ts";

export function registerSchedules(program: Command, bind: Bind): void {
  const schedule = program.command("schedule").description("what happens by itself: backups, drills, pruning");

  schedule
    .command("list [environment]", { isDefault: true })
    .description("each schedule: when, what, how it last ended, when next")
    .addHelpText("after", examples("sluice schedule list", "sluice schedule list production --json"))
    .action(
      bind(async (session, environment: string | undefined) =>
        (await import("../commands/schedule.ts")).scheduleListCommand(session, environment),
      ),
    );

  schedule
    .command("run [environment]")
    .description("do what is due, each due time once; 1: one of them failed")
    .option("--dry-run", "show what is due and do nothing")
    .addHelpText("after", examples("sluice schedule run", "sluice schedule run production --dry-run"))
    .action(
      bind(async (session, environment: string | undefined, options: DryRunOption) =>
        (await import("../commands/schedule.ts")).scheduleRunCommand(session, environment, options),
      ),
    );

  schedule
    .command("systemd")
    .description("a service and a timer that call it; a workflow that does comes from `sluice workflows`")
    .option("--write <folder>", "write the files there instead of showing them")
    .option("--dry-run", "only show them (the default)")
    .addHelpText("after", examples("sluice schedule systemd"))
    .action(
      bind(async (session, options: CallerOptions) =>
        (await import("../commands/schedule.ts")).scheduleCallerCommand(session, options),
      ),
    );
  registerDrills(program.command("drill").description("practise the way back, timed and recorded"), bind);
}

function registerDrills(drill: Command, bind: Bind): void {
  drill
    .command("restore <environment>")
    .description("restore the newest backup of each database into scratch, compare, drop")
    .option("--dry-run", "show which backups and restore nothing")
    .addHelpText("after", examples("sluice drill restore production"))
    .action(
      bind(async (session, environment: string, options: DryRunOption) =>
        (await import("../commands/drill.ts")).drillRestoreCommand(session, environment, options),
      ),
    );

  drill
    .command("rollback <environment>")
    .description("go back to the previous version and forward again, for real")
    .option("--confirm <words>", "the words that are asked for, where nobody can be asked")
    .option("--dry-run", "show what it would do and what forbids it")
    .addHelpText("after", examples("sluice drill rollback staging --dry-run"))
    .action(
      bind(async (session, environment: string, options: RollbackDrillOptions) =>
        (await import("../commands/rollback-drill.ts")).drillRollbackCommand(session, environment, options),
      ),
    );
}
