/**
 * The room for one more database on the same server. SQL does not tell it, so the data directory is looked at, where it lies on this
 * machine: a path alone is no proof of that (a container and its host may have the same one), the server's identifier in it is.
 */
import { open, statfs } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";
import type { Room } from "../../domain/room.ts";
import { type Connection, openSession, type Session, unreachable } from "./connection.ts";

export async function roomOf(connection: Connection, limitBytes: number | null, signal: AbortSignal): Promise<Room> {
  const session = await openSession(connection, connection.database, signal);
  try {
    const [size] = await session.query<{ live: number }>("SELECT pg_database_size(current_database())::float8 AS live");
    return { liveBytes: size?.live ?? 0, limitBytes, ...(await diskOf(session)) };
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(connection, connection.database, error);
  } finally {
    await session.end();
  }
}

type Disk = Pick<Room, "freeBytes" | "words">;

const unseen = (words: string): Disk => ({ freeBytes: null, words });

async function diskOf(session: Session): Promise<Disk> {
  const told = await session.query<Told>(toldByTheServer).catch(() => []);
  const [server] = told;
  if (server?.folder == null) return unseen("the server tells this user neither its folder nor its identifier");
  const found = await identifierIn(server.folder);
  if (found === undefined) return unseen(`${server.folder}, where the server keeps its data, cannot be read from here`);
  if (found !== server.identifier) return unseen(`${server.folder} here is another server's`);
  const { bavail, bsize } = await statfs(join(server.folder, "base"));
  return { freeBytes: bavail * bsize, words: server.folder };
}

interface Told {
  readonly folder: string | null;
  readonly identifier: string;
}

/** Without a row for a user who may not know the folder; an error where the identifier is withheld. */
const toldByTheServer = `
  SELECT setting AS folder, (SELECT system_identifier::text FROM pg_control_system()) AS identifier
  FROM pg_settings WHERE name = 'data_directory'`;

/** The first eight bytes of the control file, in the machine's own order; undefined where it is not there or not ours to read. */
async function identifierIn(folder: string): Promise<string | undefined> {
  const file = await open(join(folder, "global", "pg_control"), "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return String(endianness() === "LE" ? buffer.readBigUInt64LE() : buffer.readBigUInt64BE());
  } finally {
    await file.close();
  }
}
