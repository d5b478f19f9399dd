/**
 * The tools of this machine. Debian calls MariaDB's by MySQL's names as well, so the version each prints decides: of the
 * server's own maker, and not older than the server, whose newer things an older one would leave out without a word.
 */
import { join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import { runCommand } from "../run-command.ts";
import type { Vendor } from "./connection.ts";
import type { Server } from "./session.ts";

export interface Tools {
  readonly vendor: Vendor;
  readonly dump: string;
  readonly client: string;
  /** What records name, e.g. `mariadb-dump 10.11`. */
  readonly name: string;
  readonly major: number;
  readonly minor: number;
}

const programs: readonly (readonly [dump: string, client: string])[] = [
  ["mariadb-dump", "mariadb"],
  ["mysqldump", "mysql"],
];
const makers = { mariadb: "MariaDB", mysql: "MySQL" } as const;

/** Errors: BACKUP_FAILED naming both versions and what to install. */
export async function toolsFor(server: Server, binFolder: string | undefined, signal: AbortSignal): Promise<Tools> {
  const found = (await Promise.all(programs.map((pair) => toolsIn(pair, binFolder, signal)))).filter(
    (each) => each !== undefined,
  );
  const own = found.filter(({ vendor }) => vendor === server.vendor);
  const fitting = own.find((tools) => !older(tools, server));
  if (fitting) return fitting;
  const names = (own.length > 0 ? own : found).map(({ name }) => name);
  throw missing(server, names, binFolder);
}

const older = (tools: Tools, server: Server): boolean =>
  tools.major < server.major || (tools.major === server.major && tools.minor < server.minor);

async function toolsIn(
  [dumpProgram, clientProgram]: readonly [string, string],
  binFolder: string | undefined,
  signal: AbortSignal,
): Promise<Tools | undefined> {
  const inFolder = (tool: string) => (binFolder === undefined ? tool : join(binFolder, tool));
  const [dump, client] = [inFolder(dumpProgram), inFolder(clientProgram)];
  const [version, other] = await Promise.all([versionOf(dump, signal), versionOf(client, signal)]);
  if (version === undefined || other?.vendor !== version.vendor) return undefined;
  const name = `${version.vendor === "mariadb" ? "mariadb-dump" : "mysqldump"} ${version.major}.${version.minor}`;
  return { dump, client, name, ...version };
}

/** `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB`, `mariadb-dump from 11.4.2-MariaDB`, `mysqldump  Ver 8.0.36`. */
async function versionOf(
  program: string,
  signal: AbortSignal,
): Promise<Omit<Tools, "dump" | "client" | "name"> | undefined> {
  try {
    const { exitCode, stdoutTail } = await runCommand({ argv: [program, "--version"], timeoutMs: 10_000, signal });
    const [, major, minor] = /(\d+)\.(\d+)\.\d+/.exec(stdoutTail) ?? [];
    if (exitCode !== 0 || major === undefined) return undefined;
    const vendor = /mariadb/i.test(stdoutTail.replace(program, "")) ? "mariadb" : "mysql";
    return { vendor, major: Number(major), minor: Number(minor) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SluiceError && error.failure.code === "COMMAND_FAILED") return undefined;
    throw error;
  }
}

function missing(server: Server, names: readonly string[], binFolder: string | undefined): SluiceError {
  const needed = `${makers[server.vendor]} ${server.major}.${server.minor}`;
  const where = binFolder === undefined ? "" : ` in ${binFolder}`;
  const [tool, debian] =
    server.vendor === "mariadb" ? ["mariadb-dump", "mariadb-client"] : ["mysqldump", "mysql-client"];
  const why = "a tool of another maker, or older than its server, leaves things out";
  return new SluiceError({
    code: "BACKUP_FAILED",
    remedy: "operator",
    at: "adapters.mariadb.tools",
    message:
      names.length === 0
        ? `No ${tool} was found${where}; the server is ${needed}.`
        : `Here is ${names.join(" and ")}${where}, and the server is ${needed}; ${why}.`,
    hint: `Install ${tool} of ${needed} or newer, for example with: apt-get install ${debian}`,
  });
}
