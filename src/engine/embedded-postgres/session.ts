/**
 * The supervisor's own session with the server. It proves that the socket leads to the right cluster, and while it is
 * open it holds a shared advisory lock: whoever stops an idle server takes that lock exclusively first, so a server is
 * never stopped between a process's look at it and that process's first connection.
 */
import { realpathSync } from "node:fs";
import type { Socket } from "node:net";
import pg from "pg";
import { isAlive } from "../process-alive.ts";
import { databaseName, type Location, urlOf } from "./location.ts";
import { readPidFile } from "./postmaster.ts";
import { damaged, isDamage } from "./start-trouble.ts";
import { pause } from "./waiting.ts";

/** Any number, the same in every Sluice. */
const useLock = 7_300_414;

export interface Session {
  readonly pid: number;
  /** `idle`: nobody else uses the server, and nobody will be told that it is there: it may be stopped now. */
  claimIdle(): Promise<"idle" | "used" | "cut off">;
  close(): Promise<void>;
}

/**
 * Undefined where no server of this cluster accepts connections, or it is just being stopped. The database that Sluice's tables
 * live in is made where whoever started the server died before.
 */
export async function openSession(location: Location): Promise<Session | undefined> {
  const opened = await tryToOpen(location);
  return opened === "not yet" ? undefined : opened;
}

/** A server that lost one of its processes to a damaged file ends all sessions and reads its log first; mostly two seconds. */
const recoversForMs = 20_000;
const recoveryLookMs = 100;

/** The same, and waits for a server that lives and lets nobody in yet. */
export async function openSessionPatiently(location: Location): Promise<Session | undefined> {
  for (let waitedMs = 0; waitedMs < recoversForMs; waitedMs += recoveryLookMs) {
    const opened = await tryToOpen(location);
    if (opened !== "not yet") return opened;
    await pause(recoveryLookMs);
  }
  return undefined;
}

async function tryToOpen(location: Location): Promise<Session | "not yet" | undefined> {
  const file = readPidFile(location.dataFolder);
  if (file === undefined) return undefined;
  const client = new pg.Client({
    connectionString: urlOf(location, "postgres"),
    connectionTimeoutMillis: 5_000,
    query_timeout: 15_000,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await recognise(client, location);
  } catch (thrown) {
    await client.end().catch(() => undefined);
    const code = codeOf(thrown);
    if (isDamage(code)) throw damaged(location.dataFolder, (thrown as Error).message, thrown);
    if (code === diskIsFull) throw thrown;
    return isNobodys(thrown) || !isAlive(file.pid) ? undefined : "not yet";
  }
  // An open session must not keep a finished command alive, but a query on it must.
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection;
  stream.unref();
  return {
    pid: file.pid,
    claimIdle() {
      stream.ref();
      return claimIdle(client);
    },
    async close() {
      stream.ref();
      await client.end().catch(() => undefined);
    },
  };
}

/** Throws unless it is this cluster's server and may be used. */
async function recognise(client: pg.Client, location: Location): Promise<void> {
  const { rows } = await client.query<{ readonly folder: string; readonly mine: boolean; readonly there: boolean }>(
    `select current_setting('data_directory') as folder, pg_try_advisory_lock_shared($1) as mine,
       exists (select from pg_database where datname = $2) as there`,
    [useLock, databaseName],
  );
  const ours = rows[0]?.mine === true && realpathSync(rows[0].folder) === realpathSync(location.dataFolder);
  if (!ours) throw new NotOurs("another server, or one that is being stopped");
  if (!rows[0]?.there) await makeDatabase(client);
}

const diskIsFull = "53100";
/** Nobody answers at the socket, or not this cluster's server. Whoever cuts us off or turns us away is there and may recover. */
const isNobodys = (thrown: unknown): boolean =>
  thrown instanceof NotOurs || /^(ENOENT|ECONNREFUSED)$/.test(codeOf(thrown));

class NotOurs extends Error {}

const codeOf = (thrown: unknown): string => (thrown instanceof Error && "code" in thrown ? String(thrown.code) : "");

/** Two processes may find it missing at once. */
async function makeDatabase(client: pg.Client): Promise<void> {
  await client.query(`create database ${client.escapeIdentifier(databaseName)}`).catch((thrown: unknown) => {
    const made = ["42P04", "23505"].includes(codeOf(thrown));
    if (!made) throw thrown;
  });
}

const leaving = "sluice, leaving";
/** Sessions that were closed a moment ago, our own among them, are still counted for another. */
const looks = 3;
const lookEveryMs = 15;

/**
 * Of several that leave at the same time none counts the others, and none keeps the others from the lock: one of them gets
 * it. Where the server cuts us off, another one did, or it has lost a process to a damaged file and recovers.
 */
async function claimIdle(client: pg.Client): Promise<"idle" | "used" | "cut off"> {
  try {
    await client.query("select set_config('application_name', $2, false), pg_advisory_unlock_shared($1)", [
      useLock,
      leaving,
    ]);
    if (!(await isUnused(client))) return "used";
    const { rows } = await client.query<{ readonly mine: boolean }>("select pg_try_advisory_lock($1) as mine", [
      useLock,
    ]);
    return rows[0]?.mine === true ? "idle" : "used";
  } catch {
    return "cut off";
  }
}

async function isUnused(client: pg.Client): Promise<boolean> {
  for (let look = 1; look <= looks; look++) {
    const { rows } = await client.query<{ readonly users: string }>(
      `select count(*) as users from pg_stat_activity
       where backend_type = 'client backend' and pid <> pg_backend_pid() and application_name <> $1`,
      [leaving],
    );
    if (Number(rows[0]?.users) === 0) return true;
    if (look < looks) await pause(lookEveryMs);
  }
  return false;
}
