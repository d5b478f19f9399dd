/** What people decide: approve, reject, cancel, promote, and notes they leave. Each is a row in the ledger before it is anything else. */
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { inputOf } from "../../app/flows.ts";
import { signVote } from "../../app/proof.ts";
import { type ApprovalRules, type Proof, voteFault } from "../../domain/approval.ts";
import { SluiceError } from "../../domain/errors.ts";
import { asJson, type Json } from "../../domain/json.ts";
import { peopleTopic } from "../../ports/ledger.ts";
import { deploymentOf } from "../find.ts";
import type { Session } from "../session.ts";

interface VoteOptions {
  readonly key?: string;
  readonly comment?: string;
  readonly plan?: string;
  readonly dryRun?: boolean;
}

export async function voteCommand(session: Session, decision: "approve" | "reject", id: string, options: VoteOptions): Promise<number> {
  const { ledger } = await session.state();
  const row = await deploymentOf(session, id);
  const { approvals } = inputOf(row).settings;
  const events = await ledger.events(row.id, 0);
  const asked = events.filter(({ detail }) => (detail as { waitingForApproval?: boolean }).waitingForApproval).at(-1);
  const planDigest = (asked?.detail as { readonly planDigest?: string } | undefined)?.planDigest;
  if (planDigest === undefined || row.state !== "waiting") throw invalid(`${row.id} is not waiting for approvals (it is ${row.outcome ?? row.state}).`, row.id);
  if (options.plan !== undefined && !planDigest.startsWith(options.plan)) throw invalid(`Its plan is ${planDigest.slice(0, 12)}, not ${options.plan}.`, row.id);
  const proof: Proof = options.key ? await signVote({ decision, planDigest }, options.key) : { kind: "declared" };
  const vote = { by: session.user, decision, planDigest, comment: options.comment ?? "", proof };
  const rules: ApprovalRules = { ...approvals, required: approvals.required, startedBy: row.startedBy, excluded: [], planDigest };
  const fault = voteFault(vote, rules) ?? (await (await session.parts(inputOf(row).settings)).proofFault({ ...vote, atMs: 0 }));
  if (fault !== undefined) throw invalid(`The vote of ${vote.by} does not count: ${fault}.`, row.id);
  if (options.dryRun) {
    session.output.result({ wouldRecord: vote }, `would ${decision} plan ${planDigest.slice(0, 12)} of ${row.id} as ${vote.by}`);
    return 0;
  }
  const approval = await ledger.recordApproval(row.id, vote);
  session.output.result({ approval }, `${decision === "approve" ? "approved" : "rejected"} ${row.version} for ${row.environment} as ${vote.by} (${proof.kind})`);
  session.output.next(`sluice logs ${row.id} --follow`);
  return 0;
}

const invalid = (message: string, id: string): SluiceError =>
  new SluiceError({
    code: "APPROVAL_INVALID",
    remedy: "operator",
    at: "cli.approve",
    message,
    hint: `Nothing was recorded. See the plan and what it waits for: sluice status ${id}`,
  });

export async function cancelCommand(session: Session, id: string, options: { readonly reason: string; readonly release?: boolean; readonly dryRun?: boolean }): Promise<number> {
  const { ledger } = await session.state();
  const row = await deploymentOf(session, id);
  const ended = row.state === "ended";
  if (ended || options.dryRun) {
    const words = ended ? `${row.id} has ended (${row.outcome}); there is nothing to cancel` : `would cancel ${row.id}; what happened is undone in reverse, the lock goes last`;
    session.output.result({ deployment: row.id, state: row.state, outcome: row.outcome, cancelled: false }, words);
    return 0;
  }
  if (options.release) await ledger.post(row.id, peopleTopic, { kind: "release", by: session.user, reason: options.reason }, randomUUID());
  else await ledger.requestCancel(row.id, session.user, options.reason);
  session.output.result({ deployment: row.id, cancelled: true }, `cancel of ${row.id} requested; its worker undoes what happened`);
  session.output.next(`sluice logs ${row.id} --follow`);
  return 0;
}

export async function promoteCommand(session: Session, id: string, options: { readonly reason: string }): Promise<number> {
  const { ledger } = await session.state();
  const row = await deploymentOf(session, id);
  await ledger.append(
    {
      deploymentId: row.id,
      environment: row.environment,
      step: "promote by hand",
      phase: "progress",
      key: randomUUID(),
      title: `${session.user} decided to go on: ${options.reason}`,
      tone: "warn",
      actor: session.user,
      detail: {},
    },
    null,
  );
  await ledger.post(row.id, peopleTopic, { kind: "promote", by: session.user, reason: options.reason }, randomUUID());
  session.output.result({ deployment: row.id, promoted: true }, `${row.id} goes on`);
  session.output.next(`sluice logs ${row.id} --follow`);
  return 0;
}

/** D8: into the events and, once there is one, into the record. */
export async function noteCommand(session: Session, id: string, text: readonly string[]): Promise<number> {
  const { ledger } = await session.state();
  const row = await deploymentOf(session, id);
  const words = text.join(" ") === "-" ? readFileSync(0, "utf8").trim() : text.join(" ");
  const note = { by: session.user, at: new Date(await ledger.now()).toISOString(), text: words };
  await ledger.append(
    { deploymentId: row.id, environment: row.environment, step: "note", phase: "progress", key: randomUUID(), title: `${note.by}: ${words}`, tone: "info", actor: session.user, detail: asJson(note) },
    null,
  );
  const record = (await ledger.record(row.id)) as { readonly notes?: readonly Json[] } | undefined;
  if (record) await ledger.saveRecord(row.id, asJson({ ...record, notes: [...(record.notes ?? []), note] }));
  session.output.result({ deployment: row.id, note }, `noted on ${row.id}`);
  return 0;
}
