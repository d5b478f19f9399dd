/**
 * Whose port is it? Between the moment a port was found free and the moment its process listens, an instance of another environment
 * may have taken it, and it may even answer for the same version. Linux tells in /proc who listens; elsewhere nobody is suspected.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { findByVariable } from "../process-identity.ts";
import { tokenVariable } from "./instance-records.ts";

/** True where an instance with another token than `token` listens on `port`. What carries no token is not suspected. */
export async function isAnothersPort(port: number, token: string): Promise<boolean> {
  const sockets = await listeningOn(port);
  if (sockets.size === 0) return false;
  for (const { pid, value } of await findByVariable(tokenVariable, "")) {
    if (await holdsOne(pid, sockets)) return value !== token;
  }
  return false;
}

const listening = "0A";

/** As `/proc/<pid>/fd` names them. */
async function listeningOn(port: number): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(`/proc/net/${name}`, "utf8").catch(() => "")),
  );
  const rows = tables.flatMap((table) => table.split("\n").slice(1)).map((line) => line.trim().split(/\s+/));
  const ours = rows.filter(([, local, , state]) => state === listening && portOf(local) === port);
  return new Set(ours.map((row) => `socket:[${row[9]}]`));
}

const portOf = (address = ""): number => Number.parseInt(address.split(":")[1] ?? "", 16);

async function holdsOne(pid: number, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => "")));
  return links.some((link) => sockets.has(link));
}
