/** The process that runs one deployment to its end and leaves: a pool of one. */
import { openState, type StateLocation } from "./state.ts";
import { openPool } from "./worker-pool.ts";

export { thisExecutor } from "./worker-pool.ts";

export interface WorkerOptions extends StateLocation {
  readonly deploymentId: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** When it fires, this process leaves: what is under way stays unfinished and can be taken over. */
  readonly leave?: AbortSignal;
}

/** Resolves when the deployment has ended here, or was left; rejects with FlowLost when another process took it over, OTHER_VERSION where it is not ours. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { deploymentId, stateFolder, environment, leave } = options;
  const state = await openState(options);
  const pool = openPool({ state, stateFolder, environment });
  try {
    await Promise.race([pool.run(deploymentId), fired(leave)]);
  } finally {
    await pool.close();
    await state.close();
  }
}

const fired = (signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
