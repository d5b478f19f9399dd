/** What people decide: approve, reject, cancel, and notes they leave (steer.ts: pause, promote). Each is a row in the ledger before it is anything else. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { type DeploymentRow, peopleTopic } from "../../app/model.ts";
import { signVote } from "../../app/proof.ts";
import { settingsOf } from "../../app/settings-of.ts";
import { type ApprovalRules, awaitedDigest, type Proof, voteFault } from "../../domain/approval.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { DeploymentEvent } from "../../domain/events.ts";
import { asJson, type Json } from "../../domain/json.ts";
import type { Plan } from "../../domain/plan.ts";
import { deploymentOf } from "../find.ts";
import type { Session } from "../session.ts";
import { reasonOf, usage } from "../usage.ts";
import { wake } from "../wake.ts";

export interface VoteOptions {
  readonly key?: string;
  readonly comment?: string;
  readonly plan?: string;
  readonly dryRun?: boolean;
}

export async function voteCommand(
  session: Session,
  decision: "approve" | "reject",
  id: string,
  options: VoteOptions,
): Promise<number> {
  const row = await deploymentOf(session, id);
  const { ledger } = await session.state();
  const rules = rulesFor(row, await ledger.events(row.id, 0));
  const { planDigest } = rules;
  if (options.plan !== undefined && !planDigest.startsWith(options.plan)) {
    throw invalid(`Its plan is ${planDigest.slice(0, 12)}, not ${options.plan}.`, row.id);
  }
  const proof: Proof = options.key ? await signVote({ decision, planDigest }, options.key) : { kind: "declared" };
  const vote = { by: session.user, decision, planDigest, comment: options.comment ?? "", proof };
  const { proofFault } = await session.parts(settingsOf(row));
  const fault = voteFault(vote, rules) ?? (await proofFault({ ...vote, atMs: 0 }));
  if (fault !== undefined) throw invalid(`The vote of ${vote.by} does not count: ${fault}.`, row.id);
  if (options.dryRun) {
    const words = `would ${decision} plan ${planDigest.slice(0, 12)} of ${row.id} as ${vote.by}; the vote counts`;
    session.output.result({ dryRun: true, wouldRecord: vote }, words);
    session.output.next(`sluice ${decision} ${row.id}`);
    return 0;
  }
  const approval = await ledger.recordApproval(row.id, vote);
  wake(session, row);
  const done = decision === "approve" ? "approved" : "rejected";
  const proven = proof.kind === "declared" ? "declared, not proven" : `ssh key ${proof.keyFingerprint}`;
  session.output.result({ approval }, `${done} ${row.version} for ${row.environment} as ${vote.by} (${proven})`);
  session.output.next(`sluice logs ${row.id} --follow`);
  return 0;
}

function rulesFor(row: DeploymentRow, events: readonly DeploymentEvent[]): ApprovalRules {
  const planDigest = awaitedDigest(events);
  if (planDigest === undefined || !["waiting", "running"].includes(row.state)) {
    throw invalid(`${row.id} is not waiting for approvals (it is ${row.outcome ?? row.state}).`, row.id);
  }
  const { approvals } = settingsOf(row);
  const details = events.map(({ detail }) => (detail ?? {}) as { plan?: Plan });
  const release = details.findLast(({ plan }) => plan)?.plan?.release;
  const excluded = approvals.excludeAuthor && release ? [release.author, release.authorEmail] : [];
  return { ...approvals, startedBy: row.startedBy, excluded, planDigest };
}

const invalid = (message: string, id: string): SluiceError =>
  new SluiceError({
    code: "APPROVAL_INVALID",
    remedy: "operator",
    at: "cli.approve",
    message,
    hint: `Nothing was recorded. See the plan and what it waits for: sluice status ${id}`,
  });

export interface ReasonedOptions {
  readonly reason?: string;
  readonly dryRun?: boolean;
}

export async function cancelCommand(
  session: Session,
  id: string,
  options: ReasonedOptions & { readonly release?: boolean },
): Promise<number> {
  const row = await deploymentOf(session, id);
  const { output, user } = session;
  if (row.state === "ended") {
    const words = `${row.id} has ended (${row.outcome}); there is nothing to cancel`;
    output.result({ deployment: row.id, state: row.state, outcome: row.outcome, cancelled: false }, words);
    output.next(`sluice record ${row.id}`);
    return 0;
  }
  const reason = reasonOf(options.reason, `sluice cancel ${row.id}`);
  if (options.release && row.state !== "quarantined") {
    throw usage(
      `${row.id} is not quarantined but ${row.state}: there is nothing to release.`,
      `End it: sluice cancel ${row.id} --reason "…"`,
    );
  }
  const effect = options.release
    ? "its lock is freed; what it left is yours to clean up"
    : "what happened is undone in reverse, the lock goes last";
  if (options.dryRun) {
    output.result(
      { dryRun: true, deployment: row.id, state: row.state, cancelled: false },
      `would cancel ${row.id}; ${effect}`,
    );
    output.next(`sluice cancel ${row.id} --reason ${JSON.stringify(reason)}`);
    return 0;
  }
  const { ledger } = await session.state();
  if (options.release) {
    await leaveTrace(session, row, "release by hand", `${user} lets go of it: ${reason}`, { reason });
    await ledger.post(row.id, peopleTopic, { kind: "release", by: user, reason }, randomUUID());
  } else await ledger.requestCancel(row.id, user, reason);
  wake(session, row);
  output.result({ deployment: row.id, cancelled: true }, `cancel of ${row.id} requested; ${effect}`);
  output.next(`sluice logs ${row.id} --follow`);
  return 0;
}

/** D8: into the events and, once there is one, into the record. */
export async function noteCommand(session: Session, id: string, text: readonly string[]): Promise<number> {
  const row = await deploymentOf(session, id);
  const words = (text.join(" ") === "-" ? readFileSync(0, "utf8") : text.join(" ")).trim();
  if (words === "") throw usage("A note needs words.", `sluice note ${row.id} "the queue was restarted by hand"`);
  const { ledger } = await session.state();
  const note = { by: session.user, at: new Date(await ledger.now()).toISOString(), text: words };
  await leaveTrace(session, row, "note", `${note.by}: ${words}`, asJson(note));
  const record = (await ledger.record(row.id)) as { readonly notes?: readonly Json[] } | undefined;
  if (record) await ledger.saveRecord(row.id, asJson({ ...record, notes: [...(record.notes ?? []), note] }));
  session.output.result({ deployment: row.id, note }, `noted on ${row.id}`);
  session.output.next(`sluice record ${row.id}`);
  return 0;
}

async function leaveTrace(
  session: Session,
  row: DeploymentRow,
  step: string,
  title: string,
  detail: Json,
): Promise<void> {
  const { ledger } = await session.state();
  const event = {
    deploymentId: row.id,
    environment: row.environment,
    step,
    phase: "progress",
    key: randomUUID(),
  } as const;
  await ledger.append({ ...event, title, tone: step === "note" ? "info" : "warn", actor: session.user, detail }, null);
}
