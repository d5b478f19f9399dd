/** Has the process that runs a deployment died? The ledger knows by the lease; on this machine its pid tells at once. */
import { hostname } from "node:os";
import { isAlive } from "../engine/process-alive.ts";
import type { DeploymentRow } from "../ports/ledger.ts";

type Attended = Pick<DeploymentRow, "state" | "executor">;

export function isAbandoned(row: Attended): boolean {
  if (row.state === "ended") return false;
  if (row.executor === null) return true;
  return row.executor.expired || isDead(row);
}

/** Certain, since its process is one of this machine's and is gone. */
export const isDead = ({ executor }: Attended): boolean =>
  executor !== null && executor.host === hostname() && !isAlive(executor.pid);
