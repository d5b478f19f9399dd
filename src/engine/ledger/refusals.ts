/** What the ledger refuses, in the same words from both stores. */
import { SluiceError } from "../../domain/errors.ts";

export const staleAttempt = (deploymentId: string, n: number): SluiceError =>
  new SluiceError({
    code: "STALE_ATTEMPT",
    remedy: "operator",
    at: `deployment ${deploymentId}`,
    message: `Attempt ${n} of ${deploymentId} is no longer in charge; another process continues the deployment.`,
    hint: `Nothing to mend here. To follow the one in charge: sluice status ${deploymentId}`,
  });

export const deploymentUnknown = (deploymentId: string): SluiceError =>
  new SluiceError({
    code: "DEPLOYMENT_UNKNOWN",
    remedy: "operator",
    at: "ledger",
    message: `There is no deployment ${deploymentId}.`,
    hint: "To list them: sluice history",
  });

export const outcomeLatched = (deploymentId: string, written: string, wanted: string): SluiceError =>
  new SluiceError({
    code: "INTERNAL",
    remedy: "bug",
    at: `deployment ${deploymentId}`,
    message: `${deploymentId} ended as "${written}"; it cannot end as "${wanted}" as well.`,
    hint: `This is a fault in Sluice. Please report it with: sluice logs ${deploymentId}`,
  });
