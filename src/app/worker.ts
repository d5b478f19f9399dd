/** The process that runs one deployment to its end and leaves: a pool of one. */
import { openState, type StateLocation } from "./state.ts";
import { openPool } from "./worker-pool.ts";

export { thisExecutor } from "./worker-pool.ts";

export interface WorkerOptions extends StateLocation {
  readonly deploymentId: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Resolves when the deployment has ended here; rejects with FlowLost when another process took it over, OTHER_VERSION where it is not ours. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { deploymentId, stateFolder, environment } = options;
  const state = await openState(options);
  const pool = openPool({ state, stateFolder, environment });
  try {
    await pool.run(deploymentId);
  } finally {
    await pool.close();
    await state.close();
  }
}
