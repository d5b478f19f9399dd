/**
 * The PostgreSQL that Sluice brings along, one per state folder. The first process that needs it starts it; later ones
 * find it running and adopt it; it outlives all of them until somebody stops it or finds it idle. A running server is
 * believed only when it answers on the recorded socket and names the recorded data folder: a pid file outlives its server.
 */
import { chmodSync, existsSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import { isAlive } from "../process-alive.ts";
import { postgresAccount } from "./account.ts";
import {
  databaseFolder,
  isOfState,
  type Location,
  prepareLocation,
  recordedLocation,
  recordMade,
  socketHolder,
  urlOf,
} from "./location.ts";
import {
  disclaimPidFile,
  makeCluster,
  readPidFile,
  removeUnfinished,
  startPostmaster,
  stopPostmaster,
} from "./postmaster.ts";
import { installPrograms } from "./programs.ts";
import { openSession, openSessionPatiently, type Session } from "./session.ts";
import { withStartLock } from "./start-lock.ts";
import { isLasting } from "./start-trouble.ts";
import { prepareStateFolder, refuseNewer, stateTrouble } from "./state-folder.ts";
import { folderServedBy, pause } from "./waiting.ts";

export interface EmbeddedPostgres {
  readonly url: string;
  readonly dataFolder: string;
  readonly pid: number;
  /** False: it was running and has been adopted. */
  readonly started: boolean;
  /** Gives up this process's claim on the server, which goes on. */
  release(): Promise<void>;
  /** Fast shutdown, also under others' sessions. */
  stop(): Promise<void>;
}

/** After kill -9 of a server, its children may hold its memory for a moment, and the next start fails. */
const startPausesMs = [100, 300, 1_000, 3_000];

/** @param stateFolder absolute, e.g. `<project>/.sluice`; made where it is missing. */
export async function openEmbeddedPostgres(options: { readonly stateFolder: string }): Promise<EmbeddedPostgres> {
  const { stateFolder } = options;
  prepareStateFolder(stateFolder);
  try {
    return await adoptOrStart(stateFolder);
  } catch (thrown) {
    throw stateTrouble(thrown, stateFolder);
  }
}

/** One who leaves may have taken a server for idle that was just being started for us: then it is stopped, and started once more. */
async function adoptOrStart(stateFolder: string): Promise<EmbeddedPostgres> {
  for (let tries = 1; ; tries++) {
    const adopted = await adopt(stateFolder);
    if (adopted) return adopted;
    const mine = async () => (await adopt(stateFolder)) ?? start(stateFolder, tries === startTries);
    const opened = await withStartLock(lockFile(stateFolder), mine);
    if (opened) return opened;
    await pause(lookAgainMs);
  }
}

const startTries = 10;
const lookAgainMs = 50;

/** The running server's url and pid, without starting one. */
export async function embeddedPostgresStatus(
  stateFolder: string,
): Promise<{ readonly url: string; readonly pid: number } | undefined> {
  refuseNewer(stateFolder);
  const running = await adopt(stateFolder);
  await running?.release();
  return running && { url: running.url, pid: running.pid };
}

/** True when it was running, nobody used it, and it is stopped now. Waits for one that recovers. */
export async function stopEmbeddedPostgresIfIdle(stateFolder: string): Promise<boolean> {
  const location = ownLocation(stateFolder);
  for (let tries = 1; location && tries <= stopTries; tries++) {
    const session = await openSessionPatiently(location);
    if (!session) return false;
    const claim = await session.claimIdle();
    if (claim === "idle") {
      await stopServer(session.pid, location, stateFolder);
      return true;
    }
    await session.close();
    if (claim === "used") return false;
  }
  return false;
}

/** One that recovers from the loss of a process cuts everybody off, mostly once. */
const stopTries = 3;

const ownLocation = (stateFolder: string): Location | undefined => {
  const location = recordedLocation(stateFolder);
  return location && isOfState(location, stateFolder) ? location : undefined;
};

async function adopt(stateFolder: string): Promise<EmbeddedPostgres | undefined> {
  const location = ownLocation(stateFolder);
  const session = location && (await openSession(location));
  return session && handle(stateFolder, location, session, false);
}

/** @param last undefined is no answer any more: a server that nobody can open is stopped. */
async function start(stateFolder: string, last: boolean): Promise<EmbeddedPostgres | undefined> {
  if (process.platform === "win32") throw notHere();
  const account = postgresAccount();
  await stopUnreachable(join(databaseFolder(stateFolder, account), "data"));
  const programs = installPrograms(account, join(stateFolder, "programs"));
  const before = ownLocation(stateFolder);
  if (before) await stopOrphan(before.socketFolder);
  const location = prepareLocation(stateFolder, account);
  removeUnfinished(location.folder);
  // Its account passes through here; the data folder below is private.
  chmodSync(location.folder, 0o755);
  const logFile = join(stateFolder, "postgres.log");
  await makeCluster(programs, location, account, logFile);
  const pid = await startWithRetries(() => startPostmaster(programs, location, account, logFile));
  try {
    const session = await openSession(location);
    if (!session && !last) return undefined;
    if (!session) throw new Error(`The database that was just started on ${location.socketFolder} does not answer.`);
    recordMade(stateFolder, location);
    return handle(stateFolder, location, session, true);
  } catch (thrown) {
    // Nobody would ever stop it: what cannot be opened is not adopted either.
    await stopPostmaster(pid, "at-once").catch(() => undefined);
    throw thrown;
  }
}

async function startWithRetries(attempt: () => Promise<number>): Promise<number> {
  for (const pauseMs of startPausesMs) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof SluiceError) || isLasting(error)) throw error;
      await pause(pauseMs);
    }
  }
  return attempt();
}

