/**
 * What Sluice answers where GitHub asks it whether a job may go on to an environment (a custom deployment protection rule). People are
 * counted by the deployment that waits for them; here it is only told how that stands. What ended before GitHub asked approves
 * nothing: a job that is run again is asked for again.
 */
import type { DeploymentEvent } from "./events.ts";
import type { Outcome } from "./outcome.ts";

export interface RuleRequest {
  readonly environment: string;
  readonly commit: string;
  readonly runId: number;
  /** When GitHub made the deployment that waits; null where it made none. */
  readonly askedAtMs: number | null;
}

/** The newest deployment of the commit to the environment. */
export interface RuledDeployment {
  readonly id: string;
  readonly state: string;
  readonly outcome: Outcome | null;
  readonly endedAtMs: number | null;
  readonly events: readonly Pick<DeploymentEvent, "step" | "phase" | "tone" | "title" | "detail">[];
}

export interface RuleAnswer {
  /** `waiting`: nothing is decided yet, GitHub goes on to wait. */
  readonly kind: "approved" | "rejected" | "waiting";
  readonly comment: string;
}

export function ruleAnswer(request: RuleRequest, deployment: RuledDeployment | undefined): RuleAnswer {
  const what = `${request.commit.slice(0, 12)} to ${request.environment}`;
  if (deployment === undefined)
    return waiting(`Sluice has no deployment of ${what} yet: sluice deploy ${request.environment}`);
  const { id, outcome } = deployment;
  if (outcome !== null) return answerOfEnded(request, deployment, outcome);
  if (deployment.state === "cancelling" || deployment.state === "quarantined")
    return waiting(`${id} is ${deployment.state}.`);
  const approval = deployment.events.find(
    ({ step, phase, tone }) => step === "approve" && phase === "end" && tone === "ok",
  );
  if (approval) return { kind: "approved", comment: `${id}: ${approval.title}.` };
  const missing = missingOf(deployment);
  return waiting(
    missing === undefined ? `${id} is not approved yet.` : `${id} waits for ${missing} more: sluice approve ${id}`,
  );
}

function answerOfEnded(request: RuleRequest, { id, endedAtMs }: RuledDeployment, outcome: Outcome): RuleAnswer {
  const isLate = request.askedAtMs === null || endedAtMs === null || endedAtMs < request.askedAtMs;
  if (isLate) return waiting(`${id} ended (${outcome}) before this was asked: sluice deploy ${request.environment}`);
  return { kind: outcome === "succeeded" ? "approved" : "rejected", comment: `${id} ended: ${outcome}.` };
}

const waiting = (comment: string): RuleAnswer => ({ kind: "waiting", comment });

function missingOf({ events }: RuledDeployment): number | undefined {
  const details = events.map(({ detail }) => (detail ?? {}) as { waitingForApproval?: boolean; missing?: number });
  return details.findLast(({ waitingForApproval }) => waitingForApproval)?.missing;
}
