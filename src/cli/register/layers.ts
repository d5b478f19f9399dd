/** W6: single layers, for adoption inside a workflow that is somebody else's. */
import type { Command } from "commander";
import type { RestoreOptions } from "../commands/backup.ts";
import type { DryRunOption } from "../commands/layers.ts";
import type { NotifyOptions } from "../commands/notify.ts";
import type { SmokeOptions } from "../commands/smoke-url.ts";
import type { Bind } from "./bind.ts";
import { examples } from "./examples.ts";

export function registerLayers(program: Command, bind: Bind): void {
  registerBefore(program, bind);
  registerBackups(program, bind);
  registerAfter(program, bind);
}

function registerBefore(program: Command, bind: Bind): void {
  program
    .command("check <environment> [version]")
    .description("the pre-flight checks alone, all of them")
    .addHelpText("after", examples("sluice check production", "sluice check production v1.2.0"))
    .action(
      bind(async (session, environment: string, version: string | undefined) =>
        (await import("../commands/layers.ts")).checkCommand(session, environment, version),
      ),
    );

  program
    .command("build <environment> <version>")
    .description("the production build alone; prints what was built, by digest")
    .option("--dry-run", "show the commands and run none")
    .addHelpText("after", examples("sluice build production v1.2.0"))
    .action(
      bind(async (session, environment: string, version: string, options: DryRunOption) =>
        (await import("../commands/layers.ts")).buildCommand(session, environment, version, options),
      ),
    );

  program
    .command("migrate <environment> <version>")
    .description("a release's migrations alone, under the environment's lock")
    .option("--dry-run", "show what is pending and apply nothing")
    .addHelpText("after", examples("sluice migrate staging v1.2.0 --dry-run"))
    .action(
      bind(async (session, environment: string, version: string, options: DryRunOption) =>
        (await import("../commands/layers.ts")).migrateCommand(session, environment, version, options),
      ),
    );
}

function registerBackups(program: Command, bind: Bind): void {
  const backup = program.command("backup").description("take, list, show and prune backups");

  backup
    .command("create <environment>")
    .description("back up every database of an environment, and prove it")
    .option("--dry-run", "show what would be backed up")
    .addHelpText("after", examples("sluice backup create production"))
    .action(
      bind(async (session, environment: string, options: DryRunOption) =>
        (await import("../commands/backup.ts")).backupCreateCommand(session, environment, options),
      ),
    );

  backup
    .command("list [environment]")
    .description("the backups there are, newest first")
    .addHelpText("after", examples("sluice backup list production"))
    .action(
      bind(async (session, environment: string | undefined) =>
        (await import("../commands/backup.ts")).backupListCommand(session, environment),
      ),
    );

  backup
    .command("show <backup>")
    .description("what one holds, how far it is proven, and how to restore it without Sluice")
    .addHelpText("after", examples("sluice backup show production-main-20261120"))
    .action(
      bind(async (session, id: string) => (await import("../commands/backup.ts")).backupShowCommand(session, id)),
    );

  backup
    .command("prune <environment>")
    .description("remove what nothing needs any more; shows it first")
    .option("--yes", "remove them")
    .option("--dry-run", "only show them (the default)")
    .addHelpText("after", examples("sluice backup prune production", "sluice backup prune production --yes"))
    .action(
      bind(async (session, environment: string, options: { yes?: boolean; dryRun?: boolean }) =>
        (await import("../commands/backup.ts")).backupPruneCommand(session, environment, {
          yes: options.yes === true && !options.dryRun,
        }),
      ),
    );

  registerPins(backup, bind);
  registerRestore(program, bind);
}

function registerPins(backup: Command, bind: Bind): void {
  for (const what of ["pin", "unpin"] as const) {
    backup
      .command(`${what} <backup>`)
      .description(what === "pin" ? "keep it, whatever its age" : "let it go when nothing else needs it")
      .option("--reason <text>", "why, for the audit trail")
      .addHelpText("after", examples(`sluice backup ${what} production-main-20261120 --reason "before the big import"`))
      .action(
        bind(async (session, id: string, options: { readonly reason?: string }) =>
          (await import("../commands/backup-pins.ts")).backupPinCommand(session, what, id, options),
        ),
      );
  }
}

function registerRestore(program: Command, bind: Bind): void {
  program
    .command("restore <backup>")
    .description("restore a backup into a new database and compare it, or make it the live one")
    .option("--into <name>", "a database or file that does not exist yet")
    .option("--swap", "make it the live one, by rename; the one before is kept")
    .option("--confirm <words>", "the words that are asked for, where nobody can be asked")
    .option("--dry-run", "verify the backup's checksum and restore nothing")
    .addHelpText(
      "after",
      examples(
        "sluice restore production-main-20261120 --into main_restored --confirm RESTORE",
        "sluice restore production-main-20261120 --swap --dry-run",
      ),
    )
    .action(
      bind(async (session, id: string, options: RestoreOptions & { readonly swap?: boolean }) => {
        if (options.swap) return (await import("../commands/restore-swap.ts")).restoreSwapCommand(session, id, options);
        return (await import("../commands/backup.ts")).restoreCommand(session, id, options);
      }),
    );
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

function registerAfter(program: Command, bind: Bind): void {
  program
    .command("smoke <environment-or-url>")
    .description("the smoke checks of what serves, or one address")
    .option("--release <version>", "the version that must answer (default: what serves)")
    .option("--status <code>", "of an address: the expected status (200)")
    .option("--contains <text>", "of an address: what the body must contain")
    .option("--expect <path=value>", "of an address: a value in its JSON body; may be repeated", collect, [])
    .option("--retries <n>", "of an address: further tries after the first (0)")
    .addHelpText(
      "after",
      examples("sluice smoke production", "sluice smoke https://example.org/health --expect version=v1.2.0"),
    )
    .action(
      bind(async (session, where: string, options: SmokeOptions) =>
        (await import("../commands/layers.ts")).smokeCommand(session, where, options),
      ),
    );

  program
    .command("monitor <environment>")
    .description("watch what serves, as after a rollout")
    .option("--for <duration>", "how long (default: as configured)")
    .option("--every <duration>", "how often (default: as configured)")
    .addHelpText("after", examples("sluice monitor production --for 15m --every 30s"))
    .action(
      bind(async (session, environment: string, options: { for?: string; every?: string }) =>
        (await import("../commands/layers.ts")).monitorCommand(session, environment, options),
      ),
    );

  program
    .command("notify <environment> [other]")
    .usage("<environment> | test [environment]")
    .description("tell the people of an environment something, by every channel, or see whether the channels work")
    .option("--title <text>", "in one line")
    .option("--message <text>", "what happened")
    .option("--event <kind>", "what kind of event it is told as", "component-updated")
    .option("--channel <name>", "by this channel alone")
    .option("--again", "try once more what was given up")
    .option("--dry-run", "show which channels there are")
    .addHelpText(
      "after",
      examples(
        'sluice notify production --title "Maintenance at 22:00" --message "Ten minutes, read only."',
        "sluice notify test production",
        "sluice notify production --again",
      ),
    )
    .action(
      bind(async (session, environment: string, other: string | undefined, options: NotifyOptions) =>
        (await import("../commands/notify.ts")).notifyCommand(session, [environment, other], options),
      ),
    );
}
