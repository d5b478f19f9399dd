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
  const { ledger, settings } = ctx.parts;
  for (let reminders = 0; ; reminders++) {
    const state = await ctx.flow.step("count approvals", () => count(intent.rules, ctx));
    if (state.kind === "granted") {
      await ctx.tell("granted", `approved by ${state.by.join(" and ")}`, "ok");
      await ctx.notify("approved", {
        title: `${ctx.version} approved for ${settings.environment}`,
        message: `Approved by ${state.by.join(" and ")}.`,
        next: `sluice status ${ctx.deploymentId}`,
      });
      return state.by;
    }
    if (state.kind === "rejected") throw rejected(state, ctx.deploymentId);
    await ledger.setState(ctx.deploymentId, "waiting", ctx.attempt);
    await askPeople(ctx, intent, state.missing, reminders);
    const nowMs = await ctx.flow.now();
    if (nowMs >= intent.expiresAtMs) throw expired(intent, state.missing, ctx.deploymentId);
    await ctx.flow.waitFor(peopleTopic, Math.min(intent.remindEveryMs, intent.expiresAtMs - nowMs));
    await ctx.flow.step("still wanted", async () => ctx.throwIfEnded());
    await ledger.setState(ctx.deploymentId, "running", ctx.attempt);
  }
}

async function count(rules: ApprovalRules, ctx: StageContext): Promise<ApprovalState> {
  const votes = await ctx.parts.ledger.approvals(ctx.deploymentId);
  const proven: Approval[] = [];
  for (const vote of votes) {
    const fault = await ctx.parts.proofFault(vote);
    if (fault === undefined) proven.push(vote);
    else await ctx.progress(`the vote of ${vote.by} does not count: ${fault}`, {}, "warn");
  }
  return countApprovals(proven, rules);
}

async function askPeople(ctx: StageContext, intent: ApproveIntent, missing: number, reminders: number): Promise<void> {
  const { deploymentId: id, version } = ctx;
  const { environment } = ctx.parts.settings;
  const needed = `${missing} more approval${missing === 1 ? "" : "s"}`;
  const until = new Date(intent.expiresAtMs).toISOString();
  await ctx.tell(`waiting-${missing}`, `waiting for ${needed} until ${until}`, "info", {
    waitingForApproval: true,
    planDigest: intent.rules.planDigest,
    missing,
  });
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
    await ctx.flow.step("still wanted", async () => ctx.throwIfEnded());
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
