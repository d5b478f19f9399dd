/**
 * R2 Z2: one weight is held and watched. Two things look at it, each in its own time: the sequential test at every closed bucket,
 * and rounds of health checks with the fixed limits beside them. domain/rollout.ts says hold, done or back; a person may pause,
 * or let it go on before its time, but not past evidence against the candidate.
 */
import type { CanaryVerdict } from "../../domain/canary/judge.ts";
import { nextShare, rampDefaults } from "../../domain/canary/ramp.ts";
import { SluiceError } from "../../domain/errors.ts";
import { nextMove, type StepMove } from "../../domain/rollout.ts";
import { isPaused, isPromoted, type Steering } from "../../domain/steering.ts";
import { toneOf, type Verdict } from "../../domain/verdict.ts";
import { type Look, lookAtEvidence, nextLookAtMs, ruledSoFar, watchSources } from "../evidence.ts";
import { drawWindows, readCounters, type Windows, windowsSince } from "../reading.ts";
import type { StageContext } from "../stage.ts";
import { decides, failureBounds, judgeRound } from "./bake-round.ts";
import type { RolloutIntent } from "./rollout-intent.ts";

export interface Baked {
  readonly windows: Windows;
  readonly bakedMs: number;
  readonly undecided: boolean;
  readonly look: Look | undefined;
  /** Who let it go on before its time. */
  readonly promotedBy: string | null;
  readonly nextPercent: number | null;
}

interface Baking {
  readonly intent: RolloutIntent;
  readonly ctx: StageContext;
  readonly endsAtMs: number;
  failuresInARow: number;
  /** What was told last, so that the story tells changes and not every look. */
  toldKind: string;
}

/** @param percent what the candidate has meanwhile. */
export async function bake(intent: RolloutIntent, percent: number, ctx: StageContext): Promise<Baked> {
  const stopWatching = intent.verdict.canary === null ? () => undefined : watchSources(ctx, intent.verdict);
  try {
    return await hold(intent, percent, ctx);
  } finally {
    stopWatching();
  }
}

/** Begun again by the successor of a run that died with the verdict in hand: the release gets no more traffic for it. */
export async function refuseWorse(intent: RolloutIntent, percent: number, ctx: StageContext): Promise<void> {
  if (intent.verdict.canary === null || !decides(intent)) return;
  const verdict = await ruledSoFar(ctx, intent.verdict);
  if (verdict?.kind === "rollback") throw worse(intent, percent, verdict);
}

async function hold(intent: RolloutIntent, percent: number, ctx: StageContext): Promise<Baked> {
  const { clock } = ctx.parts;
  const { rollout, step, startedAtMs } = intent;
  const endsAtMs = startedAtMs + rollout.settleMs + step.bakeMs;
  const baking: Baking = { intent, ctx, endsAtMs, failuresInARow: 0, toldKind: "undecided" };
  // Nothing is asked of it while it settles, but its requests are counted from the first. Without a bake, or begun again after its
  // end, there is nothing to wait for before the first round.
  const settledAtMs = clock.now() + rollout.settleMs;
  let roundDueAtMs = Math.min(settledAtMs + rollout.checkEveryMs, Math.max(settledAtMs, endsAtMs));
  for (;;) {
    await sleepUntil(nextWakeMs(intent, roundDueAtMs, clock.now()), ctx);
    const look = await lookOnce(baking, percent);
    const early = await mayEndEarly(baking, look, percent);
    if (early === undefined && clock.now() < roundDueAtMs) continue;
    const baked = await round(baking, percent, look, early);
    if (baked !== undefined) return baked;
    roundDueAtMs = nextRoundMs(baking, clock.now());
  }
}

const nextWakeMs = ({ verdict }: RolloutIntent, roundDueAtMs: number, nowMs: number): number =>
  verdict.canary === null ? roundDueAtMs : Math.min(roundDueAtMs, nextLookAtMs(verdict, nowMs));

function nextRoundMs({ endsAtMs, intent }: Baking, nowMs: number): number {
  const dueAtMs = nowMs + intent.rollout.checkEveryMs;
  return endsAtMs > nowMs ? Math.min(dueAtMs, endsAtMs) : dueAtMs;
}

async function sleepUntil(atMs: number, { parts, signal }: StageContext): Promise<void> {
  const leftMs = atMs - parts.clock.now();
  if (leftMs > 0) await parts.clock.sleep(leftMs, signal);
}

