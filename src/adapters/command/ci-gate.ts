/** Asks a command whether CI passed for exactly one commit (T4): exit 0 passed, 1 failed, everything else is not known. */
import { SluiceError } from "../../domain/errors.ts";
import { fail, pass, unknown } from "../../domain/verdict.ts";
import type { CiGate } from "../../ports/ci-gate.ts";
import { type CommandEnvironment, type CommandResult, runCommand } from "../run-command.ts";

export interface CommandCiGateOptions {
  /** `{commit}` in an argument becomes the full commit id. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly timeoutMs: number;
  /** What the command sees besides PATH and its like, such as a token; nothing by default. */
  readonly environment?: CommandEnvironment;
}

const commitId = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

export function commandCiGate({ argv, cwd, timeoutMs, environment = {} }: CommandCiGateOptions): CiGate {
  return {
    kind: "command",
    async passed(commit, signal) {
      if (!commitId.test(commit))
        return { verdict: unknown("the commit id is not a full one"), detail: commit.slice(0, 80) };
      const words = argv.map((word) => word.replaceAll("{commit}", commit));
      try {
        return answerOf(
          await runCommand({ argv: words, cwd, env: environment, timeoutMs, signal }),
          words[0] ?? "",
          timeoutMs,
        );
      } catch (error) {
        // A program that cannot be started tells nothing about CI. An abort is no answer and passes through.
        if (!(error instanceof SluiceError) || error.failure.code !== "COMMAND_FAILED") throw error;
        return { verdict: unknown(error.failure.message), detail: error.failure.hint };
      }
    },
  };
}

function answerOf(result: CommandResult, program: string, timeoutMs: number) {
  const printed = `${result.stdoutTail}\n${result.stderrTail}`.trim();
  const detail = printed === "" ? `${program} printed nothing` : printed;
  const lastLine = detail.split("\n").at(-1) ?? "";
  if (result.timedOut) return { verdict: unknown(`${program} gave no answer within ${timeoutMs} ms`), detail };
  if (result.exitCode === 0) return { verdict: pass, detail };
  if (result.exitCode === 1) return { verdict: fail(lastLine), detail };
  return { verdict: unknown(`${program} ended with exit code ${result.exitCode}: ${lastLine}`), detail };
}
