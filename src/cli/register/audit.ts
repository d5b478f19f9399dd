/** Commands about the audit trail. */
import type { Command } from "commander";
import type { AuditListOptions, AuditVerifyOptions } from "../commands/audit.ts";
import type { Bind } from "./bind.ts";
import { examples } from "./examples.ts";

export function registerAudit(program: Command, bind: Bind): void {
  const audit = program.command("audit").description("who did what, when and why; and whether that story is intact");

  audit
    .command("list [what]", { isDefault: true })
    .description("what people did, newest first: everywhere, in an environment, or in a deployment")
    .option("--limit <n>", "how many (50)")
    .addHelpText("after", examples("sluice audit", "sluice audit production --json"))
    .action(
      bind(async (session, what: string | undefined, options: AuditListOptions) =>
        (await import("../commands/audit.ts")).auditListCommand(session, what, options),
      ),
    );

  audit
    .command("verify")
    .description("find any later change of the story; 0: intact, 1: not")
    .option("--checkpoints <file>", "checkpoints to compare with (default: those of sluice.yaml)")
    .option("--signers <file>", "whose signatures on checkpoints are trusted (OpenSSH's allowed_signers)")
    .addHelpText(
      "after",
      examples("sluice audit verify", "sluice audit verify --checkpoints /mnt/audit/checkpoints.jsonl"),
    )
    .action(
      bind(async (session, options: AuditVerifyOptions) =>
        (await import("../commands/audit.ts")).auditVerifyCommand(session, options),
      ),
    );
}
