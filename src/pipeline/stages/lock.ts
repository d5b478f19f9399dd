/**
 * L1 L3: one deployment per environment. The lock's fencing token is claimed at every target before anything changes. Whoever
 * queues gets it in turn, and an older release never after a newer one.
 */

import type { Attempt } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import { superseded, takesPlaceOf } from "../../domain/supersede.ts";
import type { LockAnswer, LockResult, LockRow, ServingRow } from "../../ports/ledger.ts";
import type { Parts } from "../parts.ts";
import type { Stage, StageContext } from "../stage.ts";

interface LockIntent {
  readonly environment: string;
  readonly heldBy: string;
  /** Who served when the plan was made; another one now means that the plan is out of date. */
  readonly replaces: string | null;
  readonly onBusy: "fail" | "queue";
  readonly queueTimeoutMs: number;
}

export const lock: Stage<LockIntent, LockIntent, { waitedMs: number }> = {
  name: "lock",
  touches: "lock",
  plan: ({ settings }) => [
    settings.lock.onBusy === "fail"
      ? `take the lock of ${settings.environment}; fail at once if another deployment holds it`
      : `take the lock of ${settings.environment}, waiting in a queue if it is held`,
  ],
  expectedMs: () => 50,
  prepare: (intent) => intent,
  async run(intent, ctx) {
    const startedAtMs = ctx.parts.clock.now();
    const attempt = await acquire(intent, ctx, startedAtMs);
    await claimAll(ctx.parts, attempt, ctx.signal);
    await refuseOutdatedPlan(intent, ctx);
    return { waitedMs: ctx.parts.clock.now() - startedAtMs };
  },
  summary: ({ waitedMs }, { environment }) =>
    waitedMs > 1000
      ? `holds the lock of ${environment} after waiting ${Math.round(waitedMs / 1000)} s`
      : `holds the lock of ${environment}`,
};

/** Every target obeys this attempt from now on, and no lower one; another ledger's target refuses (LEDGER_FOREIGN). */
export async function claimAll(parts: Parts, attempt: Attempt, signal: AbortSignal): Promise<void> {
  await parts.target.claim(attempt, signal);
  for (const router of parts.routers.values()) await router.claim(attempt, signal);
}

async function acquire(intent: LockIntent, ctx: StageContext, startedAtMs: number): Promise<Attempt> {
  const { clock } = ctx.parts;
  let told: string | undefined;
  for (;;) {
    const result = await ask(intent, ctx);
    if (result.kind === "acquired") return result.attempt;
    const waitedMs = clock.now() - startedAtMs;
    if (intent.onBusy === "fail" || waitedMs >= intent.queueTimeoutMs) throw notInTime(intent.environment, result);
    const first = describeFirst(result);
    if (first !== told) await ctx.progress(`waiting for ${first}`, { waitedMs });
    told = first;
    await clock.sleep(Math.min(1000, intent.queueTimeoutMs - waitedMs), ctx.signal);
  }
}

async function ask({ environment, heldBy, onBusy }: LockIntent, ctx: StageContext): Promise<LockResult | NotYet> {
  let result: LockAnswer | undefined;
  await ctx.changeAttempt(async () => {
    const answer = await ctx.parts.ledger.acquireLock(environment, ctx.attempt, heldBy, onBusy === "queue");
    result = answer;
    return answer.kind === "acquired" ? answer.attempt : undefined;
  });
  const answer = result as LockAnswer;
  if (answer.kind === "superseded") throw superseded(ctx.deploymentId, environment, answer.by);
  return answer;
}

type NotYet = Extract<LockAnswer, { readonly kind: "busy" | "queued" }>;

const describeFirst = (answer: NotYet): string =>
  answer.kind === "busy" ? describeHolder(answer.holder) : `deployment ${answer.behind}, which queued before`;

const notInTime = (environment: string, answer: NotYet): SluiceError =>
  answer.kind === "busy" ? busy(environment, answer.holder) : behindOthers(environment, answer.behind);

const behindOthers = (environment: string, id: string): SluiceError =>
  new SluiceError({
    code: "LOCK_HELD",
    remedy: "operator",
    at: "stages.lock",
    message: `The lock of ${environment} was free, but deployment ${id} queued for it before.`,
    hint: `Follow it: sluice logs ${id} --follow · end it: sluice cancel ${id} --reason "…"`,
  });

export const describeHolder = (holder: LockRow): string =>
  holder.kind === "manual"
    ? `${holder.heldBy}, who locked it by hand (${holder.reason})`
    : `deployment ${holder.deploymentId} started by ${holder.heldBy}`;

export function busy(environment: string, holder: LockRow): SluiceError {
  return new SluiceError({
    code: "LOCK_HELD",
    remedy: "operator",
    at: "stages.lock",
    message: `${environment} is locked by ${describeHolder(holder)} since ${new Date(holder.sinceMs).toISOString()}.`,
    hint:
      holder.kind === "manual"
        ? `Ask ${holder.heldBy}, or: sluice lock release ${environment} --reason "…"`
        : `Follow it: sluice logs ${holder.deploymentId} --follow · end it: sluice cancel ${holder.deploymentId} --reason "…"`,
  });
}

/** Between approval and lock another release may have gone out: the plan's rollback would return to the wrong version. */
async function refuseOutdatedPlan(intent: LockIntent, ctx: StageContext): Promise<void> {
  const serving = await ctx.parts.ledger.serving(intent.environment);
  const now = serving?.deploymentId ?? null;
  if (now === intent.replaces) return;
  await refuseToDeployLast(serving, ctx);
  throw new SluiceError({
    code: "PLAN_REFUSED",
    remedy: "operator",
    at: "stages.lock",
    message: `The plan replaces ${intent.replaces ?? "nothing"}, but ${intent.environment} now serves ${now ?? "nothing"}.`,
    hint: `Nothing was touched. Plan again: sluice deploy ${intent.environment} <version>`,
  });
}

/**
 * Whoever is superseded is told so before it takes the lock, unless it held the lock then and lost it since (unlocked by hand,
 * and taken over later).
 */
async function refuseToDeployLast(serving: ServingRow | undefined, ctx: StageContext): Promise<void> {
  const { ledger, settings } = ctx.parts;
  const own = await ledger.deployment(ctx.deploymentId);
  const later = serving && (await ledger.deployment(serving.deploymentId));
  if (!own || !later || later.createdAtMs <= own.createdAtMs || !takesPlaceOf(later, own)) return;
  throw superseded(own.id, settings.environment, { by: later.id, version: later.version });
}
