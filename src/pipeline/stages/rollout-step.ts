/**
 * R1 R2 R4: one weight with its bake, as one durable step: shift, read back, then held and watched (bake.ts) until it is done or goes
 * back. At "100 %" a control stays on the stable version until the bake is over. A crash in the middle shifts to the same weight
 * again and goes on with the bake where clock and buckets stand.
 */
import { humanDuration } from "../../domain/duration.ts";
import type { ErrorCode } from "../../domain/error-codes.ts";
import { SluiceError } from "../../domain/errors.ts";
import {
  bakedPercent,
  failureAction,
  holdsNothing,
  type StepEnd,
  splitBetween,
  stepsFor,
} from "../../domain/rollout.ts";
import type { Serving } from "../../domain/serving.ts";
import type { ComponentSettings, RolloutSettings, RolloutStep } from "../../domain/settings.ts";
import type { TrafficWindow } from "../../domain/traffic-window.ts";
import type { Instance } from "../../ports/target.ts";
import type { Stage, StageContext } from "../stage.ts";
import type { RouteSplit } from "../traffic.ts";
import { type Baked, bake, drawLook, refuseWorse } from "./bake.ts";
import type { RolloutIntent } from "./rollout-intent.ts";

export interface StepPassed extends StepEnd {
  readonly undecided: boolean;
  readonly promotedBy: string | null;
  readonly bakedMs: number;
  /** What the sequential test knew at the end of the step; null where nothing was compared. */
  readonly evidence: ReturnType<typeof drawLook>["evidence"] | null;
  readonly candidate: { readonly requests: number; readonly errors: number };
  readonly stable: { readonly requests: number; readonly errors: number };
}

export const rolloutStep: Stage<RolloutIntent, RolloutIntent, StepPassed> = {
  name: "rollout",
  touches: "traffic",
  plan: ({ settings, release, serving }) => [
    ...planLines(settings.rollout, release.version, serving),
    ...(serving ? verdictLines(settings.rollout, serving.version) : []),
    ...(serving ? settings.components.flatMap(routingLines) : []),
  ],
  expectedMs: ({ settings: { rollout }, serving }) =>
    rollout.strategy === "adaptive" && serving !== undefined
      ? 3 * rollout.adaptive.minSoakMs
      : stepsFor(rollout.steps, serving !== undefined).reduce((sum, { bakeMs }) => sum + bakeMs, 0),
  prepare: (intent) => intent,
  async run(intent, ctx) {
    await ctx.guard();
    const percent = bakedAt(intent);
    if (goesBackFor("CANDIDATE_WORSE", ctx)) await refuseWorse(intent, percent, ctx);
    const shiftTo = async (to: number) => {
      await ctx.traffic.shift(routesAt(intent, to), ctx.attempt, ctx.signal);
      await ctx.progress(`${to} % on ${intent.version}`, { percent: to, shifted: true }, "info");
    };
    await shiftTo(percent);
    const baked = await bake(intent, percent, ctx).catch(async (thrown: unknown) => {
      await retreat(intent, thrown, ctx);
      throw thrown;
    });
    if (percent !== intent.step.percent) {
      await ctx.guard();
      await shiftTo(intent.step.percent);
    }
    return passed(intent.step, baked);
  },
  /** Back to stable everywhere, read back, before anything else is undone: the one thing that stops the damage. */
  async undo(intent, ctx) {
    await ctx.traffic.shift(routesBack(intent), ctx.attempt, ctx.signal);
    const where = intent.stable?.version ?? "nothing (there was no stable version)";
    await ctx.progress(
      `traffic is back on ${where}, read back from the router`,
      { backOn: intent.stable?.version ?? null },
      "ok",
    );
  },
  summary: ({ percent, undecided, promotedBy, bakedMs, candidate, evidence }) => {
    const how = promotedBy ? `let go on by ${promotedBy}` : undecided ? "undecided, going on as configured" : "held";
    const counts = `${candidate.requests} requests, ${candidate.errors} failed`;
    return `${percent} % ${how} for ${humanDuration(bakedMs)}: ${counts}${evidenceWords(evidence)}`;
  },
};

const goesBackFor = (code: ErrorCode, { parts }: StageContext): boolean =>
  failureAction(parts.settings, "rollout", code) === "roll-back";

/**
 * The traffic leaves a bad release within the step that found it out: the step's end, the journal and the next step's begin would
 * cost requests. `undo` does it again, patiently, reads it back and tells it.
 */
async function retreat(intent: RolloutIntent, thrown: unknown, ctx: StageContext): Promise<void> {
  if (ctx.signal.aborted || !(thrown instanceof SluiceError) || !goesBackFor(thrown.failure.code, ctx)) return;
  await ctx.guard();
  await ctx.traffic.shift(routesBack(intent), ctx.attempt, ctx.signal).catch(() => undefined);
}

/** What the candidate has while the step bakes. */
export const bakedAt = ({ step, rollout, stable, started }: RolloutIntent): number =>
  bakedPercent(step, rollout, stable !== null && started.stable.length > 0);

