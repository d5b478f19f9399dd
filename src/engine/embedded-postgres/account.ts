/**
 * PostgreSQL refuses to run as root. Started by root, it runs as `nobody`, so its programs and its data must lie where
 * that account can reach them: not below a folder such as /root (mode 0700).
 */
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** The account to run as; undefined: as whoever runs Sluice. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export function postgresAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  // initdb looks its own name up, so the uid must be one that the system knows.
  const line = readLines("/etc/passwd").find((entry) => entry.startsWith("nobody:"));
  const [, , uid, gid] = line?.split(":") ?? [];
  return { uid: Number(uid ?? 65534), gid: Number(gid ?? 65534) };
}

/** May `account` pass through every folder down to `folder` (which exists)? */
export function reachable(folder: string, account: Account | undefined): boolean {
  if (account === undefined) return true;
  const { uid, gid, mode } = statSync(folder);
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
  if ((mode & bit) === 0) return false;
  const parent = dirname(folder);
  return parent === folder || reachable(parent, account);
}

/** Makes `folder` (its parent exists) for the account alone. */
export function makePrivateFolder(folder: string, account: Account | undefined): void {
  mkdirSync(folder, { mode: 0o700 });
  chmodSync(folder, 0o700);
  if (account) chownSync(folder, account.uid, account.gid);
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}
