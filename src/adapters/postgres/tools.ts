/**
 * The PostgreSQL tools of this machine. Several majors may be installed; a pg_dump older than its server refuses to work,
 * and a pg_restore much newer than its server sends settings that the server does not know, so the nearest major wins.
 */
import { readdir } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import { runCommand } from "../run-command.ts";

export interface Tools {
  readonly pgDump: string;
  readonly pgRestore: string;
  /** Beside the others; not every package of client tools has them. */
  readonly pgDumpAll: string;
  readonly pgAmcheck: string;
  readonly major: number;
}

/** Where distributions put majors side by side: Debian, Red Hat, Homebrew (Intel and ARM). */
const versionedFolders = [
  { parent: "/usr/lib/postgresql", matching: /^\d+$/ },
  { parent: "/usr", matching: /^pgsql-\d+$/ },
  { parent: "/opt/homebrew/opt", matching: /^(postgresql|libpq)(@\d+)?$/ },
  { parent: "/usr/local/opt", matching: /^(postgresql|libpq)(@\d+)?$/ },
] as const;

/** The tools found, lowest major first. Only those of `binFolder` where it is given. */
export async function findTools(binFolder: string | undefined, signal: AbortSignal): Promise<readonly Tools[]> {
  const folders = binFolder === undefined ? [undefined, ...(await installedFolders())] : [binFolder];
  const found = await Promise.all(folders.map((folder) => toolsIn(folder, signal)));
  const tools = found.filter((each) => each !== undefined).toSorted((a, b) => a.major - b.major);
  return tools.map((each) => ({ ...each, pgAmcheck: amcheckOf(each, tools) }));
}

/** Debian's PATH has wrappers of most tools and none of pg_amcheck, which lies in its major's own folder. */
const amcheckOf = (tools: Tools, all: readonly Tools[]): string =>
  all.find(({ major, pgAmcheck }) => major === tools.major && isAbsolute(pgAmcheck))?.pgAmcheck ?? tools.pgAmcheck;

/**
 * The tools nearest to the server's major, never older.
 * Errors: BACKUP_FAILED naming both majors and what to install.
 */
export async function toolsFor(
  serverMajor: number,
  binFolder: string | undefined,
  signal: AbortSignal,
): Promise<Tools> {
  const found = await findTools(binFolder, signal);
  const fitting = found.find((tools) => tools.major >= serverMajor);
  if (fitting) return fitting;
  const newest = found.at(-1);
  throw toolsMissing(
    newest === undefined
      ? `No pg_dump was found${binFolder === undefined ? "" : ` in ${binFolder}`}; the server is PostgreSQL ${serverMajor}.`
      : `pg_dump is version ${newest.major} and the server is PostgreSQL ${serverMajor}; an older pg_dump cannot dump a newer server.`,
    serverMajor,
  );
}

/** The newest tools, which read the archives of every older one. Errors: BACKUP_FAILED. */
export async function newestTools(binFolder: string | undefined, signal: AbortSignal): Promise<Tools> {
  const newest = (await findTools(binFolder, signal)).at(-1);
  if (newest) return newest;
  throw toolsMissing(`No pg_restore was found${binFolder === undefined ? "" : ` in ${binFolder}`}.`, undefined);
}

function toolsMissing(message: string, major: number | undefined): SluiceError {
  const version = major === undefined ? "" : `-${major}`;
  return new SluiceError({
    code: "BACKUP_FAILED",
    remedy: "operator",
    at: "adapters.postgres.tools",
    message,
    hint: `Install the client tools${major === undefined ? "" : ` of PostgreSQL ${major} or newer`}, for example with: apt-get install postgresql-client${version}`,
  });
}

async function toolsIn(folder: string | undefined, signal: AbortSignal): Promise<Tools | undefined> {
  const inFolder = (tool: string) => (folder === undefined ? tool : join(folder, tool));
  const [pgDump, pgRestore] = [inFolder("pg_dump"), inFolder("pg_restore")];
  const majors = await Promise.all([majorOf(pgDump, signal), majorOf(pgRestore, signal)]);
  const [dumpMajor, restoreMajor] = majors;
  if (dumpMajor === undefined || dumpMajor !== restoreMajor) return undefined;
  return { pgDump, pgRestore, pgDumpAll: inFolder("pg_dumpall"), pgAmcheck: inFolder("pg_amcheck"), major: dumpMajor };
}

async function majorOf(program: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const { exitCode, stdoutTail } = await runCommand({ argv: [program, "--version"], timeoutMs: 10_000, signal });
    const major = /\(PostgreSQL\) (\d+)/.exec(stdoutTail)?.[1];
    return exitCode === 0 && major !== undefined ? Number(major) : undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SluiceError && error.failure.code === "COMMAND_FAILED") return undefined;
    throw error;
  }
}

async function installedFolders(): Promise<readonly string[]> {
  const lists = await Promise.all(
    versionedFolders.map(async ({ parent, matching }) => {
      const entries = await readdir(parent).catch(() => []);
      return entries.filter((entry) => matching.test(entry)).map((entry) => join(parent, entry, "bin"));
    }),
  );
  return lists.flat();
}
