/** The process behind a deployment; people do not call it. Its output is the worker's log. */
import { runWorker } from "../../app/worker.ts";
import { FlowLost } from "../../ports/flow.ts";
import type { Session } from "../session.ts";

export async function workerCommand(session: Session, deploymentId: string): Promise<number> {
  const { stateFolder } = session.project();
  try {
    await runWorker({ url: process.env["SLUICE_DATABASE_URL"], stateFolder, deploymentId, environment: process.env });
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof FlowLost)) throw thrown;
    session.output.progress(`Another process took ${deploymentId} over: ${thrown.message}`);
    return 0;
  }
}
