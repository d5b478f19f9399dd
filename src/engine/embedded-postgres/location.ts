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
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Account, makePrivateFolder, reachable } from "./account.ts";
import { rootFolder } from "./programs.ts";

export interface Location {
  /** Holds the cluster as `data`; on the same file system as it, so that a finished cluster can be renamed into place. */
  readonly folder: string;
  readonly dataFolder: string;
  /** Holds the socket; short, since a socket's path is limited to 107 bytes (103 on macOS). */
  readonly socketFolder: string;
}

/** Part of the socket's file name only: nothing listens on TCP. */
export const socketPort = 5432;

export const databaseName = "sluice";

export const urlOf = (location: Location, database: string = databaseName): string =>
  `postgresql://sluice@localhost:${socketPort}/${database}?host=${encodeURIComponent(location.socketFolder)}`;

const recordFile = (stateFolder: string): string => join(stateFolder, "postgres.json");

/** What the last start recorded; undefined where none ever did. */
export function recordedLocation(stateFolder: string): Location | undefined {
  try {
    return JSON.parse(readFileSync(recordFile(stateFolder), "utf8")) as Location;
  } catch {
    return undefined;
  }
}

/** Where the next start puts things: as before, so that processes that know the URL find the server again. Recorded. */
export function prepareLocation(stateFolder: string, account: Account | undefined): Location {
  const before = recordedLocation(stateFolder)?.socketFolder;
  const folder = databaseFolder(stateFolder, account);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const socketFolder = before !== undefined && claimAgain(before, account) ? before : makeSocketFolder(account);
  const location = { folder, dataFolder: join(folder, "data"), socketFolder };
  const writing = `${recordFile(stateFolder)}.${process.pid}`;
  writeFileSync(writing, `${JSON.stringify(location, null, 2)}\n`);
  renameSync(writing, recordFile(stateFolder));
  return location;
}

function databaseFolder(stateFolder: string, account: Account | undefined): string {
  const inside = join(stateFolder, "postgres");
  if (existsSync(join(inside, "data")) || reachable(stateFolder, account)) return inside;
  const name = createHash("sha256").update(realpathSync(stateFolder)).digest("hex").slice(0, 16);
  return join(rootFolder, "ledgers", name);
}

/** A random name (mode 0700), so that nobody can prepare it beforehand in the shared folder. */
function makeSocketFolder(account: Account | undefined): string {
  const base = tmpdir().length > 60 || !reachable(tmpdir(), account) ? "/tmp" : tmpdir();
  const folder = mkdtempSync(join(base, "sluice-"));
  if (account) chownSync(folder, account.uid, account.gid);
  return folder;
}

/** Is the folder still ours alone? Made again where it was cleaned away; false where somebody else took its name. */
function claimAgain(folder: string, account: Account | undefined): boolean {
  try {
    if (!existsSync(folder)) makePrivateFolder(folder, account);
    const { uid, mode } = lstatSync(folder);
    return uid === (account?.uid ?? process.getuid?.()) && (mode & 0o170777) === 0o040700;
  } catch {
    return false;
  }
}
