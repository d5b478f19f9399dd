/** What the ledger refuses, in the same words from both stores. */
import type { Attempt } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { LockTurn } from "../../domain/lock.ts";
import type { Superseded } from "../../domain/supersede.ts";
import type { LockAnswer, LockRow } from "../../ports/ledger.ts";

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

/** To one that did not take the lock now: it has it already, or hears why not. */
export function answerTo(
  turn: LockTurn,
  attempt: Attempt,
  holder: LockRow | undefined,
  superseded: Superseded | null,
): LockAnswer {
  if (turn.kind === "queued") return turn;
  if (turn.kind === "superseded") return { kind: "superseded", by: superseded as Superseded };
  return turn.kind === "busy" ? { kind: "busy", holder: holder as LockRow } : { kind: "acquired", attempt };
}
