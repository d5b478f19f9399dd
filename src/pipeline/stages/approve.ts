/**
 * P3 P4 P6: waits for people without holding a lock. Votes are rows in the ledger; each is counted only if its proof holds
 * for exactly this plan. Then the wait timer, in which it can still be cancelled.
 */
import { type Approval, type ApprovalRules, type ApprovalState, countApprovals } from "../../domain/approval.ts";
import { humanDuration } from "../../domain/duration.ts";
import { SluiceError } from "../../domain/errors.ts";
import { peopleTopic } from "../../ports/ledger.ts";
import type { Stage, StageContext } from "../stage.ts";

interface ApproveIntent {
  readonly rules: ApprovalRules;
  readonly waitMs: number;
  readonly expiresAtMs: number;
  readonly remindEveryMs: number;
}

export const approve: Stage<ApproveIntent, ApproveIntent, { by: readonly string[] }> = {
  name: "approve",
  touches: "people",
  waits: true,
  plan: ({ settings }) => {
    const { required, approvers, waitMs, timeoutMs } = settings.approvals;
    if (required === 0 && waitMs === 0) return [];
    const from = approvers.length > 0 ? ` of ${approvers.join(", ")}` : "";
    const approval =
      required > 0
        ? [
            `${required} approval${required === 1 ? "" : "s"}${from} within ${humanDuration(timeoutMs)}, not by the starter`,
          ]
        : [];
    return waitMs > 0 ? [...approval, `then ${humanDuration(waitMs)} in which it can still be cancelled`] : approval;
  },
  expectedMs: ({ settings }) => settings.approvals.waitMs,
  prepare: (intent) => intent,
  async run(intent, ctx) {
    const by = await waitForVotes(intent, ctx);
    await waitOut(intent.waitMs, ctx);
    return { by };
  },
  summary: ({ by }) => (by.length > 0 ? `approved by ${by.join(" and ")}` : "no approval needed"),
};

async function waitForVotes(intent: ApproveIntent, ctx: StageContext): Promise<readonly string[]> {
  if (intent.rules.required === 0) return [];
  let asked: Asked = { missing: 0, reminders: 0, nextAtMs: 0 };
  for (;;) {
    const state = await ctx.flow.step("count approvals", () => count(intent.rules, ctx));
    if (state.kind === "granted") return granted(state.by, ctx);
    if (state.kind === "rejected") throw rejected(state, ctx.deploymentId);
    const nowMs = await ctx.flow.now();
    if (nowMs >= intent.expiresAtMs) throw expired(intent, state.missing, ctx.deploymentId);
    asked = await askWhereDue(asked, state.missing, nowMs, intent, ctx);
    await ctx.flow.waitFor(peopleTopic, Math.min(asked.nextAtMs, intent.expiresAtMs) - nowMs);
    await ctx.stillWanted();
  }
}

interface Asked {
  readonly missing: number;
  readonly reminders: number;
  readonly nextAtMs: number;
}

/** A vote that did not count, or any other message, is no reason to remind anybody. */
async function askWhereDue(
  asked: Asked,
  missing: number,
  nowMs: number,
  intent: ApproveIntent,
  ctx: StageContext,
): Promise<Asked> {
  const isNews = missing !== asked.missing;
  if (!isNews && nowMs < asked.nextAtMs) return asked;
  const reminders = isNews ? 0 : asked.reminders + 1;
  await askPeople(ctx, intent, missing, reminders);
  return { missing, reminders, nextAtMs: nowMs + intent.remindEveryMs };
}

async function granted(by: readonly string[], ctx: StageContext): Promise<readonly string[]> {
  const names = by.join(" and ");
  await ctx.tell("granted", `approved by ${names}`, "ok");
  await ctx.notify("approved", {
    title: `${ctx.version} approved for ${ctx.parts.settings.environment}`,
    message: `Approved by ${names}.`,
    next: `sluice status ${ctx.deploymentId}`,
  });
  return by;
}

async function count(rules: ApprovalRules, ctx: StageContext): Promise<ApprovalState> {
  const votes = await ctx.parts.ledger.approvals(ctx.deploymentId);
  const proven: Approval[] = [];
  for (const vote of votes) {
    const fault = await ctx.parts.proofFault(vote);
    if (fault === undefined) proven.push(vote);
    else await ctx.progress(`the vote of ${vote.by} does not count: ${fault}`, {}, "warn");
  }
  const state = countApprovals(proven, rules);
  if (state.kind === "waiting") await ctx.parts.ledger.setState(ctx.deploymentId, "waiting", ctx.attempt);
  return state;
}

async function askPeople(ctx: StageContext, intent: ApproveIntent, missing: number, reminders: number): Promise<void> {
  const { deploymentId: id, version } = ctx;
  const { environment } = ctx.parts.settings;
  const needed = `${missing} more approval${missing === 1 ? "" : "s"}`;
  const until = new Date(intent.expiresAtMs).toISOString();
  if (reminders === 0) {
    await ctx.tell(`waiting-${missing}`, `waiting for ${needed} until ${until}`, "info", {
      waitingForApproval: true,
      planDigest: intent.rules.planDigest,
      missing,
    });
  }
  await ctx.notify(reminders === 0 ? "awaiting-approval" : "approval-reminder", {
    title: `${version} waits for ${needed} to go to ${environment}${reminders === 0 ? "" : ` (reminder ${reminders})`}`,
    message: `Plan ${intent.rules.planDigest.slice(0, 12)}. It expires at ${until}.`,
    next: `sluice approve ${id}`,
  });
}

/** P4: a durable wait that any message can wake but only a cancel can end. */
async function waitOut(waitMs: number, ctx: StageContext): Promise<void> {
  if (waitMs <= 0) return;
  const endsAtMs = (await ctx.flow.now()) + waitMs;
  await ctx.tell(
    "wait-timer",
    `starts in ${humanDuration(waitMs)}; until then: sluice cancel ${ctx.deploymentId} --reason "…"`,
  );
  for (;;) {
    const leftMs = endsAtMs - (await ctx.flow.now());
    if (leftMs <= 0) return;
    await ctx.flow.waitFor(peopleTopic, leftMs);
    await ctx.stillWanted();
  }
}

function rejected(state: { readonly by: string; readonly comment: string }, id: string): SluiceError {
  return new SluiceError({
    code: "APPROVAL_REJECTED",
    remedy: "operator",
    at: "stages.approve",
    message: `Rejected by ${state.by}${state.comment ? `: ${state.comment}` : ""}.`,
    hint: `Nothing was touched. See the plan: sluice status ${id}`,
  });
}

function expired(intent: ApproveIntent, missing: number, id: string): SluiceError {
  return new SluiceError({
    code: "APPROVAL_EXPIRED",
    remedy: "operator",
    at: "stages.approve",
    message: `${missing} of ${intent.rules.required} approvals were still missing when the time to approve ended.`,
    hint: `Nothing was touched. Start it again when people are there: sluice status ${id}`,
  });
}
