/** L1 L3: one deployment per environment. The lock's fencing token is claimed at every target before anything changes. */

import type { Attempt } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { LockResult, LockRow } from "../../ports/ledger.ts";
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
    if (intent.onBusy === "fail" || waitedMs >= intent.queueTimeoutMs) throw busy(intent.environment, result.holder);
    const holder = describeHolder(result.holder);
    if (holder !== told) await ctx.progress(`waiting for ${holder}`, { waitedMs });
    told = holder;
    await clock.sleep(Math.min(1000, intent.queueTimeoutMs - waitedMs), ctx.signal);
  }
}

async function ask({ environment, heldBy }: LockIntent, ctx: StageContext): Promise<LockResult> {
  let result: LockResult | undefined;
  await ctx.changeAttempt(async () => {
    result = await ctx.parts.ledger.acquireLock(environment, ctx.attempt, heldBy);
    return result.kind === "acquired" ? result.attempt : undefined;
  });
  return result as LockResult;
}

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
  throw new SluiceError({
    code: "PLAN_REFUSED",
    remedy: "operator",
    at: "stages.lock",
    message: `The plan replaces ${intent.replaces ?? "nothing"}, but ${intent.environment} now serves ${now ?? "nothing"}.`,
    hint: `Nothing was touched. Plan again: sluice deploy ${intent.environment} <version>`,
  });
}
