/** The candidate becomes the stable version. Once this is done there is nothing to undo: going back is a rollback of its own. */
import { asJson } from "../../domain/json.ts";
import type { Serving } from "../../domain/serving.ts";
import type { Stage } from "../stage.ts";
import type { RolloutIntent } from "./rollout-intent.ts";
import { routesAt } from "./rollout-step.ts";

export interface PromoteIntent {
  readonly becomes: Serving;
  readonly rollout: Pick<RolloutIntent, "candidate" | "stable" | "started" | "routed">;
}

export const promote: Stage<PromoteIntent, PromoteIntent, { version: string }> = {
  name: "promote",
  touches: "workload",
  plan: ({ release }) => [`${release.version} becomes the stable version`],
  expectedMs: () => 500,
  prepare: (intent) => intent,
  async run({ becomes, rollout }, ctx) {
    await ctx.guard();
    const { ledger, settings } = ctx.parts;
    // Begun again after the ledger named it: it was read back then, and there is no way back any more, not even by a cancel.
    const named = await ledger.serving(settings.environment);
    if (named?.deploymentId === becomes.deploymentId) return { version: becomes.version };
    // Without a fallback: from now on an unattended router must not leave the version that was found good.
    const routes = routesAt({ ...rollout, stable: null }, 100);
    await ctx.traffic.shift(routes, ctx.attempt, ctx.signal);
    await ledger.setServing(
      {
        environment: settings.environment,
        deploymentId: becomes.deploymentId,
        version: becomes.version,
        commit: becomes.commit,
        sinceMs: becomes.sinceMs,
        detail: asJson(becomes),
      },
      ctx.attempt,
    );
    return { version: becomes.version };
  },
  summary: ({ version }) => `${version} is the stable version`,
};