/** Throws at once where the evidence is in: no number of passed health checks takes it back. */
async function lookOnce(baking: Baking, percent: number): Promise<Look | undefined> {
  const { intent, ctx } = baking;
  if (intent.verdict.canary === null) return undefined;
  const look = await lookAtEvidence(ctx, intent.verdict);
  if (look.verdict.kind !== baking.toldKind) await tellLook(baking, percent, look);
  if (look.verdict.kind === "rollback" && decides(intent)) throw worse(intent, percent, look.verdict);
  return look;
}

const lookTones = { rollback: "bad", hold: "warn", good: "ok", undecided: "info" } as const;

async function tellLook(baking: Baking, percent: number, look: Look): Promise<void> {
  const { intent, ctx } = baking;
  const { kind, reason } = look.verdict;
  baking.toldKind = kind;
  await ctx.progress(`${percent} %: ${reason}`, { percent, ...drawLook(look) }, lookTones[kind]);
  if (kind === "hold" && decides(intent)) await tellHold(baking, reason);
}

async function tellHold({ intent, ctx }: Baking, reason: string): Promise<void> {
  await ctx.notify("alert", {
    title: `${intent.version} is held at its weight in ${ctx.parts.settings.environment}`,
    message: `${reason}. The weight stays; at the limit it goes back.`,
    next: `sluice promote ${ctx.deploymentId} · or go back: sluice cancel ${ctx.deploymentId} --reason "…"`,
  });
}

interface Early {
  readonly nextPercent: number | null;
}

/** Proven good before its time, where that is wanted; never before its soak, since some faults need time and not requests. */
async function mayEndEarly(baking: Baking, look: Look | undefined, percent: number): Promise<Early | undefined> {
  const { intent, ctx } = baking;
  const { rollout, startedAtMs, step } = intent;
  if (look === undefined || !decides(intent) || look.verdict.kind === "hold") return undefined;
  const sinceShareMs = ctx.parts.clock.now() - startedAtMs - rollout.settleMs;
  if (sinceShareMs < rollout.adaptive.minSoakMs) return undefined;
  if (rollout.strategy === "adaptive" && step.percent < 100) {
    const nextPercent = rampTo(baking, look, percent, sinceShareMs);
    return nextPercent > percent ? { nextPercent } : undefined;
  }
  const isGood = look.verdict.kind === "good";
  return isGood && (rollout.earlyPromotion || rollout.strategy === "adaptive") ? { nextPercent: null } : undefined;
}

function rampTo({ intent, ctx }: Baking, look: Look, percent: number, sinceShareMs: number): number {
  const { adaptive, controlPercent } = intent.rollout;
  const bounds = intent.verdict.canary === null ? [] : failureBounds(intent.verdict.canary, look.verdict);
  const progress = {
    share: percent / 100,
    sinceShareMs,
    sinceStartMs: ctx.parts.clock.now() - intent.rolloutStartedAtMs,
    requestsPerSecond: look.requestsPerSecond,
    excessUpperBound: bounds.length === 0 ? 1 : Math.max(...bounds),
  };
  const share = nextShare(progress, {
    ...rampDefaults,
    budgetRequests: adaptive.budget,
    reactionMs: adaptive.reactionMs,
    soakMs: adaptive.minSoakMs,
    timerMs: adaptive.maxSoakMs,
    shareMax: 1 - controlPercent / 100,
  });
  return Math.floor(100 * share + 1e-9);
}

/** Weights read back, health, limits and what the test says, as one verdict; undefined: hold on. */
async function round(
  baking: Baking,
  percent: number,
  look: Look | undefined,
  early: Early | undefined,
): Promise<Baked | undefined> {
  const { intent, ctx, endsAtMs } = baking;
  const { rollout, before } = intent;
  await ctx.traffic.verify(ctx.signal);
  const windows = windowsSince(before, await readCounters(ctx, intent), intent);
  const verdict = await judgeRound(intent, percent, windows, look, ctx);
  const nowMs = ctx.parts.clock.now();
  const progress = {
    bakeEndsAtMs: early === undefined ? endsAtMs : nowMs,
    undecidedUntilMs: endsAtMs + rollout.unknownForMs,
    onUnknown: rollout.onUnknown,
    failureLimit: rollout.failureLimit,
    failuresInARow: baking.failuresInARow,
  };
  const steering = (await ctx.parts.ledger.deployment(ctx.deploymentId))?.steering ?? null;
  const { move, promotedBy, held } = steered(nextMove(progress, verdict, nowMs), verdict, intent, steering, nowMs);
  await tellRound(baking, percent, windows, verdict, look, held);
  if (move.kind === "roll-back") throw backFrom(intent, percent, move, windows);
  if (move.kind === "done") {
    const nextPercent = early?.nextPercent ?? null;
    return { windows, bakedMs: nowMs - intent.startedAtMs, undecided: move.undecided, look, promotedBy, nextPercent };
  }
  baking.failuresInARow = move.failuresInARow;
  return undefined;
}