/**
 * A server may live whose socket we cannot see: still starting, or its socket folder was cleaned away. It is stopped. Where
 * its pid belongs to another program by now (after a reboot), or to one that has ended and that nobody reaps, PostgreSQL would
 * refuse to start: its claim is taken back.
 */
async function stopUnreachable(dataFolder: string): Promise<void> {
  const file = readPidFile(dataFolder);
  if (!file) return;
  const served = isAlive(file.pid) ? folderServedBy(file.pid) : "nothing";
  if (served === undefined) return;
  if (served.includes(dataFolder) || served === realpathSync(dataFolder)) await stopPostmaster(file.pid);
  else disclaimPidFile(dataFolder);
}

/** One whose data folder was deleted under it serves nobody any more, and stands in the way of the folder that was put back. */
async function stopOrphan(socketFolder: string): Promise<void> {
  const pid = socketHolder(socketFolder);
  if (pid === undefined || !folderServedBy(pid)?.endsWith("/data (deleted)")) return;
  await stopPostmaster(pid, "at-once");
  rmSync(socketFolder, { recursive: true, force: true });
}

function handle(stateFolder: string, location: Location, session: Session, started: boolean): EmbeddedPostgres {
  return {
    url: urlOf(location),
    dataFolder: location.dataFolder,
    pid: session.pid,
    started,
    async release() {
      await session.close();
      // Without the state folder nobody finds it any more.
      if (!existsSync(location.dataFolder)) await stopOrphan(location.socketFolder);
    },
    async stop() {
      await session.close();
      await stopServer(session.pid, location, stateFolder);
    },
  };
}

/** The next server uses the same socket folder, so nobody may start one between the end of this one and the removal. */
async function stopServer(pid: number, { dataFolder, socketFolder }: Location, stateFolder: string): Promise<void> {
  await withStartLock(lockFile(stateFolder), async () => {
    const running = readPidFile(dataFolder)?.pid;
    // Somebody who could not adopt it has stopped it and started another.
    if (running !== undefined && running !== pid) return;
    await stopPostmaster(pid);
    rmSync(socketFolder, { recursive: true, force: true });
  });
}

const lockFile = (stateFolder: string): string => join(stateFolder, "postgres.lock");

const notHere = (): SluiceError =>
  new SluiceError({
    code: "LEDGER_UNREACHABLE",
    remedy: "operator",
    at: "ledger",
    message: "Sluice does not bring its own database on Windows.",
    hint: "Name a PostgreSQL database as ledger.url, or use WSL. Then: sluice status",
  });
