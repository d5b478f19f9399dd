/**
 * Runs one release of the shop without Sluice: its migrations, and its three services on ports of their own. For the
 * tests, and for measuring what the shop can do by itself.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { stopChild } from "../shared/children.ts";

export interface RunningShop {
  readonly gatewayUrl: string;
  readonly catalogueUrl: string;
  readonly authUrl: string;
  /** Exit codes by service; 0 is the graceful end. */
  stop(): Promise<Readonly<Record<string, number | null>>>;
}

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The folder of `pg` for SHOP_PG_MODULE: the shop has no packages of its own. */
export const pgModule = dirname(createRequire(import.meta.url).resolve("pg/package.json"));

/** Runs a script of the release to its end. */
export async function runScript(tree: string, argv: readonly string[], databaseUrl: string): Promise<Ended> {
  const child = start(tree, argv, { SHOP_DATABASE_URL: databaseUrl });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, ...texts };
}

/** Starts a release on a database that is migrated already. Throws with the service's stderr where one does not start. */
export async function runShop(tree: string, databaseUrl: string, version: string): Promise<RunningShop> {
  const services = new Map<string, ChildProcess>();
  const stop = async () => {
    const ended = [...services].reverse().map(async ([name, child]) => {
      await stopChild(child, "SIGTERM", 6_000);
      return [name, child.exitCode] as const;
    });
    return Object.fromEntries(await Promise.all(ended));
  };
  const launch = async (name: string, environment: Readonly<Record<string, string>>) => {
    const child = startService(tree, name, { SLUICE_VERSION: version, ...environment });
    services.set(name, child);
    return addressOf(name, child);
  };
  try {
    const database = { SHOP_DATABASE_URL: databaseUrl };
    const catalogueUrl = await launch("catalogue", database);
    const authUrl = await launch("auth", { ...database, SHOP_TOKEN_SECRET: "only for this run" });
    const gatewayUrl = await launch("gateway", { CATALOGUE_URL: catalogueUrl, AUTH_URL: authUrl });
    return { gatewayUrl, catalogueUrl, authUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One service by itself; `addressOf` waits for it. */
export function startService(tree: string, name: string, environment: Readonly<Record<string, string>>): ChildProcess {
  return start(tree, [join("services", name, "server.mjs")], environment);
}

function start(tree: string, argv: readonly string[], environment: Readonly<Record<string, string>>): ChildProcess {
  const env = { PATH: process.env.PATH ?? "", PORT: "0", SHOP_PG_MODULE: pgModule, ...environment };
  return spawn(process.execPath, argv, { cwd: tree, env, stdio: ["ignore", "pipe", "pipe"] });
}

/** The address in the line that every service prints when it listens. */
export function addressOf(name: string, child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const errors: string[] = [];
    if (child.stderr) createInterface(child.stderr).on("line", (line) => errors.push(line));
    if (child.stdout) {
      createInterface(child.stdout).on("line", (line) => {
        const address = /listening on (http:\S+)/.exec(line)?.[1];
        if (address !== undefined) resolve(address);
      });
    }
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`${name} ended with ${code} at its start:\n${errors.join("\n")}`)));
  });
}
