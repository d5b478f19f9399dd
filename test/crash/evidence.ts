/** What a deployment left in the world, read from where it lies: ledger, target, database, backups, files, router. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import { openState } from "../../src/app/state.ts";
import type { DeploymentEvent } from "../../src/domain/events.ts";
import type { DeploymentRow, LockRow } from "../../src/ports/ledger.ts";
import { eventually, type ProcessSeen } from "../e2e/processes.ts";
import { filesIn, jsonLines, type TinyProject, told } from "../e2e/project.ts";

interface LedgerFacts {
  readonly row: DeploymentRow;
  readonly lock: LockRow | undefined;
  readonly record: unknown;
  readonly events: readonly DeploymentEvent[];
  readonly serves: string | undefined;
}

export async function ledgerFacts(project: TinyProject, id: string): Promise<LedgerFacts> {
  const state = await openState({ url: undefined, stateFolder: project.stateFolder });
  try {
    const row = await state.ledger.deployment(id);
    if (row === undefined) throw new Error(`the ledger has no ${id}`);
    return {
      row,
      lock: await state.ledger.lock("production"),
      record: await state.ledger.record(id),
      events: await state.ledger.events(id, 0),
      serves: (await state.ledger.serving("production"))?.version,
    };
  } finally {
    await state.close();
  }
}

/** Starts a deployment and leaves it to its worker. */
export async function deployDetached(
  project: TinyProject,
  version: string,
): Promise<{ readonly id: string; readonly worker: ProcessSeen }> {
  const ran = await project.sluice("deploy", "production", version, "--detach", "--json");
  const id = jsonLines(ran)[0]?.deployment;
  if (id === undefined) throw new Error(told(ran));
  return { id, worker: await workerOf(project, id) };
}

export const workerOf = (project: TinyProject, id: string): Promise<ProcessSeen> =>
  eventually(`a worker of ${id}`, async () =>
    (await project.processes()).find(({ kind, command }) => kind === "worker" && command.includes(id)),
  );

/** Waits until the story says so; the worker goes on meanwhile. */
export async function untilEvent(
  project: TinyProject,
  id: string,
  what: string,
  wanted: (event: DeploymentEvent) => boolean,
): Promise<void> {
  const state = await openState({ url: undefined, stateFolder: project.stateFolder });
  try {
    await eventually(what, async () => (await state.ledger.events(id, 0)).some(wanted));
  } finally {
    await state.close();
  }
}

/** The id of the newest deployment, where it is of `version`. */
export async function newestOf(project: TinyProject, version: string): Promise<string | undefined> {
  const state = await openState({ url: undefined, stateFolder: project.stateFolder });
  try {
    const [newest] = await state.ledger.deployments({ limit: 1 });
    return newest?.version === version ? newest.id : undefined;
  } finally {
    await state.close();
  }
}

/** How often the target started an instance of this deployment's revision: each one writes a line into the revision's log. */
export function startsOf(project: TinyProject, id: string): number {
  const logs = join(project.stateFolder, "run", "production", "logs", "web");
  const mine = filesIn(logs).filter((file) => file.includes(id));
  return mine.flatMap((file) => readFileSync(join(logs, file), "utf8").match(/instance started/g) ?? []).length;
}

/** Every migration in the order in which it took effect; a doubled one is there twice. */
export function migrationEffects({ databaseFile }: TinyProject): readonly string[] {
  const database = new DatabaseSync(databaseFile ?? "", { readOnly: true });
  const rows = database.prepare("select id from effects order by rowid").all();
  database.close();
  return rows.map(({ id }) => String(id));
}

export const backupsOf = (project: TinyProject, id: string): readonly string[] =>
  filesIn(join(project.stateFolder, "backups")).filter(
    (file) => file.includes(id) && !file.includes("manifest") && !file.endsWith(".json"),
  );

/** Everything that holds after every deployment, however it went. */
export async function expectSettled(project: TinyProject, id: string, outcome: string, serves: string): Promise<void> {
  const facts = await ledgerFacts(project, id);
  expect(facts.row.outcome, `outcome of ${id}`).toBe(outcome);
  expect(facts.lock, "the lock is free").toBeUndefined();
  expect(facts.record, "the record is written").toBeDefined();
  expect(facts.serves, "the ledger knows who serves").toBe(serves);
  expect(existsSync(join(project.logsFolder, id, "deployment-record.json")), "the record's file is there").toBe(true);
  for (let asked = 0; asked < 5; asked++) expect(await project.ask()).toEqual({ status: 200, version: serves });
  expect(await project.instances(), "only the serving version's instance runs").toHaveLength(1);
  const outcomes = facts.events.filter(({ step, key }) => step === "finish" && key === "outcome");
  expect(new Set(outcomes.map(({ title }) => title)).size, "one outcome was told").toBe(1);
}
