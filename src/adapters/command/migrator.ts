/**
 * Migrations by any tool that has a command line (M1). Two commands, run in the release's tree: one lists what is pending,
 * one applies it. The list is trusted only when every line of it is understood: a tool that prints a banner, a warning or a
 * stack trace and exits with 0 must not be read as "nothing pending".
 */
import { z } from "zod";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MigrationRun, Migrator, PendingMigration } from "../../ports/migrator.ts";
import { type FailedRun, failureWords, lockTimedOut } from "../migration-output.ts";
import {
  limitVariables,
  longestTransaction,
  type MigrationSession,
  readUrl,
  sessionNameOf,
  withSession,
} from "../migration-session.ts";
import { settleBackends } from "../migration-settle.ts";
import { type CommandEnvironment, type CommandResult, checkedCommand, runCommand, tailOf } from "../run-command.ts";

export interface CommandMigratorOptions {
  readonly name: string;
  /** The configuration's name of the database. */
  readonly database: string;
  /** Applies everything pending; exit code 0 means all of it. */
  readonly apply: readonly string[];
  /** Prints nothing, one id per line, or one JSON object per migration: `{"id": "…", "sql": "…"}` in the order of application. */
  readonly pending: readonly string[];
  readonly environment: CommandEnvironment;
  /** Of each of the two commands. */
  readonly timeoutMs: number;
  /** Where the database of the same name is PostgreSQL. Absent: the command gets no limits, and what it leaves at work is not found. */
  readonly postgres?: CommandOnPostgres;
}

export interface CommandOnPostgres {
  readonly url: () => Secret;
  /** 0: no limit. */
  readonly lockTimeoutMs: number;
  /** 0: no limit. */
  readonly statementTimeoutMs: number;
  readonly clock: Clock;
}

/** An id as tools write them: no blanks, so that a sentence is never taken for one. */
const Id = z.string().regex(/^[A-Za-z0-9][\w.:/+-]*$/);
const Described = z.strictObject({ id: Id, sql: z.string().optional() });

export function commandMigrator(options: CommandMigratorOptions): Migrator {
  const at = `databases.${options.database}.migrations`;
  const common = (releaseTree: string, signal: AbortSignal) => ({
    cwd: releaseTree,
    env: options.environment,
    timeoutMs: options.timeoutMs,
    signal,
  });
  return {
    kind: "command",
    database: options.database,
    async pending(releaseTree, signal) {
      const lines: string[] = [];
      await checkedCommand(
        {
          ...common(releaseTree, signal),
          argv: options.pending,
          onLine: (line, stream) => {
            if (stream === "stdout") lines.push(line);
          },
        },
        {
          code: "MIGRATION_FAILED",
          at,
          what: `The pending migrations of ${options.name} could not be listed`,
          hint: "Nothing was changed. Correct the command or what it complains about, then run: sluice migrate <environment> <version> --dry-run",
        },
      );
      return understood(lines) ?? refuseOutput(options.name, at, lines);
    },
    async apply(releaseTree, log, signal, run) {
      const env = { ...options.environment, ...(await limitsFor(options, signal, run)) };
      const request = { ...common(releaseTree, signal), env, argv: options.apply };
      const result = await runCommand({ ...request, onLine: (line) => log(line) });
      if (result.exitCode !== 0) throw await failedApply(options, at, result, signal);
    },
    ...(options.postgres === undefined ? {} : { settle: settleOf(options, options.postgres) }),
  };
}

const inSession = <T>(
  { database }: CommandMigratorOptions,
  { url }: CommandOnPostgres,
  signal: AbortSignal,
  work: (session: MigrationSession) => Promise<T>,
) => withSession(database, readUrl(database, url()), signal, work);

async function limitsFor(
  options: CommandMigratorOptions,
  signal: AbortSignal,
  run: MigrationRun | undefined,
): Promise<CommandEnvironment> {
  const { postgres, environment } = options;
  if (postgres === undefined) return {};
  const own = environment.PGOPTIONS;
  const ownText = typeof own === "string" ? own : own?.reveal();
  const name = sessionNameOf(run?.deploymentId ?? "by hand");
  const limits = await inSession(options, postgres, signal, (session) =>
    limitVariables(session, postgres, name, ownText),
  );
  return typeof own === "object" ? { ...limits, PGOPTIONS: new Secret(own.name, limits.PGOPTIONS) } : limits;
}

function settleOf(options: CommandMigratorOptions, postgres: CommandOnPostgres): NonNullable<Migrator["settle"]> {
  const { database, timeoutMs } = options;
  return async (how, signal, run) =>
    inSession(options, postgres, signal, (session) =>
      settleBackends(session, {
        ...{ database, how, patienceMs: timeoutMs, clock: postgres.clock, signal },
        tell: async (title) => run?.tell(title),
      }),
    );
}

async function failedApply(
  options: CommandMigratorOptions,
  at: string,
  result: CommandResult,
  signal: AbortSignal,
): Promise<SluiceError> {
  const { postgres, timeoutMs } = options;
  const output = `${result.stdoutTail}\n${result.stderrTail}`.trim();
  const blocker =
    postgres && lockTimedOut(output)
      ? await inSession(options, postgres, signal, longestTransaction).catch(() => undefined)
      : undefined;
  const failed: FailedRun = {
    tool: { title: `"${options.apply[0]}"`, explain: () => undefined },
    options: { database: options.name, timeoutMs, lockTimeoutMs: postgres?.lockTimeoutMs ?? 0 },
    ...{ result, waited: undefined, tried: 0, blocker, output },
  };
  const unsettled = "A statement that was cut off may still run inside the database. ";
  const { message, hint } = failureWords(failed);
  return new SluiceError({
    ...{ code: "MIGRATION_FAILED", remedy: "operator", at, message, evidence: tailOf(output) },
    hint: postgres ? hint : `${unsettled}${hint}`,
  });
}

/** The migrations, or undefined where any part of the output is not one, or one is named twice. */
function understood(lines: readonly string[]): readonly PendingMigration[] | undefined {
  const printed = lines.filter((line) => line.trim() !== "");
  const migrations = printed[0]?.startsWith("{") ? described(printed) : named(printed.map((line) => line.trim()));
  const ids = new Set(migrations?.map(({ id }) => id));
  return ids.size === migrations?.length ? migrations : undefined;
}

function named(lines: readonly string[]): readonly PendingMigration[] | undefined {
  return lines.every((line) => Id.safeParse(line).success) ? lines.map((id) => ({ id })) : undefined;
}

// A line beyond 64 KB (a migration with much SQL) comes in pieces, so an object may need more than one.
function described(lines: readonly string[]): readonly PendingMigration[] | undefined {
  const migrations: PendingMigration[] = [];
  let text = "";
  for (const line of lines) {
    text += line;
    const json = parsed(text);
    if (json === undefined) continue;
    const migration = Described.safeParse(json);
    if (!migration.success) return undefined;
    const { id, sql } = migration.data;
    migrations.push(sql === undefined ? { id } : { id, sql });
    text = "";
  }
  return text === "" ? migrations : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuseOutput(name: string, at: string, lines: readonly string[]): never {
  throw new SluiceError({
    code: "MIGRATION_FAILED",
    remedy: "operator",
    at,
    message: `The pending migrations of ${name} are not known: what its command printed is not a list of migrations.`,
    hint: 'It must print one id per line or one {"id","sql"} object per line, and nothing else on standard output. Try it with: sluice migrate <environment> <version> --dry-run',
    evidence: tailOf(lines.join("\n")),
  });
}
