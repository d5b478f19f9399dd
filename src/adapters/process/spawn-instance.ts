/** Starts one instance's process so that it outlives us, with an environment that holds only what it was given. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, isAbsolute, join, normalize } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { RunSpec } from "../../ports/target.ts";
import type { ProcessIdentity } from "../process-identity.ts";
import { identify } from "../process-identity.ts";
import { inheritedEnvironment } from "../run-command.ts";
import { type InstanceRecord, tokenVariable } from "./instance-records.ts";

const inherited = ["PATH", "HOME", "LANG", "TZ"];
const portTries = 50;

/** Opens the log for appending and tells where this start begins in it. */
export async function openLog(
  path: string,
): Promise<{ readonly fd: number; readonly offsetBytes: number; close(): Promise<void> }> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "a", 0o600);
  return { fd: file.fd, offsetBytes: (await file.stat()).size, close: () => file.close() };
}

/** A port nobody listens on now and nobody was promised. It can still be taken before the child listens: callers retry. */
export async function freePort(host: string, promised: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < portTries; tries++) {
    const server = createServer();
    server.listen(0, host);
    await once(server, "listening");
    const address = server.address();
    server.close();
    await once(server, "close");
    if (address !== null && typeof address === "object" && !promised.has(address.port)) return address.port;
  }
  throw new SluiceError({
    code: "PORT_IN_USE",
    remedy: "operator",
    at: "adapters.process.start",
    message: `No free port was found on ${host} in ${portTries} tries.`,
    hint: "See who listens: ss -ltnp",
  });
}

export interface Spawned {
  readonly process: ProcessIdentity;
  readonly ended: Promise<string>;
}

/**
 * Spawns the process of `record`. It is the leader of its own session, and reaped by us for as long as we live.
 * `ended` tells how it ended, in words. Errors: START_FAILED where the program cannot be started.
 */
export async function spawnInstance(spec: RunSpec, record: InstanceRecord, logFd: number): Promise<Spawned> {
  const [program = "", ...parameters] = spec.command.map((word) => withPort(word, record.port));
  const child = startChild(spec, () =>
    spawn(program, parameters, {
      cwd: workingFolder(spec),
      env: environmentOf(spec, record),
      stdio: ["ignore", logFd, logFd],
      detached: true,
    }),
  );
  const ended = new Promise<string>((tell) => {
    child.once("exit", (code, signal) => tell(signal === null ? `with exit code ${code}` : `by ${signal}`));
  });
  await once(child, "spawn").catch((cause: NodeJS.ErrnoException) => {
    throw notStartable(spec, cause);
  });
  child.unref();
  const pid = child.pid ?? 0;
  // One that ended already cannot be identified; a mark that nothing matches says so.
  return { process: (await identify(pid)) ?? { pid, startMark: "ended at once" }, ended };
}

/** Node quotes a malformed value (one with a NUL) in its error, and the value may be a secret: only the code is kept. */
function startChild(spec: RunSpec, start: () => ChildProcess): ChildProcess {
  try {
    return start();
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw notStartable(spec, error as NodeJS.ErrnoException);
  }
}

/** The folder to run in; it must lie inside the artifact. */
export function workingFolder(spec: RunSpec): string {
  const inside = normalize(spec.workingDirectory || ".");
  if (!isAbsolute(inside) && inside !== ".." && !inside.startsWith("../")) return join(spec.artifact.location, inside);
  throw new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: "adapters.process.start",
    message: `The working directory ${JSON.stringify(spec.workingDirectory)} of ${spec.component} leads out of the artifact.`,
    hint: "Name a folder inside it, then check with: sluice validate",
  });
}

export const withPort = (text: string, port: number): string => text.replaceAll("{port}", String(port));

function environmentOf(spec: RunSpec, record: InstanceRecord): Record<string, string> {
  const given = Object.entries(spec.environment).map(([name, value]) => [
    name,
    value instanceof Secret ? value.reveal() : withPort(value, record.port),
  ]);
  return {
    ...inheritedEnvironment(inherited),
    ...Object.fromEntries(given),
    PORT: String(record.port),
    SLUICE_VERSION: spec.version,
    SLUICE_COMPONENT: spec.component,
    SLUICE_REVISION: spec.revision,
    [tokenVariable]: record.token,
  };
}

function notStartable(spec: RunSpec, cause: NodeJS.ErrnoException): SluiceError {
  return new SluiceError({
    code: "START_FAILED",
    remedy: "operator",
    at: "adapters.process.start",
    message: `${spec.component} ${spec.version} cannot be started: ${spec.command[0]} in ${workingFolder(spec)} gives ${cause.code}.`,
    hint: `Look for the program and the folder: ls -ld ${workingFolder(spec)}; command -v ${spec.command[0]}`,
  });
}
