/**
 * `ports/flow` on DBOS Transact. DBOS is a singleton of its process, hence so is this engine: one at a time per process.
 * DBOS's own recovery concerns only flows of the same executor id, which is never used twice: a launch runs nothing.
 */
import { DBOS } from "@dbos-inc/dbos-sdk";
import { DBOSExecutor } from "@dbos-inc/dbos-sdk/internal/dbos-executor";
import { dbRetryConfig } from "@dbos-inc/dbos-sdk/internal/utils";
import type { Json } from "../../domain/json.ts";
import { type FlowBody, type FlowEngine, FlowLost } from "../../ports/flow.ts";
import { engineFailed } from "./engine-failed.ts";
import { isFault, recordedEnd, stateOf } from "./flow-state.ts";
import {
  applicationName,
  type JournalConnection,
  type JournalOptions,
  journalConnection,
} from "./journal-connection.ts";
import { journalledFlow } from "./journalled-flow.ts";
import { type RunEnd, type RunsHere, runsHere } from "./runs.ts";
import { makeQueue, takeOver } from "./take-over.ts";

export interface DbosFlowEngineOptions extends JournalOptions {
  /** Names the sequence of steps of the flows; a flow goes on only under the version it was started with. */
  readonly applicationVersion: string;
  /** The time by which a flow goes, in milliseconds since the epoch; the machine's clock where it is not given. */
  readonly nowOf?: (flowId: string) => number;
}

type RegisteredFlow = (input: Json) => Promise<Json>;

export function dbosFlowEngine(options: DbosFlowEngineOptions): FlowEngine {
  const { executorId, applicationVersion: version, nowOf = () => Date.now() } = options;
  const queueName = `sluice-${executorId}`;
  const bodies = new Map<string, FlowBody>();
  const registered = new Map<string, RegisteredFlow>();
  const journal = journalConnection(options);
  const runs = runsHere();
  let closing = false;

  return {
    executorId,
    register: (name, body) => void bodies.set(name, body),
    async launch() {
      for (const [name, body] of bodies) {
        registered.set(
          name,
          DBOS.registerWorkflow(runner(body, { journal, runs, nowOf, closing: () => closing }), { name }),
        );
      }
      await launchDbos(options, journal, queueName);
    },
    async start(name, id, input) {
      const run = registered.get(name);
      if (!run) throw engineFailed(`No flow is registered as ${name}, or the engine is not launched.`);
      await DBOS.startWorkflow(run, { workflowID: id })(input);
    },
    takeOver: (id) => takeOver(id, { journal, runs, queueName, version }),
    async send(id, topic, message, key) {
      await journal.send(id, topic, message, key);
      wakeHere(id, topic);
    },
    published: journal.published,
    async state(id) {
      const status = await journal.status(id);
      return status && stateOf(status);
    },
    async settled(id) {
      const end = await runs.find(id)?.end;
      if (end?.kind === "lost" && !isFault(end.lost)) throw end.lost;
      return recordedEnd(id, journal, executorId);
    },
    async shutdown() {
      if (closing) return;
      closing = true;
      runs.abandon(new FlowLost(`executor ${executorId} is going down`));
      if (DBOS.isInitialized()) {
        await DBOS.deleteQueue(queueName).catch(() => undefined);
        // Functions are unregistered as well, so that a test may launch another engine in this process.
        await DBOS.shutdown({ deregister: true });
      }
      await journal.close();
    },
  };
}

/**
 * A wait in this process looks at once, also where NOTIFY does not come: its connection was just lost, or a pooler has swallowed it.
 * By the name under which DBOS's own wait is registered.
 */
const wakeHere = (id: string, topic: string): void =>
  DBOSExecutor.globalInstance?.systemDatabase.notificationsMap.callCallbacks(`${id}::${topic}`);

interface RunnerParts {
  readonly journal: JournalConnection;
  readonly runs: RunsHere;
  readonly nowOf: (flowId: string) => number;
  readonly closing: () => boolean;
}

/**
 * The function that DBOS runs. A run that was lost never returns to DBOS, which would record its end: it has nothing to
 * record, and nobody to tell.
 */
function runner(body: FlowBody, { journal, runs, nowOf, closing }: RunnerParts): RegisteredFlow {
  return async (input) => {
    const id = DBOS.workflowID as string;
    const flow = journalledFlow(
      id,
      () => journal.owns(id),
      () => nowOf(id),
    );
    const end = runs.begin(flow);
    const returned = await Promise.allSettled([body(flow, input)]).then(([result]) => result);
    if (returned.status === "rejected" && returned.reason instanceof FlowLost) flow.giveUp(returned.reason);
    if (flow.lost) return leave(flow.lost, end);
    if (closing()) return new Promise<never>(() => undefined);
    end({ kind: "ended" });
    if (returned.status === "rejected") throw returned.reason;
    return returned.value;
  };
}

function leave(lost: FlowLost, end: (end: RunEnd) => void): Promise<never> {
  end({ kind: "lost", lost });
  if (isFault(lost)) throw lost.cause;
  return new Promise<never>(() => undefined);
}

async function launchDbos(
  options: DbosFlowEngineOptions,
  journal: JournalConnection,
  queueName: string,
): Promise<void> {
  // Its own limit, 60 s between two attempts, would leave a deployment waiting long after an outage.
  dbRetryConfig.initialBackoffSec = 0.25;
  dbRetryConfig.maxBackoffSec = 5;
  DBOS.setConfig({
    name: applicationName,
    systemDatabaseUrl: options.url,
    systemDatabasePool: journal.pool,
    systemDatabaseSchemaName: journal.schema,
    applicationVersion: options.applicationVersion,
    executorID: options.executorId,
    listenQueues: [queueName],
    logger: journal.logger,
  });
  try {
    const queueKnown = await makeQueue(journal, queueName);
    await DBOS.launch();
    if (!queueKnown) await makeQueue(journal, queueName);
  } catch (cause) {
    // What was begun of it would keep this process from ending, and another launch from being tried.
    await DBOS.shutdown({ deregister: true }).catch(() => undefined);
    throw engineFailed(`The journal cannot be opened: ${(cause as Error).message}`, cause);
  }
}
