/** Runs an audit program in the release's folder and reads the JSON that it prints. */
import { SluiceError } from "../../domain/errors.ts";
import type { Json } from "../../domain/json.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { AuditAnswer } from "../../ports/vulnerability-audit.ts";
import { type CommandEnvironment, type CommandResult, runCommand } from "../run-command.ts";

export interface AuditCommand {
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  readonly environment?: CommandEnvironment;
}

const mostCharacters = 32 * 1_048_576;

/** @param read undefined: the document is not what this program is known to print. */
export async function askProgram(
  { argv, timeoutMs, environment = {} }: AuditCommand,
  folder: string,
  signal: AbortSignal,
  read: (document: Json, exitCode: number) => AuditAnswer | undefined,
): Promise<AuditAnswer> {
  const program = argv[0] ?? "";
  const printed: string[] = [];
  let length = 0;
  const onLine = (line: string, stream: "stdout" | "stderr"): void => {
    if (stream === "stderr" || length > mostCharacters) return;
    length += line.length;
    printed.push(line);
  };
  const result = await runOrSay({ argv, cwd: folder, env: environment, timeoutMs, signal, onLine });
  if ("reason" in result) return silent(result.reason);
  if (result.timedOut) return silent(`${program} gave no answer within ${timeoutMs} ms`);
  // A line end means nothing in JSON, and a line of more than 64 KB comes in pieces.
  const document = parsed(printed.join(""));
  const answer = document === undefined ? undefined : read(document, result.exitCode);
  const said = excerpt(result.stderrTail || result.stdoutTail, 200);
  return answer ?? silent(`${program} ended with exit code ${result.exitCode} and told no result: ${said}`);
}

export const silent = (reason: string): AuditAnswer => ({ kind: "silent", reason });

/** A program that cannot be started tells nothing; an abort is no answer and passes through. */
async function runOrSay(
  request: Parameters<typeof runCommand>[0],
): Promise<CommandResult | { readonly reason: string }> {
  try {
    return await runCommand(request);
  } catch (error) {
    if (!(error instanceof SluiceError) || error.failure.code !== "COMMAND_FAILED") throw error;
    return { reason: error.failure.message };
  }
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
