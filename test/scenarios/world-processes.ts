/** The processes of a scenario: each runs one deployment, can be killed at any touch of the journal, and be replaced. */
import { applicationVersion, deploymentFlow, type Executor, registerFlows } from "../../src/app/flows.ts";
import type { Verdict } from "../../src/domain/verdict.ts";
import type { SimulatedWorld } from "../../src/engine/simulated/world.ts";
import { deliverNotifications } from "../../src/pipeline/outbox.ts";
import type { Parts } from "../../src/pipeline/parts.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { type FlowEngine, FlowLost } from "../../src/ports/flow.ts";
import type { DeploymentRow, Ledger } from "../../src/ports/ledger.ts";
import type { Instance } from "../../src/ports/target.ts";
import type { Fakes } from "./world-fakes.ts";
import { type Act, noting, type OnCall, partsOf } from "./world-parts.ts";

export interface Process {
  readonly executorId: string;
  readonly deploymentId: string;
  /** Somebody told it to take over, whoever else lives. */
  readonly byHand: boolean;
}

export type Processes = ReturnType<typeof openProcesses>;

export const journalVersion = applicationVersion;

export interface ProcessesOptions {
  /** What the processes take for the time. */
  readonly clock: Clock;
  readonly onCall: OnCall | undefined;
  readonly onAnswer: ((executorId: string, instance: Instance, verdict: Verdict) => void) | undefined;
}

export function openProcesses(fakes: Fakes, simulated: SimulatedWorld, options: ProcessesOptions) {
  const { clock, onCall, onAnswer } = options;
  const { ledger, shared } = fakes;
  const all: Process[] = [];
  const acts: Act[] = [];
  const endings = new Map<string, PromiseWithResolvers<void>>();
  const over = new Set<string>();
  const deployments = new Map<string, string>();
  const notes = { clock: fakes.clock, acts, onCall };
  const watcher = simulated.engine("watcher");

  const ending = (deploymentId: string): PromiseWithResolvers<void> => {
    const known = endings.get(deploymentId) ?? Promise.withResolvers<void>();
    known.promise.catch(() => undefined);
    endings.set(deploymentId, known);
    return known;
  };

  function start(deploymentId: string, byHand = false): Process {
    const executorId = `p${all.length + 1}`;
    const process: Process = { executorId, deploymentId, byHand };
    all.push(process);
    deployments.set(executorId, deploymentId);
    const mortal = <T extends object>(part: T): T => simulated.mortal(executorId, noting(part, executorId, notes));
    const wire = ({ environment: name }: DeploymentRow): Parts => {
      const { settings, place } = fakes.environment(name);
      const heard = onAnswer && ((...answer: [Instance, Verdict]) => onAnswer(executorId, ...answer));
      return partsOf(settings, place, { ...shared, clock, ...(heard ? { onAnswer: heard } : {}) }, mortal);
    };
    const engine = simulated.engine(executorId);
    const executor = { id: executorId, host: "host-1", pid: all.length };
    registerFlows(engine, { clock: mortal(clock), ledger: mortal(shared.ledger), executor, wire });
    const { resolve, reject } = ending(deploymentId);
    const charged = byHand ? takeCharge(mortal(shared.ledger), deploymentId, executor) : Promise.resolve();
    void charged
      .then(() => work(engine, deploymentId, wire))
      .then(resolve, (thrown) => thrown instanceof FlowLost || reject(thrown));
    return process;
  }

  /** As `sluice resume` does it; here also where the one before lives. */
  async function takeCharge(through: Ledger, id: string, executor: Executor): Promise<void> {
    const row = await ledger.deployment(id);
    if (!row || row.outcome !== null) return;
    await through.beginAttempt(id, executor, row.attempt).catch((thrown: unknown) => {
      throw new FlowLost(`${id} was not taken over: ${String(thrown)}`);
    });
  }

  /** As app/worker.ts does it. */
  async function work(engine: FlowEngine, id: string, wire: (row: DeploymentRow) => Parts): Promise<void> {
    if (await engine.state(id)) await engine.takeOver(id);
    else await engine.start(deploymentFlow, id, {});
    const state = await engine.settled(id);
    if (state.kind === "broken") throw new Error(`the flow broke: ${state.error}`);
    const row = await ledger.deployment(id);
    for (let tries = 0; row && tries < 3 && (await ledger.undelivered(id)).length > 0; tries++) {
      await deliverNotifications(wire(row), id, new AbortController().signal);
      await clock.sleep(1_000);
    }
  }

  const newest = (id: string): Process => {
    const found = all.findLast(({ deploymentId }) => deploymentId === id);
    if (!found) throw new Error(`nobody ever ran ${id}`);
    return found;
  };

  function isAbandoned({ id, executor, createdAtMs }: DeploymentRow): boolean {
    if (executor !== null) return executor.expired;
    // Nobody has begun yet: its first process may have died before it could.
    return fakes.clock.now() - createdAtMs > 4_000 && !simulated.isAlive(newest(id).executorId);
  }

  /** Nobody takes over what has an outcome, whatever its process had still to do when it died. */
  const leave = (id: string): void => {
    over.add(id);
    ending(id).resolve();
  };

  /** As the reaper does: where the ledger is away nobody can tell, and of several that want to take over one succeeds. */
  async function replaceAbandoned(id: string): Promise<void> {
    const row = await shared.ledger.deployment(id);
    if (row === undefined || !isAbandoned(row)) return;
    if (row.outcome !== null) {
      leave(id);
      return;
    }
    const executor = { id: `p${all.length + 1}`, host: "host-1", pid: all.length + 1 };
    await shared.ledger.beginAttempt(id, executor, row.attempt);
    start(id);
  }

  async function lookAfter(id: string): Promise<void> {
    if ((await watcher.state(id))?.kind === "finished") leave(id);
    else await replaceAbandoned(id).catch(() => undefined);
  }

  return {
    all: all as readonly Process[],
    acts: acts as readonly Act[],
    start,
    newest,
    deploymentOf: (executorId: string): string | undefined => deployments.get(executorId),
    ended: (id: string): Promise<void> => ending(id).promise,
    /** One look around: what was left for longer than its lease is taken over, as the server's reaper does. */
    async supervise(): Promise<void> {
      for (const id of endings.keys()) if (!over.has(id)) await lookAfter(id);
    },
  };
}
