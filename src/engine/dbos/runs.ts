/** The flows that this process runs, so that others can wait for their beginning (`takeOver`) and their end (`settled`). */
import type { FlowLost } from "../../ports/flow.ts";
import type { JournalledFlow } from "./journalled-flow.ts";

/** How a run ended here: its function returned or threw, or it was lost to another process. */
export type RunEnd = { readonly kind: "ended" } | { readonly kind: "lost"; readonly lost: FlowLost };

interface Run {
  readonly flow: JournalledFlow;
  readonly end: Promise<RunEnd>;
}

export type RunsHere = ReturnType<typeof runsHere>;

export function runsHere() {
  const runs = new Map<string, Run & { readonly resolve: (end: RunEnd) => void }>();
  return {
    /** The latest run of the flow in this process. */
    find: (id: string): Run | undefined => runs.get(id),
    begin(flow: JournalledFlow): (end: RunEnd) => void {
      const { promise, resolve } = Promise.withResolvers<RunEnd>();
      runs.set(flow.id, { flow, end: promise, resolve });
      return resolve;
    },
    /** Tells everybody who waits that nothing goes on here. */
    abandon(lost: FlowLost): void {
      for (const run of runs.values()) run.resolve({ kind: "lost", lost });
    },
  };
}
