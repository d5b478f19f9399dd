/**
 * One run of a flow in this process, on DBOS. DBOS refuses a stale run's journal writes but not its effects: a step's body
 * starts before anything is checked, and its errors land in ordinary `catch` blocks. So each run looks at its ownership
 * before a body, every error of the engine becomes `FlowLost`, and after the first one the run is over: all its later calls
 * throw, whatever its code catches.
 */
import { DBOS, DBOSWorkflowConflictError } from "@dbos-inc/dbos-sdk";
import { type Flow, FlowLost } from "../../ports/flow.ts";
import { recordStep, replayStep } from "../step-result.ts";
import type { Message } from "./journal-connection.ts";

/**
 * A wait is woken by whoever runs the flow, when he delivers the message (`wakeHere`), and by NOTIFY where another process sends it.
 * This is for a NOTIFY lost with its connection. Each look is two queries, and a process may have a thousand waits.
 */
const fallbackPollMs = 30_000;

export interface JournalledFlow extends Flow {
  /** Set once this process may no longer run the flow. */
  readonly lost: FlowLost | undefined;
  /** The body itself found another one in charge: that is no end of the flow, and its next run may be here. */
  giveUp(reason: FlowLost): void;
}

/**
 * @param owns does the journal still name this process as the one that runs the flow?
 * @param nowMs the time by which this flow goes.
 */
export function journalledFlow(id: string, owns: () => Promise<boolean>, nowMs: () => number): JournalledFlow {
  let lost: FlowLost | undefined;

  const journal = async <T>(call: () => Promise<T>): Promise<T> => {
    if (lost) throw lost;
    let result: T;
    try {
      // Called before anything is awaited: two steps called side by side take their places in the journal in that order.
      result = await call();
    } catch (cause) {
      lost ??= cause instanceof FlowLost ? cause : new FlowLost(`flow ${id}: ${(cause as Error).message}`, { cause });
      throw lost;
    }
    // The run may have been lost beside this call, by the other of two steps.
    if (lost) throw lost;
    return result;
  };

  return {
    id,
    get lost() {
      return lost;
    },
    giveUp(reason) {
      lost ??= reason;
    },
    async step(name, body) {
      const run = async () => {
        if (!(await owns())) throw new DBOSWorkflowConflictError(id);
        return recordStep(name, body).catch((thrown: FlowLost) => {
          lost ??= thrown;
          // The one error that DBOS does not journal as the step's result.
          throw new DBOSWorkflowConflictError(id);
        });
      };
      return replayStep(await journal(() => DBOS.runStep(run, { name })));
    },
    sleep: (ms) => journal(() => DBOS.sleep(ms)),
    async waitFor(topic, timeoutMs) {
      const options = { timeoutSeconds: timeoutMs / 1_000, pollingIntervalMs: fallbackPollMs };
      const received = await journal(() => DBOS.recv<Message>(topic, options));
      return received?.message;
    },
    // Under the name of DBOS's own step, which journals of earlier runs have: that one reads the machine's clock, which is set.
    now: () => journal(() => DBOS.runStep(async () => nowMs(), { name: "DBOS.now" })),
    publish: (key, value) => journal(() => DBOS.setEvent(key, value)),
  };
}
