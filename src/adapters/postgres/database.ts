/** PostgreSQL as the deployment sees it, through `pg` for facts and through its own tools for dumps and restores. */
import { tmpdir } from "node:os";
import type { Secret } from "../../domain/secret.ts";
import type { Database } from "../../ports/database.ts";
import { readConnection } from "./connection.ts";
import { holdDataLock } from "./data-lock.ts";
import { dumpDatabase, toolWords } from "./dump.ts";
import { factsOf } from "./facts.ts";
import { type ParallelOptions, packingOf } from "./packing.ts";
import { readBackDump, restoreCommandsOf, restoreDump } from "./restore.ts";
import { roomOf } from "./room.ts";
import { rehearseRestore } from "./scratch.ts";
import { besideName, refuseOwnLedger, settleSwap, swapDatabases, walSince } from "./swap.ts";

type PostgresDatabase = Database & Required<Pick<Database, "room" | "swappable" | "settleSwap">>;

export interface PostgresDatabaseOptions {
  readonly name: string;
  /** `postgresql://user:password@host:port/database`; a socket folder as `?host=/folder`. */
  readonly url: Secret;
  /** The folder of pg_dump and pg_restore. Without it PATH and the distributions' own places are searched. */
  readonly binFolder?: string;
  /** How long a dump may wait for a lock before it gives up, in milliseconds; 30,000 by default. */
  readonly lockWaitMs?: number;
  /** Without it every dump is one stream. */
  readonly parallel?: ParallelOptions;
  /** What a restored copy may take on a server whose disk cannot be seen from here, in bytes. */
  readonly roomForCopy?: number | null;
}

const oneStream: ParallelOptions = { fromBytes: null, jobs: 2, folder: tmpdir() };

/** Throws CONFIG_INVALID for something that is no PostgreSQL URL. */
export function postgresDatabase(options: PostgresDatabaseOptions): PostgresDatabase {
  const connection = readConnection(options.name, options.url);
  const dumping = {
    binFolder: options.binFolder,
    lockWaitMs: options.lockWaitMs ?? 30_000,
    parallel: options.parallel ?? oneStream,
  };
  return {
    kind: "postgres",
    name: options.name,
    exclusively: (claim, signal, body) => holdDataLock(connection, claim, signal, body),
    beside: (suffix) => besideName(connection, suffix),
    swapIn: (restored, kept, signal) => swapDatabases(connection, restored, kept, signal),
    swappable: (signal) => refuseOwnLedger(connection, signal),
    settleSwap: (restored, kept, signal) => settleSwap(connection, restored, kept, signal),
    writtenSince: (snapshot, signal) => walSince(connection, snapshot, signal),
    facts: (signal) => factsOf(connection, connection.database, dumping, signal),
    tools: (signal) => toolWords(connection, dumping, signal),
    dump: (signal) => dumpDatabase(connection, dumping, signal),
    readBack: (format, bytes, signal) => readBackDump(connection, dumping, format, bytes, signal),
    restore: (format, bytes, into, signal) => restoreDump(connection, dumping, format, bytes, into, signal),
    rehearse: (request, signal) => rehearseRestore(connection, dumping, request, signal),
    room: (_use, signal) => roomOf(connection, options.roomForCopy ?? null, signal),
    restoreCommands: (format, storedAt, into, endpoint) => {
      const how = { layout: packingOf(format)?.layout ?? "custom", jobs: dumping.parallel.jobs };
      return restoreCommandsOf(connection, how, storedAt, into, endpoint);
    },
  };
}
