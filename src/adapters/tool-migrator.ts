/**
 * Migrations by a project's own tool on PostgreSQL (M1 to M3, P2): what is pending is read from the release's folder and the
 * tool's own table, so that the plan shows the SQL and nothing is run to find out. Lock waits are limited, so that a migration
 * never queues in front of the application; what a lock timeout undid is tried again, nothing else.
 */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { SluiceError } from "../domain/errors.ts";
import { Secret } from "../domain/secret.ts";
import type { Clock } from "../ports/clock.ts";
import type { MigrationRun, Migrator } from "../ports/migrator.ts";
import { tryLocks } from "./migration-locks.ts";
import { failureWords, lockTimedOut } from "./migration-output.ts";
import {
  holderOf,
  leftBackends,
  longestTransaction,
  type MigrationSession,
  readUrl,
  sessionNameOf,
  toolUrl,
  withSession,
} from "./migration-session.ts";
import { settleBackends } from "./migration-settle.ts";
import type { MigrationFile, MigrationTool } from "./migration-tool.ts";
import { poolerTroubles, programTroubles } from "./migration-troubles.ts";
import { type CommandEnvironment, type CommandResult, runCommand, tailOf } from "./run-command.ts";

export interface ToolMigratorOptions {
  /** The configuration's name of the database. */
  readonly database: string;
  /** Looked up when it is used: a missing secret must not keep a plan from being shown. */
  readonly url: () => Secret;
  /** Inside the release: where the tool is started. */
  readonly workingDirectory: string;
  readonly environment: () => CommandEnvironment;
  /** Of the whole tool. */
  readonly timeoutMs: number;
  /** 0: no limit. */
  readonly lockTimeoutMs: number;
  /** 0: no limit. */
  readonly statementTimeoutMs: number;
  /** How often it is tried again after a lock timeout. */
  readonly retries: number;
  readonly clock: Clock;
}

const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

interface Work {
  readonly tool: MigrationTool;
  readonly options: ToolMigratorOptions;
  readonly folder: string;
  readonly url: URL;
  readonly signal: AbortSignal;
}

/** Without the look into the schema, which is the database's and not the tool's. */
export type ToolMigrator = Required<Omit<Migrator, "schema" | "sayUndone">>;

export function toolMigrator(tool: MigrationTool, options: ToolMigratorOptions): ToolMigrator {
  const { database } = options;
  const begin = (releaseTree: string, signal: AbortSignal): Work => ({
    tool,
    options,
    folder: join(releaseTree, options.workingDirectory),
    url: readUrl(database, options.url()),
    signal,
  });
  const inSession = <T>(work: Work, body: (session: MigrationSession) => Promise<T>) =>
    withSession(database, work.url, work.signal, body);
  return {
    kind: tool.kind,
    database,
    async pending(releaseTree, signal) {
      const work = begin(releaseTree, signal);
      const files = await inSession(work, (session) => pendingFiles(work, session));
      const printed = files.some(({ sql }) => sql === undefined) ? await printedSql(work) : undefined;
      return files.map(({ id, key, sql, atomic }) => {
        const text = sql ?? printed?.get(key);
        return { id, transaction: atomic, ...(text === undefined ? {} : { sql: text }) };
      });
    },
    async apply(releaseTree, log, signal, run) {
      await applyPatiently(begin(releaseTree, signal), log, run);
    },
    async applied(releaseTree, signal) {
      const work = begin(releaseTree, signal);
      const [files, rows] = await Promise.all([tool.files(work.folder), inSession(work, tool.rows)]);
      const byKey = new Map(files.map((file) => [file.key, file]));
      return (rows ?? [])
        .filter(({ failed }) => failed === undefined)
        .map(({ key, checksum }) => appliedOf(key, checksum, byKey.get(key)));
    },
    async troubles(releaseTree, signal) {
      const work = begin(releaseTree, signal);
      const missing = await programTroubles(tool, work.folder, access);
      const found = await inSession(work, (session) => troublesIn(work, session));
      return [...missing, ...poolerTroubles(work.url), ...found];
    },
    async settle(how, signal, run) {
      const work = begin(".", signal);
      await inSession(work, (session) =>
        settleBackends(session, {
          database,
          how,
          patienceMs: options.timeoutMs,
          clock: options.clock,
          signal,
          tell: async (title) => run?.tell(title),
        }),
      );
    },
  };
}

function appliedOf(key: string, checksum: string | undefined, file: MigrationFile | undefined) {
  const released = file === undefined ? { releasedChecksum: null } : checksumOf(file);
  return {
    id: file?.id ?? key,
    ...(checksum === undefined ? {} : { checksum }),
    ...released,
    ...(file?.sql === undefined ? {} : { sql: file.sql }),
  };
}

const checksumOf = ({ checksum }: MigrationFile) => (checksum === undefined ? {} : { releasedChecksum: checksum });

async function pendingFiles({ tool, folder }: Work, session: MigrationSession): Promise<readonly MigrationFile[]> {
  const files = await tool.files(folder);
  const rows = (await tool.rows(session)) ?? [];
  const applied = new Set(rows.filter(({ failed }) => failed === undefined).map(({ key }) => key));
  return files.filter(({ key }) => !applied.has(key));
}

