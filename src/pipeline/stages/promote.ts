/** The candidate becomes the stable version. From here on there is nothing to undo: going back is a rollback of its own. */
import { asJson } from "../../domain/json.ts";
import type { Serving } from "../../domain/serving.ts";
import type { Stage } from "../stage.ts";
import { type RolloutIntent, routesAt } from "./rollout-step.ts";
import { retire } from "./start-candidate.ts";

interface PromoteIntent {
  readonly becomes: Serving;
  readonly rollout: Pick<RolloutIntent, "candidate" | "stable" | "started" | "routed">;
  readonly keepStable: boolean;
}

export const promote: Stage<PromoteIntent, PromoteIntent, { version: string; retired: readonly string[] }> = {
  name: "promote",
  touches: "workload",
  plan: ({ release, serving, settings }) => [
    `${release.version} becomes the stable version`,
    ...(serving === undefined
      ? []
      : settings.rollout.keepStableMs > 0
        ? [`${serving.version} keeps running without traffic for a quick way back, until the next deployment`]
        : [`drain and stop ${serving.version}; its artifact stays`]),
  ],
  expectedMs: () => 2_000,
  prepare: (intent) => intent,
  async run({ becomes, rollout, keepStable }, ctx) {
    await ctx.guard();
    // Without a fallback: from now on an unattended router must not leave the version that was found good.
    const routes = routesAt({ ...rollout, stable: null }, 100);
    await ctx.traffic.shift(routes, ctx.attempt, ctx.signal);
    await ctx.parts.ledger.setServing(
      {
        environment: ctx.parts.settings.environment,
        deploymentId: becomes.deploymentId,
        version: becomes.version,
        commit: becomes.commit,
        sinceMs: becomes.sinceMs,
        detail: asJson(becomes),
      },
      ctx.attempt,
    );
    const kept = new Set(becomes.components.map(({ revision }) => revision));
    if (keepStable) for (const { revision } of rollout.stable?.components ?? []) kept.add(revision);
    const retired: string[] = [];
    for (const instance of await ctx.parts.target.observe(ctx.signal)) {
      if (instance.state !== "running" || kept.has(instance.revision)) continue;
      await retire(ctx.parts, instance.component, instance.revision, ctx);
      retired.push(`${instance.component} ${instance.version}`);
    }
    return { version: becomes.version, retired };
  },
  summary: ({ version, retired }) =>
    retired.length > 0 ? `${version} serves; stopped ${retired.join(", ")}` : `${version} serves`,
};
