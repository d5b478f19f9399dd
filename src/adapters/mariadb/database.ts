/** MariaDB and MySQL as the deployment sees them, through `mysql2` for facts and through their own tools for dumps and restores. */
import { SluiceError } from "../../domain/errors.ts";
import type { Secret } from "../../domain/secret.ts";
import type { Database } from "../../ports/database.ts";
import { type Connection, readConnection, type Vendor } from "./connection.ts";
import { holdDataLock } from "./data-lock.ts";
import { dumpDatabase, toolWords } from "./dump.ts";
import { factsOf } from "./facts.ts";
import { readBackDump, restoreCommandsOf, restoreDump } from "./restore.ts";
import { rehearseRestore } from "./scratch.ts";

export interface MariaDbDatabaseOptions {
  readonly name: string;
  readonly kind: Vendor;
  /** `mysql://user:password@host:port/database`; a socket as `?socket=/path`. */
  readonly url: Secret;
  /** The folder of the tools. Without it PATH is searched. */
  readonly binFolder?: string;
  /** How long a statement may wait for a lock before it gives up, in milliseconds; 30,000 by default. */
  readonly lockWaitMs?: number;
  /** How long writers may be held at the beginning of a dump, in milliseconds; by default never. */
  readonly holdWritesMs?: number | null;
}

const nameLength = 64;

/** These servers rename tables and no databases, and a table with a trigger, a view or a routine does not go along. */
export const cannotSwap =
  "MariaDB and MySQL cannot rename a database: its tables would go one by one, and its triggers, views and routines not at all";

/** Throws CONFIG_INVALID for something that is no MySQL URL. */
export function mariaDbDatabase(options: MariaDbDatabaseOptions): Database {
  const connection = readConnection(options.name, options.kind, options.url, options.lockWaitMs);
  const dumping = { binFolder: options.binFolder, holdWritesMs: options.holdWritesMs ?? null };
  return {
    kind: options.kind,
    name: options.name,
    cannotSwap,
    exclusively: (claim, signal, body) => holdDataLock(connection, claim, signal, body),
    beside: (suffix) => `${connection.database.slice(0, nameLength - suffix.length - 1)}_${suffix}`,
    swapIn: async () => {
      throw noSwap(connection);
    },
    writtenSince: async () => null,
    facts: (signal) => factsOf(connection, connection.database, signal),
    tools: (signal) => toolWords(connection, dumping, signal),
    dump: (signal) => dumpDatabase(connection, dumping, signal),
    readBack: (format, bytes, signal) => readBackDump(connection, format, bytes, signal),
    restore: (format, bytes, into, signal) => restoreDump(connection, dumping, format, bytes, into, signal),
    rehearse: (request, signal) => rehearseRestore(connection, dumping, request, signal),
    restoreCommands: (_format, storedAt, into, endpoint) => restoreCommandsOf(connection, storedAt, into, endpoint),
  };
}

const noSwap = ({ name }: Connection): SluiceError =>
  new SluiceError({
    code: "RESTORE_FAILED",
    remedy: "operator",
    at: `databases.${name}`,
    message: `Nothing was swapped: ${cannotSwap}.`,
    hint: "Restore into a new database and point the application at it: sluice restore <backup> --into <name>",
  });
