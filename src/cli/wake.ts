/** A decision reaches its deployment through the process that runs it; where that one has died, another is started to hear it. */

import { isAbandoned } from "../app/abandoned.ts";
import type { DeploymentRow } from "../app/model.ts";
import { begunByOtherVersion, isOtherVersions } from "../app/other-versions.ts";
import { startWorker } from "../app/start-worker.ts";
import type { Session } from "./session.ts";

export function wake(session: Session, row: DeploymentRow): void {
  if (!isAbandoned(row)) return;
  // What was asked for is stored; whoever runs it next will see it.
  if (isOtherVersions(row)) {
    session.output.progress(begunByOtherVersion(row).failure.hint);
    return;
  }
  startWorker(row.id, session);
  session.output.progress(`The process that ran ${row.id} is gone; another one goes on with it.`);
}
