/** The server process: making its cluster, starting it apart from us, recognising it again, stopping it. */
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isAlive } from "../process-alive.ts";
import { type Account, makePrivateFolder } from "./account.ts";
import { type Location, socketPort } from "./location.ts";
import type { Programs } from "./programs.ts";
import { damaged, type StartPlace, startFailed } from "./start-trouble.ts";
import { poll } from "./waiting.ts";

const maxLogBytes = 5_000_000;

/**
 * A ledger is small and must not lose a row: fsync stays on, memory stays low. No replication and no parallel
 * machinery, so that an idle server costs next to nothing.
 */
const settings: Readonly<Record<string, string | number>> = {
  listen_addresses: "",
  port: socketPort,
  unix_socket_permissions: "0700",
  max_connections: 100,
  shared_buffers: "16MB",
  max_wal_size: "256MB",
  wal_level: "minimal",
  max_wal_senders: 0,
  max_worker_processes: 2,
  io_method: "sync",
  jit: "off",
  huge_pages: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  cluster_name: "sluice",
};

/**
 * Makes the cluster under another name first: a cluster named `data` is complete, whatever was killed when. So one that is there
 * and lacks a part was damaged later, and one that was made and is gone was taken away: both held a ledger and are not filled anew.
 */
export async function makeCluster(
  programs: Programs,
  location: Location,
  account: Account | undefined,
  logFile: string,
) {
  const { dataFolder } = location;
  if (existsSync(join(dataFolder, "PG_VERSION"))) return;
  if (existsSync(dataFolder) && readdirSync(dataFolder).length > 0) throw damaged(dataFolder, "PG_VERSION is missing");
  // A person who sets it aside, as they are told to, wants a new one.
  if (location.made && !existsSync(`${dataFolder}.damaged`))
    throw damaged(dataFolder, "it was made before and is gone");
  const filling = `${dataFolder}.${process.pid}-${Date.now()}`;
  const logBytes = sizeOf(logFile);
  makePrivateFolder(filling, account);
  try {
    const flags = ["--username=sluice", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"];
    const child = launch(programs.initdb, ["-D", filling, ...flags], filling, account, logFile, false);
    const code = await new Promise((resolve, reject) => child.once("exit", resolve).once("error", reject));
    if (code !== 0) throw startFailed(`initdb ended with code ${code}.`, { dataFolder, logFile, logBytes });
    renameSync(filling, dataFolder);
  } catch (error) {
    rmSync(filling, { recursive: true, force: true });
    throw error;
  }
}

/** What `makeCluster` was killed in: never renamed into place, so that nothing of value is in it. Some 40 MB each. */
export function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^data\.(\d+)-\d+$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      rmSync(join(folder, name), { recursive: true, force: true });
    } catch {
      // Its initdb lives on and fills it: it goes at a later start.
    }
  }
}

/**
 * Starts the server in a session of its own, so that signals to our process group do not reach it. Resolves with its
 * pid when it accepts connections; throws when it ended or took longer than `forMs`.
 */
export async function startPostmaster(
  programs: Programs,
  location: Location,
  account: Account | undefined,
  logFile: string,
): Promise<number> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const args = ["-D", location.dataFolder, "-k", location.socketFolder, ...flags];
  const place: StartPlace = { dataFolder: location.dataFolder, logFile, logBytes: sizeOf(logFile) };
  const child = launch(programs.postgres, args, location.dataFolder, account, logFile, true);
  let ended: string | undefined;
  child.once("exit", (code, signal) => {
    ended = `PostgreSQL ended at once (${signal ?? `code ${code}`}).`;
  });
  child.once("error", (error) => {
    ended = `PostgreSQL could not be started: ${error.message}.`;
  });
  const isUp = () => {
    if (ended) throw startFailed(ended, place);
    const file = readPidFile(location.dataFolder);
    return file?.pid === child.pid && file?.ready === true;
  };
  await poll(isUp, { everyMs: 10, forMs: 60_000, what: `PostgreSQL to start (see ${logFile})` });
  child.unref();
  return child.pid as number;
}

function launch(
  program: string,
  args: readonly string[],
  folder: string,
  account: Account | undefined,
  logFile: string,
  detached: boolean,
) {
  if (existsSync(logFile) && statSync(logFile).size > maxLogBytes) truncateSync(logFile);
  const log = openSync(logFile, "a", 0o644);
  try {
    return spawn(program, args, {
      cwd: folder,
      detached,
      stdio: ["ignore", log, log],
      // Nothing of our environment: PG* variables, LD_PRELOAD and secrets stay out.
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    });
  } finally {
    closeSync(log);
  }
}

/** What postmaster.pid says. It outlives a killed server, so it proves nothing alone. */
export function readPidFile(dataFolder: string): { readonly pid: number; readonly ready: boolean } | undefined {
  try {
    const lines = readFileSync(join(dataFolder, "postmaster.pid"), "utf8").split("\n");
    return { pid: Number(lines[0]), ready: lines[7]?.trim() === "ready" };
  } catch {
    return undefined;
  }
}

/**
 * The pid in the file is no server's. The file itself stays: by the rest of it PostgreSQL sees whether children of the last server
 * still hold its memory. The pid of the process that starts PostgreSQL counts for it as out of date (its `CreateLockFile`).
 */
export function disclaimPidFile(dataFolder: string): void {
  const file = join(dataFolder, "postmaster.pid");
  const [, ...rest] = readFileSync(file, "utf8").split("\n");
  writeFileSync(file, [process.pid, ...rest].join("\n"));
}

/** A server whose files are damaged may not come to the end of a fast shutdown. */
const fastForMs = 30_000;

/**
 * Fast shutdown: sessions are ended, data is written, the process is gone when this resolves. One that does not end by it, or that
 * is told to go at once, leaves its log to be read at the next start, which loses nothing that was committed.
 */
export async function stopPostmaster(pid: number, how: "fast" | "at-once" = "fast"): Promise<void> {
  const gone = { everyMs: 10, forMs: fastForMs, what: `PostgreSQL (pid ${pid}) to stop` };
  if (how === "fast") {
    if (!tell(pid, "SIGINT")) return;
    const ended = await poll(() => !isAlive(pid), gone).then(
      () => true,
      () => false,
    );
    if (ended) return;
  }
  if (tell(pid, "SIGQUIT")) await poll(() => !isAlive(pid), gone);
}

/** False: it is gone already. */
function tell(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

const sizeOf = (file: string): number => (existsSync(file) ? statSync(file).size : 0);
