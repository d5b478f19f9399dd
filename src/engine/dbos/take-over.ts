/**
 * Each process has a queue of its own and listens to no other. Taking a flow over moves it to this process's queue; the
 * same statement clears the flow's owner token, so that from then on every journal write of the run before is refused.
 */
import { DBOS } from "@dbos-inc/dbos-sdk";
import { FlowLost } from "../../ports/flow.ts";
import { engineFailed, startedByOtherVersion } from "./engine-failed.ts";
import { stateOf } from "./flow-state.ts";
import { type JournalConnection, pause } from "./journal-connection.ts";
import type { RunsHere } from "./runs.ts";

/** Half of it is the mean time from the call to the flow's first line here. */
const queuePollMs = 200;
const limitMs = 20_000;

/** DBOS polls a queue at once only if it knew it when it was launched; on an empty database that is not possible yet. */
export async function makeQueue(journal: JournalConnection, queueName: string): Promise<boolean> {
  try {
    await (await journal.client()).registerQueue(queueName, { minPollingIntervalMs: queuePollMs });
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the flow runs here, or has ended meanwhile. */
export async function takeOver(
  id: string,
  here: {
    readonly journal: JournalConnection;
    readonly runs: RunsHere;
    readonly queueName: string;
    readonly version: string;
  },
): Promise<void> {
  const { journal, runs, queueName, version } = here;
  const status = await journal.status(id);
  if (!status) throw engineFailed(`There is no flow ${id} to take over.`);
  if (stateOf(status).kind !== "running") return;
  if (status.applicationVersion !== version) throw startedByOtherVersion(id, status.applicationVersion, version);
  const before = runs.find(id);
  if (before && !before.flow.lost && (await journal.owns(id))) return;
  await DBOS.resumeWorkflow(id, { queueName });
  const endsAtMs = Date.now() + limitMs;
  while (runs.find(id) === before && (await waitsHere(id, journal, queueName))) {
    if (Date.now() > endsAtMs) throw engineFailed(`Flow ${id} did not begin here within ${limitMs} ms.`);
    await pause(20);
  }
}

/** False: it has ended. Throws where a third process was quicker. */
async function waitsHere(id: string, journal: JournalConnection, queueName: string): Promise<boolean> {
  const status = await journal.status(id);
  if (!status || stateOf(status).kind !== "running") return false;
  if (status.queueName === queueName) return true;
  throw new FlowLost(`flow ${id} was taken over by another process at the same time`);
}
