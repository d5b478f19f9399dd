/** O1 O2: the watch after the rollout. N failed rounds in a row, or too few passing probes, or traffic over its limits. */
import { humanDuration } from "../../domain/duration.ts";
import { SluiceError } from "../../domain/errors.ts";
import { aggregateRound, nextObservation, startOfObservation } from "../../domain/health.ts";
import { commonVersion, type Serving, type ServingComponent } from "../../domain/serving.ts";
import type { ObservationSettings } from "../../domain/settings.ts";
import { judgeTraffic } from "../../domain/traffic-window.ts";
import { toneOf, worst } from "../../domain/verdict.ts";
import type { Instance } from "../../ports/target.ts";
import { drawWindows, type Readings, readCounters, windowsSince } from "../reading.ts";
import type { Stage, StageContext } from "../stage.ts";
import { instanceChecks } from "./bake-round.ts";

interface ObserveIntent {
  readonly version: string;
  readonly startedAtMs: number;
  readonly observation: ObservationSettings;
  readonly candidate: readonly ServingComponent[];
  readonly instances: readonly Instance[];
  readonly stable: Serving | null;
  readonly routed: boolean;
  /** What the routers had counted when the watch began. */
  readonly before: Readings;
}

export interface Observed {
  readonly rounds: number;
  readonly passedRounds: number;
  readonly tookMs: number;
  readonly requests: number;
  readonly errors: number;
}

export const observe: Stage<ObserveIntent, ObserveIntent, Observed> = {
  name: "observe",
  touches: "nothing",
  plan: ({ settings: { observation } }) =>
    observation.durationMs === 0
      ? []
      : [`watch for ${humanDuration(observation.durationMs)}, a round every ${humanDuration(observation.everyMs)}`],
  expectedMs: ({ settings }) => settings.observation.durationMs,
  prepare: (intent) => intent,
  run: watch,
  summary: ({ rounds, passedRounds, requests, errors, tookMs }) =>
    rounds === 0
      ? "not watched (duration 0)"
      : `${passedRounds} of ${rounds} rounds passed in ${humanDuration(tookMs)}; ${requests} requests, ${errors} failed`,
};

async function watch(intent: ObserveIntent, ctx: StageContext): Promise<Observed> {
  const { clock } = ctx.parts;
  const { observation, startedAtMs } = intent;
  const endsAtMs = startedAtMs + observation.durationMs;
  let state = startOfObservation;
  let seen = { requests: 0, errors: 0 };
  // Begun again after its end, since the process died, it still has to see for itself: one round that passes is enough then.
  const mayGoOn = () => clock.now() < endsAtMs || (state.passedRounds === 0 && state.rounds < observation.failureLimit);
  while (observation.durationMs > 0 && mayGoOn()) {
    const leftMs = endsAtMs - clock.now();
    if (leftMs > 0 || state.rounds > 0) await clock.sleep(waitMs(leftMs, observation.everyMs), ctx.signal);
    const round = await observeRound(intent, ctx);
    seen = round.seen;
    const next = nextObservation(state, round, observation);
    state = next.state;
    if (next.decision.kind === "fail") throw failed(intent, next.decision.reason);
  }
  if (observation.durationMs > 0 && state.passedRounds === 0)
    throw failed(intent, "no round of the whole watch passed");
  return { rounds: state.rounds, passedRounds: state.passedRounds, tookMs: clock.now() - startedAtMs, ...seen };
}

const waitMs = (leftMs: number, everyMs: number): number => (leftMs > 0 ? Math.min(everyMs, leftMs) : everyMs);

/** Probes and traffic together; what the routers counted is judged over the whole watch so far. */
async function observeRound(intent: ObserveIntent, ctx: StageContext) {
  const windows = windowsSince(intent.before, await readCounters(ctx, intent), intent);
  const round = aggregateRound(await probeAll(intent, ctx));
  const traffic = intent.routed ? [judgeTraffic(windows.candidate, undefined, intent.observation.limits)] : [];
  const verdict = worst([round.verdict, ...traffic]);
  const reason = verdict.kind === "pass" ? "healthy" : verdict.reason;
  await ctx.progress(reason, { verdict: verdict.kind, ...drawWindows(windows) }, toneOf(verdict));
  await ctx.log("monitoring.log", `${verdict.kind}  ${reason}`);
  return { ...round, verdict, seen: { requests: windows.candidate.requests, errors: windows.candidate.errors } };
}

async function probeAll({ instances, candidate }: ObserveIntent, ctx: StageContext) {
  const checks = [...instanceChecks(ctx.parts, instances), ...ctx.parts.checks.services(commonVersion(candidate))];
  const results = await Promise.all(checks.map((check) => check.probe(ctx.signal)));
  return results.map((result, at) => ({ result, critical: checks[at]?.critical ?? true }));
}

function failed({ version }: ObserveIntent, reason: string): SluiceError {
  return new SluiceError({
    code: "OBSERVATION_FAILED",
    remedy: "operator",
    at: "stages.observe",
    message: `${version} while being watched: ${reason}`,
    hint: "Every round is in monitoring.log: sluice logs",
  });
}
