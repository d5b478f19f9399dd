/**
 * Where the demo happens: a folder below the temporary one, and ports that are free. The folder stays when the demo has
 * ended, since the records are in it; the next demo takes it away.
 */
import { randomInt } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { recordedLocation } from "../../../src/engine/embedded-postgres/location.ts";
import { embeddedPostgresStatus, openEmbeddedPostgres } from "../../../src/engine/embedded-postgres/open.ts";
import type { ShopPorts } from "../configuration.ts";

const prefix = "sluice-demo-";

export interface DemoPlace {
  readonly folder: string;
  /** The git repository: the project that Sluice deploys. */
  readonly repository: string;
  /** `<repository>/.sluice` */
  readonly state: string;
  readonly load: string;
}

export const placeIn = (folder: string): DemoPlace => {
  const repository = join(folder, "shop");
  return { folder, repository, state: join(repository, ".sluice"), load: join(folder, "load.jsonl") };
};

/** Makes a fresh folder; unless `keep`, those of demos that have ended are removed. */
export async function makePlace(keep: boolean): Promise<DemoPlace> {
  const parent = await parentFolder();
  if (!keep) for (const name of await olderIn(parent)) await remove(join(parent, name));
  const folder = await mkdtemp(join(parent, prefix));
  // Root's databases run as another account, which has to pass through; what is private in here has its own mode.
  if (process.getuid?.() === 0) await chmod(folder, 0o711);
  await writeFile(join(folder, "demo.pid"), `${process.pid}\n`);
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

/** Ours, and of no demo that still runs. */
async function olderIn(parent: string): Promise<readonly string[]> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  const ended = await Promise.all(names.map((name) => isOver(join(parent, name))));
  return names.filter((_, index) => ended[index]);
}

async function isOver(folder: string): Promise<boolean> {
  const facts = await stat(folder).catch(() => undefined);
  if (!facts?.isDirectory() || facts.uid !== process.getuid?.()) return false;
  const pid = Number(await readFile(join(folder, "demo.pid"), "utf8").catch(() => ""));
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
export async function freePorts(): Promise<readonly [ShopPorts, ShopPorts]> {
  const found = new Set<number>();
  while (found.size < 6) {
    const port = randomInt(20_000, 30_000);
    if (await isFree(port)) found.add(port);
  }
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = found;
  return [
    { gateway: a, catalogue: b, auth: c },
    { gateway: d, catalogue: e, auth: f },
  ];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