async function troublesIn({ tool, folder, url }: Work, session: MigrationSession) {
  const own = await tool.troubles({ url, session, files: await tool.files(folder), rows: await tool.rows(session) });
  const holder = await holderOf(session, tool.advisoryLock);
  const backends = await leftBackends(session);
  const locked = holder && {
    severity: "stop" as const,
    detail: `another run of ${tool.title} holds its lock: ${holder.name} (pid ${holder.pid}), connected for ${holder.seconds} s`,
    hint: `Wait for it, or end it once you know whose it is: psql -c "SELECT pg_terminate_backend(${holder.pid})"`,
  };
  const left = backends.map(({ pid, name, seconds, statement }) => ({
    severity: "remark" as const,
    detail: `${name} (pid ${pid}) is still at work, for ${seconds} s: ${statement}`,
    hint: "It is awaited or ended before anything is migrated: sluice status",
  }));
  return [...own, ...(locked ? [locked] : []), ...left];
}

/** Undefined where the tool cannot say: then the plan shows the names alone, and the lint asks for a person's eyes. */
async function printedSql(work: Work): Promise<ReadonlyMap<string, string> | undefined> {
  const { tool, options, signal } = work;
  if (tool.printed === undefined) return undefined;
  const environment = await environmentOf(work, "plan", ["-c default_transaction_read_only=on"]);
  return tool
    .printed({ folder: work.folder, environment, timeoutMs: options.timeoutMs }, signal)
    .catch(() => signal.throwIfAborted() as undefined);
}

/** How one go at it ended. */
interface Go {
  /** Undefined: the tool was not started, since a table was locked. */
  readonly result: CommandResult | undefined;
  /** What could not be locked, in words. */
  readonly waited: string | undefined;
}

async function applyPatiently(work: Work, log: (line: string) => void, run: MigrationRun | undefined): Promise<void> {
  const { clock, database, retries, lockTimeoutMs } = work.options;
  for (let tried = 0; ; tried++) {
    const go = await goOnce(work, log, run);
    // Exit code 0 is not believed here: whoever called asks what is pending.
    if (go.result?.exitCode === 0) return;
    if (tried >= retries || !(await mayRepeat(work, go))) throw await failed(work, go, tried);
    const waitMs = Math.min(firstRetryMs * 2 ** tried, longestRetryMs);
    const what = go.waited ?? "a table was locked by others";
    await run?.tell(
      `${database}: ${what} for longer than ${lockTimeoutMs} ms; nothing was applied, trying again in ${waitMs / 1_000} s (${tried + 1} of ${retries})`,
    );
    await clock.sleep(waitMs, work.signal);
  }
}

async function goOnce(work: Work, log: (line: string) => void, run: MigrationRun | undefined): Promise<Go> {
  const waited = work.tool.triesLocksFirst ? await locksWithin(work) : undefined;
  if (waited !== undefined) return { result: undefined, waited };
  return { result: await runTool(work, log, run?.deploymentId ?? "by hand"), waited };
}

const outputOf = ({ stdoutTail, stderrTail }: CommandResult): string => `${stdoutTail}\n${stderrTail}`.trim();

/** What could not be locked, in words; undefined: every table of the pending migrations could be locked a moment ago. */
async function locksWithin(work: Work): Promise<string | undefined> {
  const { options, url, signal } = work;
  if (options.lockTimeoutMs === 0) return undefined;
  return withSession(options.database, url, signal, async (session) =>
    tryLocks(session, await pendingFiles(work, session), options.lockTimeoutMs),
  );
}

/** After a lock timeout only, and only what left nothing behind: without a transaction its first statements would run twice. */
async function mayRepeat(work: Work, { result }: Go): Promise<boolean> {
  const { tool, options, url, signal } = work;
  if (result === undefined) return true;
  if (!lockTimedOut(outputOf(result))) return false;
  return withSession(options.database, url, signal, async (session) => {
    const failedOnes = ((await tool.rows(session)) ?? []).filter((row) => row.failed !== undefined);
    const [next] = await pendingFiles(work, session);
    // A tool that writes down what fails has begun nothing where it wrote nothing: it waited for its own lock.
    return failedOnes.length === 0 && (next?.atomic === true || tool.triesLocksFirst === true);
  });
}

async function runTool(work: Work, log: (line: string) => void, deploymentId: string): Promise<CommandResult> {
  const { tool, folder, options, signal } = work;
  return runCommand({
    argv: [...tool.program, ...tool.applyWords],
    cwd: folder,
    env: await environmentOf(work, deploymentId, []),
    timeoutMs: options.timeoutMs,
    onLine: (line) => log(line),
    signal,
  });
}

async function environmentOf(
  { tool, folder, options, url, signal }: Work,
  deploymentId: string,
  more: readonly string[],
): Promise<CommandEnvironment> {
  const limited = await withSession(options.database, url, signal, (session) =>
    toolUrl(session, url, options, sessionNameOf(deploymentId), more),
  );
  const variables = await tool.urlVariables(folder);
  const secrets = variables.map((name) => [name, new Secret(name, limited.href)] as const);
  return { ...tool.environment, ...options.environment(), ...Object.fromEntries(secrets) };
}

async function failed({ tool, options, url, signal }: Work, go: Go, tried: number): Promise<SluiceError> {
  const output = go.result === undefined ? "" : outputOf(go.result);
  const inTheWay = await withSession(options.database, url, signal, async (session) => ({
    holder: await holderOf(session, tool.advisoryLock),
    blocker: await longestTransaction(session),
  })).catch(() => undefined);
  signal.throwIfAborted();
  return new SluiceError({
    code: "MIGRATION_FAILED",
    remedy: "operator",
    at: `migrations.${options.database}`,
    ...failureWords({ tool, options, ...go, tried, ...inTheWay, output }),
    ...(output === "" ? {} : { evidence: tailOf(output) }),
  });
}
