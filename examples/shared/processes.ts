/**
 * What outlives the command line on purpose (router, services, a worker that nobody follows, the ledger's PostgreSQL) is ended
 * here, by pid, when the example ends.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isAlive } from "../../src/adapters/builtin-router/control-client.ts";
import { stopBuiltinRouter } from "../../src/adapters/builtin-router/launch.ts";
import { readRecord } from "../../src/adapters/builtin-router/run-time.ts";
import { endInstance } from "../../src/adapters/process/end-instance.ts";
import { type InstanceRecord, instanceRecords } from "../../src/adapters/process/instance-records.ts";
import { findByVariable, isRunning, sendSignal } from "../../src/adapters/process-identity.ts";
import { machineClock } from "../../src/app/clock.ts";
import { embeddedPostgresStatus, openEmbeddedPostgres } from "../../src/engine/embedded-postgres/open.ts";
import type { ExamplePlace } from "./place.ts";
import { mark } from "./sluice.ts";

const never = new AbortController().signal;

/** Workers end by themselves a moment after their deployment; those that do not are asked, then killed. */
export async function endWorkers({ folder }: ExamplePlace): Promise<void> {
  for (const [signal, waitMs] of [["SIGTERM", 3_000] as const, ["SIGKILL", 3_000] as const]) {
    for (const { pid } of await workers(folder)) sendSignal(pid, signal);
    const untilMs = machineClock.now() + waitMs;
    while ((await workers(folder)).length > 0 && machineClock.now() < untilMs) await machineClock.sleep(50);
  }
}

const workers = async (folder: string) => (await findByVariable(mark, folder)).filter(({ pid }) => pid !== process.pid);

export async function endRouters({ state }: ExamplePlace): Promise<void> {
  await Promise.all(
    (await routerFolders(state)).map((folder) =>
      stopBuiltinRouter(folder, machineClock, "the example has ended", 1_000),
    ),
  );
}

const routerFolders = (state: string) => foldersOfEnvironments(join(state, "router"));

/** Those that were ever deployed to. */
async function foldersOfEnvironments(parent: string): Promise<readonly string[]> {
  const names = await readdir(parent).catch(() => []);
  return names.map((environment) => join(parent, environment));
}

export async function endInstances({ state }: ExamplePlace): Promise<void> {
  await Promise.all((await instances(state)).map((record) => endInstance(record, machineClock, never)));
}

async function instances(state: string): Promise<readonly InstanceRecord[]> {
  const all = (await foldersOfEnvironments(join(state, "run"))).map((folder) => instanceRecords(folder).all());
  return (await Promise.all(all)).flat();
}

export async function endLedger({ state }: ExamplePlace): Promise<void> {
  if (await embeddedPostgresStatus(state)) await (await openEmbeddedPostgres({ stateFolder: state })).stop();
}

/** For an example that is gone without having done it itself. */
export async function endEverything(place: ExamplePlace): Promise<void> {
  for (const end of [endWorkers, endRouters, endInstances, endLedger]) await end(place).catch(() => undefined);
}

/** What still runs, for people; empty is what every example promises. */
export async function leftRunning({ folder, state }: ExamplePlace): Promise<readonly string[]> {
  const running = (await instances(state)).map(async ({ component, revision, process }) =>
    process && (await isRunning(process)) ? [`${component} ${revision} (process ${process.pid})`] : [],
  );
  const routers = (await routerFolders(state)).map(async (folder) => {
    const record = await readRecord(folder);
    return record && (await isAlive(record.pid)) ? [`the router in ${folder} (process ${record.pid})`] : [];
  });
  const ledger = await embeddedPostgresStatus(state);
  return [
    ...(await workers(folder)).map(({ pid }) => `a worker (process ${pid})`),
    ...(await Promise.all([...running, ...routers])).flat(),
    ...(ledger ? [`the ledger's PostgreSQL (process ${ledger.pid})`] : []),
  ];
}
