/**
 * What a migration tool with a folder of files and a table of its own has to say about itself, so that `tool-migrator.ts` can
 * do the rest: where its files are, what its table says, how it is called, and what its complaints mean.
 */
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { SluiceError } from "../domain/errors.ts";
import type { MigrationTrouble } from "../ports/migrator.ts";
import type { MigrationSession } from "./migration-session.ts";
import type { CommandEnvironment } from "./run-command.ts";

/** The names in the folder of migrations. Errors: MIGRATION_FAILED where the release has no such folder. */
export async function namesIn(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    throw new SluiceError({
      code: "MIGRATION_FAILED",
      remedy: "operator",
      at: "migrations",
      message: `The release has no folder of migrations that can be read: ${folder}.`,
      hint: "Nothing was changed. Name it as migrations.<database>.folder, relative to workingDirectory, then: sluice validate",
      cause,
    });
  }
}

/** One migration of the release. */
export interface MigrationFile {
  readonly id: string;
  /** Its name in the tool's table. */
  readonly key: string;
  /** Undefined where it is a program and not SQL. */
  readonly sql: string | undefined;
  readonly checksum?: string;
  /** All of it or nothing: the tool runs it in a transaction, so that after a lock timeout it may be tried again. */
  readonly atomic: boolean;
}

export interface MigrationRow {
  readonly key: string;
  readonly checksum?: string;
  /** Begun and not ended well: the tool refuses to go on. Its own words, or empty. */
  readonly failed?: string;
}

/** What the tool's words mean. */
export interface Explanation {
  readonly message: string;
  /** Ends with a command. */
  readonly hint: string;
}

export interface ToolCall {
  /** Absolute: the release's tree and the working directory in it. */
  readonly folder: string;
  readonly environment: CommandEnvironment;
  readonly timeoutMs: number;
}

export interface MigrationTool {
  readonly kind: string;
  /** As people say it. */
  readonly title: string;
  /** The tool of the project: relative paths are below the working directory. */
  readonly program: readonly string[];
  /** Besides the URL and what the configuration adds. */
  readonly environment?: Readonly<Record<string, string>>;
  /** After the program. */
  readonly applyWords: readonly string[];
  /** The variables in which it looks for the URL. */
  readonly urlVariables: (folder: string) => Promise<readonly string[]>;
  /** In the order of application. */
  readonly files: (folder: string) => Promise<readonly MigrationFile[]>;
  /** Its table, in the order of application; undefined: there is none yet. */
  readonly rows: (session: MigrationSession) => Promise<readonly MigrationRow[] | undefined>;
  /** The number of the advisory lock under which it runs; without one two runs do not exclude each other. */
  readonly advisoryLock?: bigint;
  /** What its own table or settings say against a run. */
  readonly troubles: (facts: ToolFacts) => Promise<readonly MigrationTrouble[]>;
  /** What a person says to it once nothing of a failed migration is left; absent where its table has no word of it. */
  readonly sayUndone?: (id: string) => string;
  /** Undefined: nothing known about it. */
  readonly explain: (output: string) => Explanation | undefined;
  /** The SQL of migrations that are programs, as the tool itself prints it. */
  readonly printed?: (call: ToolCall, signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;
  /** True: what a lock timeout cut off is a failed migration to this tool, so locks are tried for beforehand. */
  readonly triesLocksFirst?: boolean;
}

export interface ToolFacts {
  readonly url: URL;
  readonly session: MigrationSession;
  readonly files: readonly MigrationFile[];
  readonly rows: readonly MigrationRow[] | undefined;
}
