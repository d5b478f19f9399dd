/** DBOS's words for a flow's state, in ours. */
import type { WorkflowStatus } from "@dbos-inc/dbos-sdk";
import type { Json } from "../../domain/json.ts";
import { FlowLost, type FlowState } from "../../ports/flow.ts";
import { engineFailed } from "./engine-failed.ts";
import { type JournalConnection, pause } from "./journal-connection.ts";

export function stateOf(status: WorkflowStatus): FlowState {
  switch (status.status) {
    case "SUCCESS":
      return { kind: "finished", output: (status.output ?? null) as Json };
    case "PENDING":
    case "ENQUEUED":
    case "DELAYED":
      return { kind: "running" };
    default:
      return { kind: "broken", error: status.error instanceof Error ? status.error.message : status.status };
  }
}

/** The end that the journal holds of a flow whose function has ended here; written a moment after the function's end. */
export async function recordedEnd(id: string, journal: JournalConnection, executorId: string): Promise<FlowState> {
  while (true) {
    const status = await journal.status(id);
    if (!status) throw engineFailed(`There is no flow ${id}.`);
    if (status.executorId !== executorId) throw new FlowLost(`flow ${id} was taken over by ${status.executorId}`);
    const state = stateOf(status);
    if (state.kind !== "running") return state;
    await pause(10);
  }
}

/** A journal that does not fit the flow's code is a bug to be recorded, not a loss to another process. */
export function isFault(lost: FlowLost): boolean {
  const name = (lost.cause as Error | undefined)?.constructor.name;
  return name === "DBOSUnexpectedStepError" || name === "DBOSStepNondeterminismError";
}
