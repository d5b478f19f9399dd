/** Commands that report on what has happened. */
import type { Command } from "commander";
import type { DoraOptions } from "../commands/report.ts";
import type { Bind } from "./bind.ts";
import { examples } from "./examples.ts";

export function registerReports(program: Command, bind: Bind): void {
  const report = program.command("report").description("reports of deployments, in Markdown or with --json");

  report
    .command("incident <deployment>")
    .description("why it failed: timeline, whom it reached, evidence, what was undone, what is left to do")
    .addHelpText("after", examples("sluice report incident production", "sluice report incident production --json"))
    .action(
      bind(async (session, deployment: string) =>
        (await import("../commands/report.ts")).incidentCommand(session, deployment),
      ),
    );

  report
    .command("summary <deployment>")
    .description("what stakeholders want to know of it")
    .addHelpText("after", examples("sluice report summary production"))
    .action(
      bind(async (session, deployment: string) =>
        (await import("../commands/report.ts")).summaryCommand(session, deployment),
      ),
    );

  report
    .command("dora [environment]")
    .description("DORA's figures from the records, beside those of the period before")
    .option("--period <duration>", "how far back", "30d")
    .addHelpText("after", examples("sluice report dora production", "sluice report dora --period 90d --json"))
    .action(
      bind(async (session, environment: string | undefined, options: DoraOptions) =>
        (await import("../commands/report.ts")).doraCommand(session, environment, options),
      ),
    );
}
