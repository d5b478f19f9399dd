/** The process behind a deployment; people do not call it. Its output is the worker's log. */
import { FlowLost } from "../../app/model.ts";
import { runWorker } from "../../app/worker.ts";
import type { Session } from "../session.ts";

export async function workerCommand(
  { output, stateFolder, environment }: Session,
  deploymentId: string,
): Promise<number> {
  try {
    await runWorker({ url: environment.SLUICE_DATABASE_URL, stateFolder, deploymentId, environment });
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof FlowLost)) throw thrown;
    output.progress(`Another process took ${deploymentId} over: ${thrown.message}`);
    return 0;
  }
}
