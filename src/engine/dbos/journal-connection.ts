/**
 * The journal's database as anybody may use it, launched or not: a command that only approves sends its message through
 * this and launches nothing. One connection pool serves DBOS and our own look at who owns a flow.
 */
import { Socket } from "node:net";
import { DBOSClient, type WorkflowStatus } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import type { Json } from "../../domain/json.ts";
import { limitQueries } from "../patient-client.ts";
import { engineFailed } from "./engine-failed.ts";

export interface JournalOptions {
  /** `postgresql://…`, direct or session-pooled (LISTEN). The database exists; its tables are made at launch. */
  readonly url: string;
  /** Unique per process and never used again. */
  readonly executorId: string;
  /** The journal's schema. */
  readonly schema?: string;
  /** What DBOS warns about: lost connections, repeated polls. */
  readonly onWarning?: (text: string) => void;
}

export const applicationName = "sluice";

/** Wrapped, since DBOS says `null` for "no message". */
export interface Message {
  readonly message: Json;
}

/** DBOS hands messages out in the order of their millisecond: a send lasts longer than one. */
const sendSpacingMs = 2;

/** Longer than DBOS waits for another process that makes its tables; its queries take milliseconds. */
const queryLimitMs = 30_000;

/** Between two looks at a database that is away. */
const outagePauseMs = 500;

export type JournalConnection = ReturnType<typeof journalConnection>;

export function journalConnection(options: JournalOptions) {
  const schema = options.schema ?? "dbos";
  const pool = connectionPool(options);
  const ownedQuery = `select 1 from ${pg.escapeIdentifier(schema)}.workflow_status
    where workflow_uuid = $1 and status = 'PENDING' and executor_id = $2`;
  const logger = loggerOf(options);
  let made: Promise<DBOSClient> | undefined;
  let closed = false;
  const client = () => {
    made ??= DBOSClient.create({
      systemDatabaseUrl: options.url,
      systemDatabasePool: pool,
      systemDatabaseSchemaName: schema,
      applicationName,
      logger,
    });
    return made;
  };
  return {
    pool,
    schema,
    logger,
    client,
    status: async (id: string): Promise<WorkflowStatus | undefined> => (await client()).getWorkflow(id),
    /** Does the journal name this process as the one that runs the flow? Waits for a database that is away. */
    async owns(id: string): Promise<boolean> {
      while (!closed) {
        try {
          return (await pool.query(ownedQuery, [id, options.executorId])).rowCount === 1;
        } catch (error) {
          options.onWarning?.(`Who runs ${id} cannot be read: ${(error as Error).message}`);
          await pause(outagePauseMs);
        }
      }
      return false;
    },
    async send(id: string, topic: string, message: Json, key: string): Promise<void> {
      try {
        await (await client()).send(id, { message } satisfies Message, topic, key);
      } catch (cause) {
        throw engineFailed(`The message for ${id} cannot be sent: ${(cause as Error).message}`, cause);
      }
      await pause(sendSpacingMs);
    },
    async published(id: string, key: string): Promise<Json | undefined> {
      return (await (await client()).getEvent<Json>(id, key, { timeoutSeconds: 0 })) ?? undefined;
    },
    async close(): Promise<void> {
      closed = true;
      await (await made)?.destroy();
      await pool.end();
    },
  };
}

function connectionPool(options: JournalOptions): pg.Pool {
  const pool = new pg.Pool({
    stream: patientSocket,
    connectionString: options.url,
    application_name: `sluice ${options.executorId}`,
    max: 10,
    connectionTimeoutMillis: 10_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
  });
  limitQueries(pool, queryLimitMs);
  pool.on("error", (error) => options.onWarning?.(error.message));
  return pool;
}

/**
 * DBOS waits for a server that refuses or resets connections, but not for a socket file that is gone while the server is
 * down, nor for a pipe that broke. The socket's first listener gives those the name that DBOS knows; pg passes the very
 * same error on.
 */
function patientSocket(): Socket {
  const socket = new Socket();
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "EPIPE") error.code = "ECONNRESET";
  });
  return socket;
}

function loggerOf(options: JournalOptions) {
  const silent = () => undefined;
  const warn = (entry: unknown) => options.onWarning?.(String(entry));
  return { debug: silent, info: silent, warn, error: warn };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
