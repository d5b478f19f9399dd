/**
 * What an engine runs: one flow, "deployment", for deployments and rollbacks alike. Everything it needs besides the journal is
 * in the deployment's row, so that any process of this project can take it over.
 */
import type { Attempt } from "../domain/attempt.ts";
import { asJson, type Json } from "../domain/json.ts";
import { attend } from "../pipeline/attendance.ts";
import { deploy } from "../pipeline/deploy.ts";
import type { Parts } from "../pipeline/parts.ts";
import { rollBack } from "../pipeline/rollback.ts";
import { Run } from "../pipeline/run.ts";
import { type Ended, extendedWatch, settle } from "../pipeline/settle.ts";
import { claimAll } from "../pipeline/stages/lock.ts";
import { steadyLedger } from "../pipeline/steady-ledger.ts";
import type { Clock } from "../ports/clock.ts";
import { type Flow, type FlowEngine, FlowLost } from "../ports/flow.ts";
import type { DeploymentRow, Ledger } from "../ports/ledger.ts";
import { inputOf } from "./deployment-input.ts";

export { type DeploymentInput, inputOf } from "./deployment-input.ts";
export { applicationVersion } from "./other-versions.ts";

export const deploymentFlow = "deployment";

export interface Executor {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

export interface FlowSurroundings {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly executor: Executor;
  readonly wire: (row: DeploymentRow) => Parts;
  /** Called at every beat while the ledger does not answer. */
  readonly reviveLedger?: () => Promise<void>;
}

export function registerFlows(engine: FlowEngine, around: FlowSurroundings): void {
  engine.register(deploymentFlow, async (flow) => asJson(await runDeployment(flow, engine, around)) as Json);
}

interface TakenUp {
  readonly row: DeploymentRow;
  readonly attempt: Attempt;
}

/**
 * Whoever takes over was put in charge before (worker-pool.ts); while it then waited for the ledger its lease may have run out, and
 * another one may be in charge, who is not replaced. Its own begin whose answer was lost is simply made again.
 */
async function takeUp(ledger: Ledger, id: string, executor: Executor): Promise<TakenUp> {
  for (;;) {
    const row = await ledger.deployment(id);
    if (row === undefined) throw new Error(`the ledger has no deployment ${id}`);
    refuseToReplace(row, executor);
    const after = row.outcome === null ? row.attempt : undefined;
    const attempt = await ledger.beginAttempt(id, executor, after).catch(unlessLost);
    if (attempt) return { row, attempt };
  }
}

function refuseToReplace({ id, outcome, executor: holder }: DeploymentRow, executor: Executor): void {
  if (outcome !== null || holder === null || holder.id === executor.id || holder.expired) return;
  throw new FlowLost(`${id} is in the charge of pid ${holder.pid} on ${holder.host}`);
}

function unlessLost(thrown: unknown): undefined {
  if (!(thrown instanceof FlowLost)) throw thrown;
}

/** Once per execution: at the start, and again in every process that takes the deployment over. */
export async function runDeployment(
  flow: Flow,
  engine: Pick<FlowEngine, "send">,
  around: FlowSurroundings,
): Promise<Ended> {
  const { executor, clock, reviveLedger } = around;
  // Nobody is in charge yet, so nothing can be lost while it waits for the ledger.
  const ledger = steadyLedger(around.ledger, clock, new AbortController().signal, reviveLedger);
  const { row, attempt } = await takeUp(ledger, flow.id, executor);
  const parts = around.wire(row);
  const run = new Run(flow, parts, row, attempt);
  const attendance = attend(run, engine, reviveLedger);
  try {
    // A successor claims at once, so that whatever the predecessor still has under way is refused by the targets. One that
    // does not answer now hears the number with the next thing it is asked to do.
    const lock = await ledger.lock(row.environment);
    if (lock?.deploymentId === row.id) await claimAll(parts, attempt, run.lostSignal).catch(() => undefined);
    const { deploy: deployment, rollback } = inputOf(row);
    const ended = await settle(run, async () => {
      if (deployment) await deploy(run, deployment);
      if (rollback) await rollBack(run, rollback);
    });
    await extendedWatch(run, ended);
    return ended;
  } finally {
    await attendance.stop();
  }
}
