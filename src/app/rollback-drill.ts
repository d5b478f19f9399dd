/** X8: what a rollback drill would do, and what forbids it. The drill itself is a rollback and a deployment like any other. */
import type { Plan } from "../domain/plan.ts";
import type { Serving } from "../domain/serving.ts";
import type { DeployRequest } from "../pipeline/deploy.ts";
import type { Parts } from "../pipeline/parts.ts";
import { inputOf } from "./deployment-input.ts";
import { rollbackTarget, windowFault } from "./rollback-target.ts";

export interface RollbackDrillPlan {
  readonly from: Serving;
  readonly to: Serving;
  /** How what serves was deployed; the same again is the way forward. */
  readonly again: DeployRequest | null;
  /** Why it must not be done now; empty where it may. */
  readonly forbidden: readonly string[];
}

/** Throws ROLLBACK_UNAVAILABLE where there is nothing to go back to. */
export async function planRollbackDrill(parts: Parts, signal: AbortSignal): Promise<RollbackDrillPlan> {
  const { ledger, settings } = parts;
  const { from, to } = await rollbackTarget(parts, { reason: "drill", toVersion: null, component: null }, signal);
  const row = await ledger.deployment(from.deploymentId);
  const again = row === undefined ? null : inputOf(row).deploy;
  const contracts = await contractMigrationsOf(parts, from.deploymentId);
  const closed = windowFault(parts, from, await ledger.now());
  const { required } = settings.approvals;
  return {
    from,
    to,
    again,
    forbidden: [
      ...(closed === undefined ? [] : [closed]),
      ...(contracts.length === 0
        ? []
        : [`${from.version} took away what ${to.version} needs: ${contracts.join(", ")}.`]),
      ...(again === null ? [`${from.version} was not deployed by a deployment that could be repeated.`] : []),
      ...(required === 0
        ? []
        : [`The way forward needs ${required} approvals; until they are given ${to.version} would serve.`]),
    ],
  };
}

/** As its plan showed them. */
async function contractMigrationsOf({ ledger }: Parts, deploymentId: string): Promise<readonly string[]> {
  const details = (await ledger.events(deploymentId, 0)).map(({ detail }) => detail as { readonly plan?: Plan } | null);
  const plan = details.findLast((detail) => detail?.plan !== undefined)?.plan;
  return (plan?.migrations ?? []).filter(({ class: kind }) => kind === "contract").map(({ id }) => id);
}
