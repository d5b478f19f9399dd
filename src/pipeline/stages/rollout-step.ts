/**
 * R1 R2 R4: one weight with its bake, as one durable step. Shift, read back, then rounds of checks until domain/rollout.ts says
 * hold, done or back. A crash in the middle shifts to the same weight again and goes on with the bake where the clock is.
 */
import { humanDuration } from "../../domain/duration.ts";
import { SluiceError } from "../../domain/errors.ts";
import { aggregateRound } from "../../domain/health.ts";
import { nextMove, splitBetween, stepsFor } from "../../domain/rollout.ts";
import { commonVersion, type Serving, type ServingComponent } from "../../domain/serving.ts";
import type { RolloutSettings, RolloutStep } from "../../domain/settings.ts";
import { judgeTraffic, type TrafficWindow } from "../../domain/traffic-window.ts";
import { toneOf, type Verdict, worst } from "../../domain/verdict.ts";
import type { Check } from "../../ports/check.ts";
import type { Instance } from "../../ports/target.ts";
import type { Parts } from "../parts.ts";
import { drawWindows, type Readings, readCounters, windowsSince } from "../reading.ts";
import type { Stage, StageContext } from "../stage.ts";
import type { RouteSplit } from "../traffic.ts";
import type { Started } from "./start-candidate.ts";

export interface RolloutIntent {
  readonly step: RolloutStep;
  readonly startedAtMs: number;
  readonly version: string;
  readonly candidate: readonly ServingComponent[];
  readonly stable: Serving | null;
  readonly started: Started;
  readonly routed: readonly string[];
  readonly rollout: RolloutSettings;
  /** What the routers had counted when the step began. */
  readonly before: Readings;
}

export interface StepPassed {
  readonly percent: number;
  readonly undecided: boolean;
  readonly bakedMs: number;
  readonly candidate: { readonly requests: number; readonly errors: number };
  readonly stable: { readonly requests: number; readonly errors: number };
}

