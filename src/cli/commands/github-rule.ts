/** P3: `sluice github rule <environment>`: one delivery of GitHub, answered. A server mounts the same; until there is one, whoever receives it calls this. */
import { createReadStream } from "node:fs";
import { mostWebhookBytes, ruleOn } from "../../app/github-rule.ts";
import { exitCodes } from "../../domain/outcome.ts";
import { stripControl } from "../../domain/redactor.ts";
import type { Session } from "../session.ts";
import { usage } from "../usage.ts";

export interface GithubRuleOptions {
  readonly event: string;
  readonly signature?: string;
  readonly delivery?: string;
  readonly dryRun?: boolean;
}

const exits = {
  approved: exitCodes.succeeded,
  rejected: exitCodes.refused,
  waiting: exitCodes.waitingForApproval,
} as const;

export async function githubRuleCommand(
  session: Session,
  environment: string,
  { event, signature, delivery: id, dryRun = false }: GithubRuleOptions,
): Promise<number> {
  if (signature === undefined || id === undefined) {
    throw usage(
      "GitHub's headers are needed: --signature (X-Hub-Signature-256) and --delivery (X-GitHub-Delivery).",
      "See: sluice github rule --help",
    );
  }
  const body = await bytesOf(event);
  const parts = await session.parts(await session.settings(environment));
  const { stateFolder, interrupted: signal, output } = session;
  const ruled = await ruleOn(parts, { body, signature, id }, { stateFolder, sends: !dryRun, signal });
  const { kind, comment, sent, request } = ruled;
  const told = dryRun ? "would be told" : sent ? "was told" : "had been told";
  output.result(
    { environment, answer: kind, comment, sent, commit: request.commit, run: request.runId, dryRun },
    `${kind}: ${stripControl(comment)} (GitHub ${told})`,
  );
  output.next(`sluice status ${environment}`);
  return exits[kind];
}

async function bytesOf(event: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of event === "-" ? process.stdin : createReadStream(event)) {
      size += chunk.length;
      // One byte more than is taken is enough to refuse it.
      chunks.push(chunk);
      if (size > mostWebhookBytes) break;
    }
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw usage(
      `The event ${JSON.stringify(event)} cannot be read (${code}).`,
      "Give a file, or - for standard input: sluice github rule --help",
    );
  }
  return Buffer.concat(chunks);
}
