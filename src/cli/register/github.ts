/** Commands for what GitHub asks of Sluice. */
import type { Command } from "commander";
import type { GithubRuleOptions } from "../commands/github-rule.ts";
import type { Bind } from "./bind.ts";
import { examples } from "./examples.ts";

export function registerGithub(program: Command, bind: Bind): void {
  const github = program.command("github").description("what GitHub asks of Sluice");

  github
    .command("rule <environment>")
    .description(
      "answer a deployment_protection_rule by the approvals that Sluice counted; 0: approved, 3: rejected, 8: waiting",
    )
    .option("--event <file>", "the body as it came; - is standard input", "-")
    .option("--signature <sha256=hex>", "the header X-Hub-Signature-256")
    .option("--delivery <id>", "the header X-GitHub-Delivery")
    .option("--dry-run", "say what would be answered")
    .addHelpText(
      "after",
      examples('sluice github rule production --event body.json --signature "$SIGNATURE" --delivery "$DELIVERY"'),
    )
    .action(
      bind(async (session, environment: string, options: GithubRuleOptions) =>
        (await import("../commands/github-rule.ts")).githubRuleCommand(session, environment, options),
      ),
    );
}
