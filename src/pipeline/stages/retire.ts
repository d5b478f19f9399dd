/**
 * R4: what no longer serves is drained, then stopped. Its artifact stays, for a way back. It cannot fail the deployment any
 * more: a copy that could not be stopped has no traffic, is named, and is tried again by the next deployment.
 */
import { failureOf } from "../../domain/errors.ts";
import { placeOf, type Serving } from "../../domain/serving.ts";
import type { RevisionId } from "../../domain/traffic.ts";
import { FlowLost } from "../../ports/flow.ts";
import type { Instance } from "../../ports/target.ts";
import type { Stage, StageContext } from "../stage.ts";

interface RetireIntent {
  readonly serves: Serving;
  readonly stable: Serving | null;
  /** R3: it keeps running without traffic, for a quick way back, until the next deployment retires it. */
  readonly keepStable: boolean;
}

export const retire: Stage<RetireIntent, RetireIntent, { retired: readonly string[]; left: readonly string[] }> = {
  name: "retire",
  touches: "workload",
  plan: ({ serving, settings }) => {
    if (serving === undefined) return [];
    return settings.rollout.keepStableMs > 0
      ? [`${serving.version} keeps running without traffic for a quick way back, until the next deployment`]
      : [`drain and stop ${serving.version}; its artifact stays`];
  },
  expectedMs: () => 2_000,
  prepare: (intent) => intent,
  async run({ serves, stable, keepStable }, ctx) {
    const kept = new Set([...serves.components, ...(keepStable && stable ? stable.components : [])].map(placeOf));
    const retired: string[] = [];
    const left: string[] = [];
    for (const instance of await runningOf(ctx)) {
      if (kept.has(placeOf(instance))) continue;
      const name = `${instance.component} ${instance.version}`;
      (await retiredWell(instance.component, instance.revision, name, ctx)) ? retired.push(name) : left.push(name);
    }
    return { retired, left };
  },
  summary: ({ retired, left }) => {
    const stopped = retired.length > 0 ? `stopped ${retired.join(", ")}` : "nothing to stop";
    return left.length > 0 ? `${stopped}; still running without traffic: ${left.join(", ")}` : stopped;
  },
};

/** Drain, then stop: in this order no request is lost. */
export async function drainAndStop(component: string, revision: RevisionId, ctx: StageContext): Promise<void> {
  const { routers, target, settings } = ctx.parts;
  await ctx.guard();
  await routers.get(component)?.drain(revision, settings.rollout.drainTimeoutMs, ctx.attempt, ctx.signal);
  await ctx.guard();
  await target.stop(component, revision, ctx.attempt, ctx.signal);
}

/** None where the target does not answer: then the next deployment retires them. */
async function runningOf(ctx: StageContext): Promise<readonly Instance[]> {
  try {
    return (await ctx.parts.target.observe(ctx.signal)).filter(({ state }) => state === "running");
  } catch (thrown) {
    await tellUnlessLost("see what still runs", thrown, ctx);
    return [];
  }
}

async function retiredWell(component: string, revision: RevisionId, name: string, ctx: StageContext): Promise<boolean> {
  try {
    await drainAndStop(component, revision, ctx);
    return true;
  } catch (thrown) {
    await tellUnlessLost(`stop ${name}`, thrown, ctx);
    return false;
  }
}

async function tellUnlessLost(what: string, thrown: unknown, ctx: StageContext): Promise<void> {
  const failure = failureOf(thrown, "stages.retire");
  if (thrown instanceof FlowLost || failure.code === "STALE_ATTEMPT" || ctx.signal.aborted) throw thrown;
  await ctx.progress(`could not ${what}: ${failure.message}`, {}, "warn");
}
