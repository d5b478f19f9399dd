/**
 * A worker that kills itself: the same rooms as the worker of `sluice deploy` (src/app), with real parts and the real engine, each
 * behind a counting proxy. Arguments: deployment, project folder, `list <file>` (writes down every point it reaches and lives) or
 * `kill <point>` (SIGKILL to itself there) or `live`.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { machineClock } from "../../src/app/clock.ts";
import { applicationVersion, deploymentFlow, inputOf, registerFlows } from "../../src/app/flows.ts";
import { openState } from "../../src/app/state.ts";
import { wire } from "../../src/app/wire.ts";
import { thisExecutor } from "../../src/app/worker.ts";
import { dbosFlowEngine } from "../../src/engine/dbos/flow-engine.ts";
import { deliverNotifications } from "../../src/pipeline/outbox.ts";
import type { DeploymentRow } from "../../src/ports/ledger.ts";
import { type Reached, watch } from "./kill-points.ts";

const [id = "", projectFolder = "", mode = "", argument = ""] = process.argv.slice(2);
const stateFolder = join(projectFolder, ".sluice");

const modes: Readonly<Record<string, Reached>> = {
  list: (point) => appendFileSync(argument, `${point}\n`),
  kill: (point) => {
    // Nothing runs after this, not even on another thread: the signal is there before the call returns.
    if (point === argument) process.kill(process.pid, "SIGKILL");
  },
  live: () => undefined,
};
const reached = modes[mode];
if (reached === undefined) throw new Error(`list, kill or live, not ${mode}`);

const watched = watch(reached);
const state = await openState({ url: undefined, stateFolder });
const executor = thisExecutor();
const engine = watched.engine(dbosFlowEngine({ url: state.url, executorId: executor.id, applicationVersion }));
const ledger = watched.ledger(state.ledger);
const partsOf = (row: DeploymentRow) =>
  watched.parts(
    wire(inputOf(row).settings, { clock: machineClock, ledger, projectFolder, stateFolder, environment: process.env }),
  );
registerFlows(engine, { clock: machineClock, ledger, executor, wire: partsOf, reviveLedger: state.revive });
await engine.launch();
await engine.start(deploymentFlow, id, {});
await engine.settled(id);
const row = await state.ledger.deployment(id);
if (row) {
  for (let tries = 0; tries < 20 && (await state.ledger.undelivered(id)).length > 0; tries++) {
    await deliverNotifications(partsOf(row), id, AbortSignal.timeout(3_000));
    await machineClock.sleep(100);
  }
}
await engine.shutdown();
await state.close();