interface Steered {
  readonly move: StepMove;
  readonly promotedBy: string | null;
  /** Why it is held although it could end. */
  readonly held: string | null;
}

/** R1: a person may end a hold, never a failure; a pause and a promotion by hand outlast the bake. */
function steered(
  move: StepMove,
  verdict: Verdict,
  { step, rollout, heldSinceLedgerMs, startedAtMs }: RolloutIntent,
  steering: Steering | null,
  nowMs: number,
): Steered {
  const promoted = isPromoted(steering, heldSinceLedgerMs);
  if (promoted && verdict.kind !== "fail") {
    return {
      move: { kind: "done", undecided: verdict.kind === "unknown" },
      promotedBy: steering?.by ?? null,
      held: null,
    };
  }
  const stays = (reason: string): Steered => ({
    move: { kind: "hold", reason, failuresInARow: move.kind === "hold" ? move.failuresInARow : 0 },
    promotedBy: null,
    held: reason,
  });
  if (move.kind === "roll-back" && !move.undecided) return { move, promotedBy: null, held: null };
  if (isPaused(steering)) return stays(`paused by ${steering?.by}: ${steering?.reason}`);
  if (move.kind !== "done" || step.promote !== "by-hand") return { move, promotedBy: null, held: null };
  const untilMs = startedAtMs + rollout.settleMs + step.bakeMs + rollout.promoteWithinMs;
  if (nowMs < untilMs) return stays("its bake is over; it waits for a person");
  const reason = "undecided: nobody promoted it in time";
  return { move: { kind: "roll-back", reason, undecided: true }, promotedBy: null, held: null };
}

async function tellRound(
  baking: Baking,
  percent: number,
  windows: Windows,
  verdict: Verdict,
  look: Look | undefined,
  held: string | null,
): Promise<void> {
  const { ctx } = baking;
  const reason = held ?? (verdict.kind === "pass" ? "healthy" : verdict.reason);
  const detail = { percent, verdict: verdict.kind, ...drawWindows(windows), ...(look ? drawLook(look) : {}) };
  await ctx.progress(`${percent} %: ${reason}`, detail, held === null ? toneOf(verdict) : "warn");
  await ctx.log("rollout.log", `${percent} %  ${verdict.kind}  ${reason}  ${JSON.stringify(detail)}`);
}

/** The evidence in the numbers that people and charts read. */
export const drawLook = ({ verdict }: Look) => ({
  evidence: {
    kind: verdict.kind,
    logE: round3(verdict.evidence.logE),
    threshold: round3(verdict.evidence.threshold),
    excessUpperBound: Object.fromEntries(
      Object.entries(verdict.excessUpperBound).map(([name, u]) => [name, round3(u)]),
    ),
  },
});

const round3 = (value: number): number => Math.round(value * 1000) / 1000;

function worse({ version }: RolloutIntent, percent: number, { reason }: CanaryVerdict): SluiceError {
  return new SluiceError({
    code: "CANDIDATE_WORSE",
    remedy: "operator",
    at: "stages.rollout",
    message: `${version} at ${percent} %: ${reason}`,
    hint: "Its logs and what was measured are in the deployment's folder. Fix it and release a new version: sluice logs",
  });
}

function backFrom(
  { version }: RolloutIntent,
  percent: number,
  move: { readonly reason: string; readonly undecided: boolean },
  windows: Windows,
): SluiceError {
  return new SluiceError({
    code: move.undecided ? "ROLLOUT_UNDECIDED" : "HEALTH_FAILED",
    remedy: "operator",
    at: "stages.rollout",
    message: `${version} at ${percent} %: ${move.reason}`,
    hint: move.undecided
      ? "Nothing proved it good or bad. Send it traffic, lengthen the bake or lower minRequests, then deploy again: sluice validate"
      : `Its logs are in the deployment's folder. ${windows.candidate.requests} requests reached it. Fix it and release a new version: sluice logs`,
  });
}
