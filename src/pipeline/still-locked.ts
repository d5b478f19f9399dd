/**
 * The journal says that the lock was taken; the ledger may say otherwise, where a person released it while nobody ran this
 * deployment. Then somebody else may be at work: nothing more may be done here, and nothing be undone.
 */
import { SluiceError } from "../domain/errors.ts";
import type { Run } from "./run.ts";

export async function requireLock(run: Run): Promise<void> {
  const { environment } = run.row;
  const holder = await run.parts.ledger.lock(environment);
  if (holder?.deploymentId === run.row.id) return;
  run.passPointOfNoReturn();
  throw new SluiceError({
    code: "LOCK_LOST",
    remedy: "operator",
    at: "pipeline.lock",
    message: `The lock of ${environment} was taken from this deployment by hand${holder ? `; ${holder.heldBy} holds it now` : ""}. What it had begun was left as it was.`,
    hint: `The next deployment stops what is left without traffic. See what serves: sluice status ${environment}`,
  });
}
