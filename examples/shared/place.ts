/**
 * Where an example happens: a folder below the temporary one, and ports that are free. The folder stays when the example has
 * ended, since the records are in it; its next run takes it away.
 */
import { randomInt } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { recordedLocation } from "../../src/engine/embedded-postgres/location.ts";
import { embeddedPostgresStatus, openEmbeddedPostgres } from "../../src/engine/embedded-postgres/open.ts";

const prefixOf = (name: string): string => `sluice-${name}-`;

export interface ExamplePlace {
  readonly folder: string;
  /** The git repository: the project that Sluice deploys. */
  readonly repository: string;
  /** `<repository>/.sluice` */
  readonly state: string;
  readonly load: string;
}

export const placeIn = (folder: string): ExamplePlace => {
  const repository = join(folder, "project");
  return { folder, repository, state: join(repository, ".sluice"), load: join(folder, "load.jsonl") };
};

/** Makes a fresh folder; unless `keep`, those of its runs that have ended are removed. */
export async function makePlace(name: string, keep: boolean): Promise<ExamplePlace> {
  const parent = await parentFolder();
  if (!keep) for (const older of await olderIn(parent, prefixOf(name))) await remove(join(parent, older));
  const folder = await mkdtemp(join(parent, prefixOf(name)));
  // Root's databases run as another account, which has to pass through; what is private in here has its own mode.
  if (process.getuid?.() === 0) await chmod(folder, 0o711);
  await writeFile(join(folder, "example.pid"), `${process.pid}\n`);
  return placeIn(folder);
}

/** Where another account can reach it; a temporary folder in somebody's private home is not such a place. */
async function parentFolder(): Promise<string> {
  const wanted = tmpdir();
  const reachable = process.getuid?.() !== 0 || (await openToAll(wanted));
  return reachable && wanted.length < 60 ? wanted : "/tmp";
}

async function openToAll(folder: string): Promise<boolean> {
  const { mode } = await stat(folder);
  if ((mode & 0o001) === 0) return false;
  return dirname(folder) === folder || openToAll(dirname(folder));
}

/** Ours, and of no example that still runs. */
async function olderIn(parent: string, prefix: string): Promise<readonly string[]> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  const ended = await Promise.all(names.map((name) => isOver(join(parent, name))));
  return names.filter((_, index) => ended[index]);
}

async function isOver(folder: string): Promise<boolean> {
  const facts = await stat(folder).catch(() => undefined);
  if (!facts?.isDirectory() || facts.uid !== process.getuid?.()) return false;
  const pid = Number(await readFile(join(folder, "example.pid"), "utf8").catch(() => ""));
  try {
    return pid > 0 && !process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

async function remove(folder: string): Promise<void> {
  const { state } = placeIn(folder);
  const location = recordedLocation(state);
  // Somebody may have looked at it since, which starts its ledger again.
  if (location && (await embeddedPostgresStatus(state).catch(() => undefined))) {
    await (await openEmbeddedPostgres({ stateFolder: state })).stop();
  }
  if (location) await rm(location.folder, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}

/** Below the range from which systems choose ports for outgoing connections, so that nobody takes them meanwhile. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(20_000, 30_000);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
