/**
 * Why a migration failed, in words: first what the tool means by its own codes, then what PostgreSQL says under any tool.
 * The tools offer their output and nothing else, so it is read here, and only here.
 */
import type { Backend, Holder } from "./migration-session.ts";
import type { Explanation, MigrationTool } from "./migration-tool.ts";
import type { CommandResult } from "./run-command.ts";

export interface FailedRun {
  readonly tool: Pick<MigrationTool, "title" | "explain">;
  readonly options: { readonly database: string; readonly timeoutMs: number; readonly lockTimeoutMs: number };
  /** Undefined: the tool was not started, since tables could not be locked. */
  readonly result: CommandResult | undefined;
  /** What could not be locked. */
  readonly waited: string | undefined;
  readonly tried: number;
  /** Who has the lock that the tool runs under. */
  readonly holder?: Holder | undefined;
  /** Who has had a transaction open for longest. */
  readonly blocker?: Backend | undefined;
  readonly output: string;
}

/** SQLSTATE 55P03, as each of the drivers prints it. */
export const lockTimedOut = (output: string): boolean =>
  /\b55P03\b|canceling statement due to lock timeout/.test(output);

const lookHint =
  "The new code was not started. See what is pending with: sluice migrate <environment> <version> --dry-run";

export function failureWords(failed: FailedRun): Explanation {
  const { tool, options, result, output } = failed;
  if (result === undefined) return tableWords(failed);
  if (lockTimedOut(output)) return lockWords(failed);
  if (result.timedOut)
    return {
      message: `The migrations of ${options.database} took longer than ${options.timeoutMs} ms; ${tool.title} was ended.`,
      hint: lookHint,
    };
  const own = tool.explain(output) ?? underAnyTool(output);
  return {
    message: `The migrations of ${options.database} failed: ${own?.message ?? `${tool.title} ended with exit code ${result.exitCode}`}.`,
    hint: own?.hint ?? lookHint,
  };
}

function lockWords(failed: FailedRun): Explanation {
  const { tool, options, holder } = failed;
  if (holder === undefined) return tableWords(failed);
  return {
    message: `The migrations of ${options.database} failed: another run of ${tool.title} holds its lock: ${holder.name} (pid ${holder.pid}), connected for ${holder.seconds} s. Nothing was applied.`,
    hint: `Wait for it, or end it once you know whose it is: psql -c "SELECT pg_terminate_backend(${holder.pid})"`,
  };
}

function tableWords({ options, result, waited, tried, blocker }: FailedRun): Explanation {
  const what = waited ?? "a table that a migration needs was locked by others";
  const limit = options.lockTimeoutMs > 0 ? `${options.lockTimeoutMs} ms` : "the limit that it has set itself";
  const often = tried === 0 ? "" : `, ${tried + 1} times in a row`;
  const who = blocker
    ? ` Open for longest: ${blocker.name} (pid ${blocker.pid}), for ${blocker.seconds} s: ${blocker.statement}.`
    : "";
  const kept = result === undefined ? "; the tool was not started" : "";
  return {
    message: `The migrations of ${options.database} failed: ${what} for longer than ${limit}${often}${kept}. Nobody was kept waiting behind it.${who}`,
    hint: blocker
      ? `Wait until that transaction has ended, or end it: psql -c "SELECT pg_terminate_backend(${blocker.pid})"`
      : "Start again when the database is quieter: sluice deploy",
  };
}

const byServer: readonly (readonly [RegExp, string, string])[] = [
  [
    /\b57014\b|canceling statement due to statement timeout/,
    "a statement took longer than `statementTimeout` allows",
    "Do it in smaller parts, or raise migrations.<database>.statementTimeout, then: sluice validate",
  ],
  [
    /\b57P01\b|terminating connection due to administrator command/,
    "the database ended the migration's session",
    lookHint,
  ],
  [
    /\b42501\b|permission denied|must be owner/,
    "the database user may not do that",
    "Give it the right, or another user's URL as migrations.<database>.url, then: sluice validate",
  ],
  [
    /SSL is not enabled on the server/,
    "the tool asks for TLS and the server has none",
    "Where that is right (a socket, the same machine), add ?sslmode=disable to the URL, then: sluice migrate <environment> <version> --dry-run",
  ],
];

function underAnyTool(output: string): Explanation | undefined {
  const [, message, hint] = byServer.find(([pattern]) => pattern.test(output)) ?? [];
  return message === undefined || hint === undefined ? undefined : { message, hint };
}