/** "No evidence against it" is not "proven": the words say what is known. */
function evidenceWords(evidence: StepPassed["evidence"]): string {
  if (evidence === null) return "";
  const bound = evidence.excessUpperBound.errors;
  const most = bound === undefined || bound >= 1 ? "" : `, at most ${(100 * bound).toFixed(1)} points more failures`;
  return evidence.kind === "good" ? `, proven good${most}` : `, nothing against it${most}`;
}

function planLines(rollout: RolloutSettings, version: string, serving: Serving | undefined): readonly string[] {
  const { adaptive, controlPercent } = rollout;
  if (serving === undefined) {
    const [last] = stepsFor(rollout.steps, false);
    return [
      `100 % of the traffic to ${version}, watched for ${humanDuration(last?.bakeMs ?? 0)} (nothing serves yet, so there is no smaller step)`,
    ];
  }
  if (rollout.strategy === "adaptive") {
    return [
      `as much traffic to ${version} as may cost ${adaptive.budget} failed requests in ${humanDuration(adaptive.reactionMs)} at worst, each weight at least ${humanDuration(adaptive.minSoakMs)}, more as it is proven good`,
      `then ${100 - controlPercent} %, and 100 %`,
    ];
  }
  return rollout.steps.map((step) => {
    const baked = bakedPercent(step, rollout, true);
    const control =
      baked === step.percent ? "" : ` (${controlPercent} % stays on ${serving.version} until then, to compare with)`;
    const after = step.promote === "by-hand" ? ", then held until somebody promotes it" : "";
    return `${step.percent} % of the traffic to ${version}, watched for ${humanDuration(step.bakeMs)}${control}${after}`;
  });
}

/** Who gets a version for another reason than the weights. */
function routingLines({ name, route }: ComponentSettings): readonly string[] {
  const { sticky, testers } = route ?? {};
  const by = sticky?.kind === "cookie" ? "the router's cookie" : `the header ${sticky?.name}`;
  const who = testers?.token ? "who knows its token" : "anybody";
  return [
    ...(sticky ? [`${name}: a user keeps its version, by ${by}, while the weights stay`] : []),
    ...(testers ? [`${name}: ${who} may choose the version by the header ${testers.header}`] : []),
  ];
}

function verdictLines(rollout: RolloutSettings, stable: string): readonly string[] {
  const { verdict } = rollout;
  if (verdict.mode === "off" || holdsNothing(rollout)) return [];
  const does = verdict.mode === "advisory" ? "only advises" : "goes back when it is surely worse";
  const grid = `${humanDuration(verdict.bucketMs)} buckets, warm-up ${humanDuration(verdict.warmUpMs)}`;
  const phi = verdict.dispersion === null ? "dispersion measured" : `dispersion ${verdict.dispersion}`;
  return [
    `compared with ${stable} at the same time in ${grid}, ${phi}: ${does} (false alarms at most ${100 * verdict.falseAlarm} %)`,
  ];
}

function passed(step: RolloutStep, { windows, look, ...baked }: Baked): StepPassed {
  const brief = (window: TrafficWindow | undefined) => ({
    requests: window?.requests ?? 0,
    errors: window?.errors ?? 0,
  });
  return {
    ...baked,
    percent: step.percent,
    evidence: look ? drawLook(look).evidence : null,
    candidate: brief(windows.candidate),
    stable: brief(windows.stable),
  };
}

const endpointsOf = (instances: readonly Instance[], component: string) =>
  instances.filter((instance) => instance.component === component).map(({ endpoint }) => endpoint);

/** The splits of all routes at a weight, in the order in which they are shifted. */
export function routesAt(
  intent: Pick<RolloutIntent, "candidate" | "stable" | "started" | "routed">,
  percent: number,
): readonly RouteSplit[] {
  return intent.candidate
    .filter(({ component }) => intent.routed.includes(component))
    .map(({ component, revision }) => {
      const stable = stableOf(intent, component);
      const candidate = { revision, endpoints: endpointsOf(intent.started.candidate, component) };
      return {
        component,
        split: splitBetween(stable, candidate, percent),
        fallback: stable === undefined || stable.revision === revision ? null : stable.revision,
      };
    });
}

/** Reverse order: what is called by others goes back last, so that no version meets an older one than it was built for. */
function routesBack(intent: RolloutIntent): readonly RouteSplit[] {
  return [...intent.candidate]
    .reverse()
    .filter(({ component }) => intent.routed.includes(component))
    .map(({ component }) => {
      const stable = stableOf(intent, component);
      return { component, split: stable ? [{ ...stable, percent: 100 }] : [], fallback: null };
    });
}

/** Stable serves a component only if the target saw it running: weight on something that is not there loses requests. */
function stableOf({ stable, started }: Pick<RolloutIntent, "stable" | "started">, component: string) {
  const serving = stable?.components.find((each) => each.component === component);
  if (serving === undefined) return undefined;
  const endpoints = endpointsOf(
    started.stable.filter(({ revision }) => revision === serving.revision),
    component,
  );
  return endpoints.length > 0 ? { revision: serving.revision, endpoints } : undefined;
}