export const rolloutStep: Stage<RolloutIntent, RolloutIntent, StepPassed> = {
  name: "rollout",
  touches: "traffic",
  plan: ({ settings, release, serving }) => {
    const steps = stepsFor(settings.rollout.steps, serving !== undefined);
    const lines = steps.map(
      ({ percent, bakeMs }) =>
        `${percent} % of the traffic to ${release.version}, watched for ${humanDuration(bakeMs)}`,
    );
    return serving ? lines : [`${lines.join()} (nothing serves yet, so there is no smaller step)`];
  },
  expectedMs: ({ settings, serving }) =>
    stepsFor(settings.rollout.steps, serving !== undefined).reduce((sum, { bakeMs }) => sum + bakeMs, 0),
  prepare: (intent) => intent,
  async run(intent, ctx) {
    await ctx.guard();
    const routes = routesAt(intent, intent.step.percent);
    await ctx.traffic.shift(routes, ctx.attempt, ctx.signal);
    await ctx.progress(
      `${intent.step.percent} % on ${intent.version}`,
      { percent: intent.step.percent, shifted: true },
      "info",
    );
    return bake(intent, ctx);
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
  summary: ({ percent, undecided, bakedMs, candidate }) =>
    `${percent} % ${undecided ? "undecided, going on as configured" : "held"} for ${humanDuration(bakedMs)}: ${candidate.requests} requests, ${candidate.errors} failed`,
};

async function bake(intent: RolloutIntent, ctx: StageContext): Promise<StepPassed> {
  const { clock } = ctx.parts;
  const { rollout, step, before } = intent;
  const bakeEndsAtMs = intent.startedAtMs + rollout.settleMs + step.bakeMs;
  let failuresInARow = 0;
  await clock.sleep(rollout.settleMs, ctx.signal);
  for (let round = 1; ; round++) {
    const leftMs = bakeEndsAtMs - clock.now();
    const waitMs = leftMs > 0 ? Math.min(rollout.checkEveryMs, leftMs) : rollout.checkEveryMs;
    // Without a bake, or begun again after its end, there is nothing to wait for before the first round.
    if (leftMs > 0 || round > 1) await clock.sleep(waitMs, ctx.signal);
    await ctx.traffic.verify(ctx.signal);
    const windows = windowsSince(before, await readCounters(ctx, intent), intent);
    const verdict = worst([
      await healthRound(intent, ctx),
      judgeTraffic(windows.candidate, windows.stable, limitsOf(intent)),
    ]);
    const nowMs = clock.now();
    const move = nextMove(
      {
        bakeEndsAtMs,
        undecidedUntilMs: bakeEndsAtMs + rollout.unknownForMs,
        onUnknown: rollout.onUnknown,
        failureLimit: rollout.failureLimit,
        failuresInARow,
      },
      verdict,
      nowMs,
    );
    await tellRound(intent, ctx, windows, verdict);
    if (move.kind === "roll-back") throw backFrom(intent, move, windows);
    if (move.kind === "done") return passed(intent, windows, nowMs, move.undecided);
    failuresInARow = move.failuresInARow;
  }
}

/** Without a bake there is no time to see traffic: only the health checks judge, and the plan says so. */
const limitsOf = ({ rollout, step, routed }: RolloutIntent) =>
  step.bakeMs === 0 || routed.length === 0 ? { ...rollout.limits, minRequests: 0 } : rollout.limits;

async function healthRound({ started, candidate, step, stable }: RolloutIntent, ctx: StageContext) {
  // Below 100 % a public address may be answered by either version, so only the instances' own answers must name theirs.
  const servicesVersion = step.percent === 100 || stable === null ? commonVersion(candidate) : null;
  const checks = [...instanceChecks(ctx.parts, started.candidate), ...ctx.parts.checks.services(servicesVersion)];
  const results = await Promise.all(checks.map((check) => check.probe(ctx.signal)));
  for (const { name, verdict, detail, tookMs } of results) {
    await ctx.log(
      "health-check.log",
      `${verdict.kind.padEnd(7)} ${name.padEnd(30)} ${Math.round(tookMs)} ms  ${detail}`,
    );
  }
  return aggregateRound(results.map((result, at) => ({ result, critical: checks[at]?.critical ?? true }))).verdict;
}

/** Each instance must name the version it was started as: after a rollback of one component they differ (X4). */
export const instanceChecks = ({ checks }: Parts, instances: readonly Instance[]): readonly Check[] =>
  instances.flatMap((instance) => checks.instances([instance], instance.version));

async function tellRound(
  { step }: RolloutIntent,
  ctx: StageContext,
  windows: { candidate: TrafficWindow; stable: TrafficWindow | undefined },
  verdict: Verdict,
): Promise<void> {
  const reason = verdict.kind === "pass" ? "healthy" : verdict.reason;
  const detail = { percent: step.percent, verdict: verdict.kind, ...drawWindows(windows) };
  await ctx.progress(`${step.percent} %: ${reason}`, detail, toneOf(verdict));
  await ctx.log("rollout.log", `${step.percent} %  ${verdict.kind}  ${reason}  ${JSON.stringify(detail)}`);
}

function passed(
  intent: RolloutIntent,
  windows: ReturnType<typeof windowsSince>,
  nowMs: number,
  undecided: boolean,
): StepPassed {
  const brief = (window: TrafficWindow | undefined) => ({
    requests: window?.requests ?? 0,
    errors: window?.errors ?? 0,
  });
  return {
    percent: intent.step.percent,
    undecided,
    bakedMs: nowMs - intent.startedAtMs,
    candidate: brief(windows.candidate),
    stable: brief(windows.stable),
  };
}

function backFrom(
  { step, version }: RolloutIntent,
  move: { readonly reason: string; readonly undecided: boolean },
  windows: { readonly candidate: TrafficWindow },
): SluiceError {
  return new SluiceError({
    code: move.undecided ? "ROLLOUT_UNDECIDED" : "HEALTH_FAILED",
    remedy: "operator",
    at: "stages.rollout",
    message: `${version} at ${step.percent} %: ${move.reason}`,
    hint: move.undecided
      ? "Nothing proved it good or bad. Send it traffic, lengthen the bake or lower minRequests, then deploy again: sluice validate"
      : `Its logs are in the deployment's folder. ${windows.candidate.requests} requests reached it. Fix it and release a new version: sluice logs`,
  });
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
