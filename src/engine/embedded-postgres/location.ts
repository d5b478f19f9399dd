/**
 * Where one state folder's database lies: data, socket and log. Recorded in `postgres.json`, read by every later process.
 * The data folder is inside the state folder unless the database's account cannot reach it there.
 */
import { createHash } from "node:crypto";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "../process-alive.ts";
import { type Account, makePrivateFolder, reachable } from "./account.ts";
import { rootFolder } from "./programs.ts";

export interface Location {
  /** Holds the cluster as `data`; on the same file system as it, so that a finished cluster can be renamed into place. */
  readonly folder: string;
  readonly dataFolder: string;
  /** Holds the socket; short, since a socket's path is limited to 107 bytes (103 on macOS). */
  readonly socketFolder: string;
  /** A cluster was complete here once: where it is missing, it was lost. */
  readonly made?: boolean;
}

/** Part of the socket's file name only: nothing listens on TCP. */
export const socketPort = 5432;

export const databaseName = "sluice";

export const urlOf = (location: Location, database: string = databaseName): string =>
  `postgresql://sluice@localhost:${socketPort}/${database}?host=${encodeURIComponent(location.socketFolder)}`;

const recordFile = (stateFolder: string): string => join(stateFolder, "postgres.json");

/** What the last start recorded; undefined where none ever did, or where that cannot be read: then it is looked for again. */
export function recordedLocation(stateFolder: string): Location | undefined {
  try {
    const found = JSON.parse(readFileSync(recordFile(stateFolder), "utf8")) as Partial<Location> | null;
    const paths = [found?.folder, found?.dataFolder, found?.socketFolder];
    const whole = paths.every((path) => typeof path === "string" && path !== "");
    return whole ? (found as Location) : undefined;
  } catch {
    return undefined;
  }
}

/** Where the next start puts things: as before, so that processes that know the URL find the server again. Recorded. */
export function prepareLocation(stateFolder: string, account: Account | undefined): Location {
  const before = recordedLocation(stateFolder);
  const folder = databaseFolder(stateFolder, account);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const known = before && isOfState(before, stateFolder) ? before.socketFolder : undefined;
  const socketFolder = known !== undefined && claimAgain(known, account) ? known : makeSocketFolder(account);
  const location = { folder, dataFolder: join(folder, "data"), socketFolder, made: before?.made ?? false };
  record(stateFolder, location);
  return location;
}

/** False for what was copied from another project together with its state folder: that server is the other one's. */
export const isOfState = ({ folder }: Location, stateFolder: string): boolean =>
  [insideFolder(stateFolder), outsideFolder(stateFolder)].some((own) => realPathOf(own) === realPathOf(folder));

function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The cluster is there and holds the ledger's database: from now on its absence is a loss. */
export function recordMade(stateFolder: string, location: Location): void {
  if (!location.made) record(stateFolder, { ...location, made: true });
}

function record(stateFolder: string, location: Location): void {
  const writing = `${recordFile(stateFolder)}.${process.pid}`;
  writeFileSync(writing, `${JSON.stringify(location, null, 2)}\n`);
  renameSync(writing, recordFile(stateFolder));
}

const insideFolder = (stateFolder: string): string => join(stateFolder, "postgres");

function outsideFolder(stateFolder: string): string {
  const name = createHash("sha256").update(realPathOf(stateFolder)).digest("hex").slice(0, 16);
  return join(rootFolder, "ledgers", name);
}

/** Where the database of a state folder lies; where there is none yet, where its account can reach it. */
export function databaseFolder(stateFolder: string, account: Account | undefined): string {
  const [inside, outside] = [insideFolder(stateFolder), outsideFolder(stateFolder)];
  const there = [inside, outside].find((folder) => existsSync(join(folder, "data")));
  return there ?? (reachable(stateFolder, account) ? inside : outside);
}

/** A random name (mode 0700), so that nobody can prepare it beforehand in the shared folder. */
function makeSocketFolder(account: Account | undefined): string {
  const base = tmpdir().length > 60 || !reachable(tmpdir(), account) ? "/tmp" : tmpdir();
  const folder = mkdtempSync(join(base, "sluice-"));
  if (account) chownSync(folder, account.uid, account.gid);
  return folder;
}

const socketLock = (socketFolder: string): string => join(socketFolder, `.s.PGSQL.${socketPort}.lock`);

/** The live process that PostgreSQL's own lock beside the socket names. After a reboot that may be any program. */
export function socketHolder(socketFolder: string): number | undefined {
  try {
    const pid = Number(readFileSync(socketLock(socketFolder), "utf8").split("\n")[0]);
    return pid > 0 && isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Is the folder still ours alone? Made again where it was cleaned away; false where somebody else took its name, or a server
 * that is not this state folder's holds the socket.
 */
function claimAgain(folder: string, account: Account | undefined): boolean {
  try {
    if (!existsSync(folder)) makePrivateFolder(folder, account);
    if (socketHolder(folder) !== undefined) return false;
    rmSync(socketLock(folder), { force: true });
    const { uid, mode } = lstatSync(folder);
    return uid === (account?.uid ?? process.getuid?.()) && (mode & 0o170777) === 0o040700;
  } catch {
    return false;
  }
}
