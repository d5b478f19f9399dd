/** The process that runs one deployment to its end: launches the engine, starts the flow or takes it over, leaves. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { dbosFlowEngine } from "../engine/dbos/flow-engine.ts";
import { deliverNotifications } from "../pipeline/outbox.ts";
import type { DeploymentRow } from "../ports/ledger.ts";
import { quarantineBroken } from "./broken-flow.ts";
import { machineClock } from "./clock.ts";
import { deploymentFlow, type Executor, inputOf, registerFlows } from "./flows.ts";
import { applicationVersion, begunByOtherVersion, isOtherVersions } from "./other-versions.ts";
import { openState, type State, type StateLocation } from "./state.ts";
import { wire } from "./wire.ts";

export interface WorkerOptions extends StateLocation {
  readonly deploymentId: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** How long a process stays for notifications that could not be delivered; they are kept and shown, whatever happens. */
const flushForMs = 3_000;

export const thisExecutor = (): Executor => ({
  id: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
  host: hostname(),
  pid: process.pid,
});

/** Resolves when the deployment has ended here; rejects with FlowLost when another process took it over, OTHER_VERSION where it is not ours. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const state = await openState(options);
  await refuseOtherVersions(state, options.deploymentId);
  const executor = thisExecutor();
  const engine = dbosFlowEngine({ url: state.url, executorId: executor.id, applicationVersion });
  const partsOf = (row: DeploymentRow) =>
    wire(inputOf(row).settings, {
      clock: machineClock,
      ledger: state.ledger,
      projectFolder: inputOf(row).projectFolder,
      stateFolder: options.stateFolder,
      environment: options.environment,
    });
  try {
    registerFlows(engine, {
      clock: machineClock,
      ledger: state.ledger,
      executor,
      wire: partsOf,
      reviveLedger: state.revive,
    });
    await engine.launch();
    const flow = await engine.state(options.deploymentId);
    if (flow === undefined) await engine.start(deploymentFlow, options.deploymentId, {});
    else await engine.takeOver(options.deploymentId);
    const end = await engine.settled(options.deploymentId);
    const row = await state.ledger.deployment(options.deploymentId);
    if (row && end.kind === "broken") await quarantineBroken(state.ledger, executor, row, end.error);
    if (row) await flush(partsOf(row), options.deploymentId);
  } finally {
    await engine.shutdown();
    await state.close();
  }
}

/** Before the engine is launched: nothing is written for a deployment that is not ours to run. */
async function refuseOtherVersions(state: State, deploymentId: string): Promise<void> {
  const row = await state.ledger.deployment(deploymentId);
  if (row === undefined || !isOtherVersions(row)) return;
  await state.close();
  throw begunByOtherVersion(row);
}

async function flush(parts: Parameters<typeof deliverNotifications>[0], deploymentId: string): Promise<void> {
  const until = machineClock.now() + flushForMs;
  while ((await parts.ledger.undelivered(deploymentId)).length > 0 && machineClock.now() < until) {
    await deliverNotifications(parts, deploymentId, AbortSignal.timeout(flushForMs));
    await machineClock.sleep(100);
  }
}
